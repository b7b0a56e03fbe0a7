import APIMachinery
import JSONText
import Testing

@testable import APIServer

@Suite struct NodeDataplaneTests {
    private static let path = "/apis/martlet.io/v1alpha1/nodedataplanes"

    @Test func statusIsItsOwnAndTheTableShowsTheFullestTable() async throws {
        let server = try TestServer()
        let made = await server.call(
            "POST", Self.path,
            [
                "apiVersion": "martlet.io/v1alpha1", "kind": "NodeDataplane", "metadata": ["name": "n1"],
                "status": ["generation": 9],
            ])
        #expect(made.status == 201)
        #expect(made.json["status"] == nil, "only the subresource writes it")
        let status: JSONValue = [
            "apiVersion": "martlet.io/v1alpha1", "kind": "NodeDataplane", "metadata": ["name": "n1"],
            "status": [
                "enforcedRevision": 77, "generation": 0, "notEnforcedCount": 1,
                "notEnforced": [["kind": "NetworkPolicy", "namespace": "a", "name": "p", "message": "too long"]],
                "tables": [
                    ["name": "rules", "used": 0, "limit": 10], ["name": "classes", "used": 5, "limit": 10],
                ],
            ],
        ]
        let written = await server.call(
            "PATCH", "\(Self.path)/n1/status?fieldManager=martlet-agent&force=true", status,
            content: "application/apply-patch+yaml")
        #expect(written.status == 200, "\(written.text)")
        #expect(written.json["status"] == status["status"])
        let table = await server.call(
            "GET", Self.path, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        #expect(table.json["columnDefinitions"]?.array?.compactMap { $0["name"]?.string }.first == "Node")
        #expect(
            table.json["rows"]?[0]?["cells"]?.array?.prefix(5) == ["n1", "77", "0", "1", "classes 50%"])
    }

    @Test func documentsDescribeIt() async throws {
        let server = try TestServer()
        let document = await server.call("GET", "/openapi/v3/apis/martlet.io/v1alpha1")
        #expect(document.text.contains("NodeDataplaneStatus"))
        let list = await server.call("GET", "/apis/martlet.io/v1alpha1")
        #expect(list.text.contains("\"nodedataplanes/status\""))
    }
}
