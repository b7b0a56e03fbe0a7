import Foundation
import JSONText
import TestKit
import Testing

/// `martlet policy …` against a daemon that knows flows and open connections.
@Suite(.serialized) struct PolicyToolsTests {
    private static let port: UInt16 = 9_300

    /// Keeps the visitor from the web server.
    private static let cut = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web, namespace: default}
        spec:
          podSelector: {matchLabels: {app: web}}
          ingress: [{from: [{podSelector: {matchLabels: {app: orders}}}]}]
        """

    @Test(.timeLimit(.minutes(1))) func anOpenConnectionIsCountedByDiffAndProvesASuggestion() async throws {
        try await withShop { shop in
            let node = shop.node
            let file = node.directory + "/cut.yaml"
            try Self.cut.write(toFile: file, atomically: true, encoding: .utf8)
            try await withConnection(from: shop.visitor, to: shop.web, at: shop.webAddress, Self.port) { _, _ in
                try await until("the connection is counted") {
                    try await node.martlet(["policy", "diff", file]).output.contains("cuts 1 live connection\n")
                }
                let diff = try await node.martlet(["policy", "diff", file])
                #expect(diff.status == 0, "\(diff.output)")
                #expect(diff.output.contains("default/visitor -> default/web TCP \(Self.port)"), "\(diff.output)")
                let gate = try await node.martlet(["policy", "diff", "--refuse-cuts", file])
                #expect(gate.status == 1 && gate.output.contains("cuts 1 live connection\n"), "\(gate.output)")
                let harmless = try await node.martlet(["policy", "diff", "--refuse-cuts", "--remove", "default/orders"])
                #expect(
                    harmless.status == 0 && harmless.output.contains("cuts no live connection"), "\(harmless.output)")
                // Nothing was applied.
                #expect(try shop.visitor.ask(shop.webAddress, 8_080) == "web")

                try await until("the flow proves a suggestion") {
                    let run = try await node.martlet(["policy", "suggest"])
                    #expect(run.status == 0, "\(run.output)")
                    return run.output.contains("kind: NetworkPolicy") && run.output.contains("\(Self.port)")
                }
                let graph = try await node.martlet(["policy", "graph", "--format", "dot"])
                #expect(graph.status == 0 && graph.output.contains("label=\"default\""), "\(graph.output)")
            }
            let lint = try await node.martlet(["policy", "lint"])
            #expect(lint.status == 0, "\(lint.output)")
        }
    }

    /// On a policy in force the annotation counts as its deletion.
    @Test(.timeLimit(.minutes(1))) func aDryRunIsSaidByTheAPI() async throws {
        try await withNode { node in
            try await until("the API answers") { try await node.readyz() == "200" }
            let call = try APICaller(node)
            let policies = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
            let policy: JSONValue = [
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": ["name": "web", "namespace": "default"], "spec": ["podSelector": [:]],
            ]
            func warning(_ method: String, _ path: String, _ body: JSONValue) async throws -> String? {
                let text = try await call.text(method, path, body, as: nil, "-i")
                return text.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("warning: 299") }
                    .map(String.init)
            }
            func annotated(_ value: JSONValue) -> JSONValue {
                ["metadata": ["annotations": ["policy.martlet.io/dry-run": value]]]
            }
            #expect(try await warning("POST", policies, policy) == nil)
            let now = try await warning("PATCH", policies + "/web", annotated("true"))
            #expect(now?.contains("NetworkPolicy web is a dry run now") == true, "\(now ?? "none")")
            #expect(now?.contains("counts as its deletion") == true)
            #expect(try await warning("PATCH", policies + "/web", annotated("true")) == nil)
            let typo = try await warning("PATCH", policies + "/web", annotated("yes"))
            #expect(typo?.contains("is enforced") == true, "\(typo ?? "none")")
        }
    }
}
