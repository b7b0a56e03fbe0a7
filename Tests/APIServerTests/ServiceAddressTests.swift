import APIMachinery
import JSONText
import NetTypes
import Store
import Testing

@testable import APIServer

@Suite struct ServiceAddressTests {
    private static let services = "/api/v1/namespaces/a/services"

    private func service(_ name: String, _ spec: [String: JSONValue] = [:]) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name)],
            "spec": .object(["ports": [["port": 80]]].merging(spec) { $1 }),
        ]
    }

    @Test func anAddressIsNeverGivenTwice() async throws {
        let server = try TestServer { $0.serviceCIDRs = ["10.96.0.0/27"] }
        await server.makeNamespace("a")
        var seen: Set<String> = []
        for index in 0..<30 {
            let made = await server.call("POST", Self.services, service("s\(index)"))
            #expect(made.status == 201)
            let address = try #require(made.json[path: "spec", "clusterIP"]?.string)
            #expect(seen.insert(address).inserted)
        }
        #expect(await server.call("POST", Self.services, service("full")).status == 500)
        await server.call("DELETE", "\(Self.services)/s7")
        #expect(await server.call("POST", Self.services, service("again")).status == 201)
    }

    @Test func aGivenAddressIsCheckedAndFreedWithItsService() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let wanted: [String: JSONValue] = ["clusterIP": "10.96.9.9"]
        #expect(await server.call("POST", Self.services, service("s", wanted)).status == 201)
        let taken = await server.call("POST", Self.services, service("t", wanted))
        #expect(taken.status == 422)
        #expect(taken.json["message"]?.string?.contains("already allocated") == true)
        let outside = await server.call("POST", Self.services, service("u", ["clusterIP": "10.1.1.1"]))
        #expect(outside.status == 422)
        #expect(await server.call("POST", "\(Self.services)?dryRun=All", service("v")).status == 201)
        await server.call("DELETE", "\(Self.services)/s")
        #expect(await server.call("POST", Self.services, service("t", wanted)).status == 201)
    }

    @Test func anAddressStaysOnceItIsSet() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let made = await server.call("POST", Self.services, service("s"))
        for wanted in ["10.96.1.1", "None"] {
            let changed = await server.call(
                "PATCH", "\(Self.services)/s", ["spec": ["clusterIP": .string(wanted)]],
                content: "application/merge-patch+json")
            #expect(changed.status == 422)
            #expect(changed.json[path: "details", "causes"]?[0]?["field"] == "spec.clusterIPs[0]")
        }
        let cleared = await server.call(
            "PATCH", "\(Self.services)/s", ["spec": ["clusterIP": .null]], content: "application/merge-patch+json")
        #expect(cleared.json[path: "spec", "clusterIP"] == made.json[path: "spec", "clusterIP"])
    }

    @Test func dualStackGivesOneAddressAFamily() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let made = await server.call(
            "POST", Self.services, service("s", ["ipFamilyPolicy": "RequireDualStack"]))
        let addresses = (made.json[path: "spec", "clusterIPs"]?.array ?? []).compactMap { $0.string }
        #expect(addresses.count == 2)
        #expect(addresses.compactMap { IPAddress($0)?.family } == [.v4, .v6])
        #expect(made.json[path: "spec", "ipFamilies"] == ["IPv4", "IPv6"])
    }

    @Test func aRestartKnowsWhatIsTaken() async throws {
        let directory = try TestServer.makeDirectory()
        defer { TestServer.remove(directory) }
        let first = try TestServer(directory: directory)
        await first.makeNamespace("a")
        let made = await first.call("POST", Self.services, service("s"))
        let address = try #require(made.json[path: "spec", "clusterIP"])
        first.store.close()
        let second = try TestServer(directory: directory)
        let taken = await second.call("POST", Self.services, service("t", ["clusterIP": address]))
        #expect(taken.status == 422)
        second.store.close()
    }
}
