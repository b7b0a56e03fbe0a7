import APIMachinery
import JSONText
import Store
import Testing

@testable import APIServer

@Suite struct WriteTests {
    private static let maps = "/api/v1/namespaces/a/configmaps"

    @Test func aStaleVersionIsAConflictAndANewOneIsNot() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let made = await server.call("POST", Self.maps, TestServer.configMap("m"))
        #expect(made.status == 201)
        let version = made.json.resourceVersion
        var object = made.json
        object["data"] = ["a": "2"]
        #expect(await server.call("PUT", "\(Self.maps)/m", object).status == 200)
        object["data"] = ["a": "3"]
        let stale = await server.call("PUT", "\(Self.maps)/m", object)
        #expect(stale.status == 409)
        #expect(stale.reason == "Conflict")
        object["metadata"]?["resourceVersion"] = nil
        let free = await server.call("PUT", "\(Self.maps)/m", object)
        #expect(free.status == 200)
        #expect(free.json.resourceVersion != version)
        #expect(await server.call("POST", Self.maps, TestServer.configMap("m")).reason == "AlreadyExists")
    }

    @Test func concurrentPatchesAllCount() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        await withTaskGroup(of: Int.self) { group in
            for index in 0..<6 {
                group.addTask {
                    await server.call(
                        "PATCH", "\(Self.maps)/m", ["data": .object(["k\(index)": "v"])],
                        content: "application/merge-patch+json"
                    ).status
                }
            }
            for await status in group { #expect(status == 200) }
        }
        let data = await server.call("GET", "\(Self.maps)/m").json["data"]?.object ?? [:]
        #expect(data.count == 7)
    }

    @Test func aDryRunLeavesNothing() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let before = server.store.revision
        #expect(await server.call("POST", "\(Self.maps)?dryRun=All", TestServer.configMap("m")).status == 201)
        #expect(await server.call("GET", "\(Self.maps)/m").status == 404)
        #expect(server.store.revision == before)
        #expect(await server.call("POST", "\(Self.maps)?dryRun=Some", TestServer.configMap("m")).status == 422)
    }

    @Test func finalizersKeepAnObjectUntilTheyAreGone() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        var object = TestServer.configMap("m")
        object["metadata"]?["finalizers"] = ["example.com/x"]
        await server.call("POST", Self.maps, object)
        let marked = await server.call("DELETE", "\(Self.maps)/m")
        #expect(marked.json[path: "metadata", "deletionTimestamp"] != nil)
        #expect(await server.call("GET", "\(Self.maps)/m").status == 200)
        let freed = await server.call(
            "PATCH", "\(Self.maps)/m", ["metadata": ["finalizers": .null]], content: "application/merge-patch+json")
        #expect(freed.status == 200)
        #expect(await server.call("GET", "\(Self.maps)/m").status == 404)
    }

    @Test func aBoundPodEndsWithItsGraceAndAnUnboundOneAtOnce() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        func pod(_ name: String, node: String?) -> JSONValue {
            var spec: [String: JSONValue] = ["containers": [["name": "c", "image": "i"]]]
            spec["nodeName"] = node.map { .string($0) }
            return ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)], "spec": .object(spec)]
        }
        let pods = "/api/v1/namespaces/a/pods"
        await server.call("POST", pods, pod("bound", node: "n"))
        await server.call("POST", pods, pod("free", node: nil))
        await server.call("DELETE", "\(pods)/free")
        #expect(await server.call("GET", "\(pods)/free").status == 404)
        let ending = await server.call("DELETE", "\(pods)/bound")
        #expect(ending.json[path: "metadata", "deletionGracePeriodSeconds"] == 30)
        #expect(await server.call("GET", "\(pods)/bound").status == 200)
        await server.call("DELETE", "\(pods)/bound?gracePeriodSeconds=0")
        #expect(await server.call("GET", "\(pods)/bound").status == 404)
    }

    @Test func nothingIsMadeInANamespaceThatIsGoneOrGoing() async throws {
        let server = try TestServer()
        #expect(await server.call("POST", Self.maps, TestServer.configMap("m")).status == 404)
        await server.makeNamespace("a")
        let namespace = await server.call("DELETE", "/api/v1/namespaces/a")
        #expect(namespace.json[path: "status", "phase"] == "Terminating")
        let refused = await server.call("POST", Self.maps, TestServer.configMap("m"))
        #expect(refused.status == 403)
        var object = await server.call("GET", "/api/v1/namespaces/a").json
        object["spec"] = ["finalizers": []]
        #expect(await server.call("PUT", "/api/v1/namespaces/a/finalize", object).status == 200)
        #expect(await server.call("GET", "/api/v1/namespaces/a").status == 404)
    }

    @Test func malformedBodiesGetAStatusThatSaysSo() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let deep = Array(String(repeating: "[", count: 100_000).utf8)
        for content in ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"] {
            for body in [Array("{".utf8), deep, Array("a: [".utf8), [0x6B, 0x38, 0x73, 0, 0xFF, 0xFF], [0xFF, 0xFE]] {
                let answer = await server.send("POST", Self.maps, body, content: content)
                #expect((400..<500).contains(answer.status), "\(content) \(body.prefix(6)): \(answer.status)")
                #expect(answer.json["kind"] == "Status")
                #expect(answer.json["message"]?.string?.isEmpty == false)
            }
        }
        #expect(await server.send("POST", Self.maps, [1], content: "text/html").status == 415)
    }

    @Test func aRestartShowsWhatWasThereAndWatchesGoOn() async throws {
        let directory = try TestServer.makeDirectory()
        defer { TestServer.remove(directory) }
        let first = try TestServer(directory: directory)
        await first.makeNamespace("a")
        let made = await first.call("POST", Self.maps, TestServer.configMap("m"))
        await first.call("POST", Self.maps, TestServer.configMap("n"))
        first.store.close()
        let second = try TestServer(directory: directory)
        #expect(await second.call("GET", "\(Self.maps)/m").json == made.json)
        let lines = try await second.watch("\(Self.maps)?watch=1&resourceVersion=\(made.json.resourceVersion)")
        #expect(await lines.nextPair() == "ADDED n")
        second.store.close()
    }
}
