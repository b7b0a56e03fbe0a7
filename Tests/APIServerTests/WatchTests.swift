import APIClient
import APIMachinery
import JSONText
import Store
import Testing

@testable import APIServer

@Suite struct WatchTests {
    private static let maps = "/api/v1/namespaces/a/configmaps"

    @Test func aWatchShowsWhatIsThereAndWhatComes() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        let lines = try await server.watch("\(Self.maps)?watch=true")
        #expect(await lines.nextPair() == "ADDED m")
        await server.call("POST", Self.maps, TestServer.configMap("n"))
        #expect(await lines.nextPair() == "ADDED n")
        await server.call("PUT", "\(Self.maps)/n", TestServer.configMap("n", ["a": "2"]))
        #expect(await lines.nextPair() == "MODIFIED n")
        await server.call("DELETE", "\(Self.maps)/n")
        let deleted = try #require(await lines.next())
        #expect(deleted["type"] == "DELETED")
        #expect(deleted["object"]?.resourceVersion == String(server.store.revision))
    }

    @Test func aProtobufWatchSendsFramesOfProtobuf() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        let response = await server.core.respond(
            APIRequest(
                method: "GET", target: "\(Self.maps)?watch=true",
                headers: [("accept", "application/vnd.kubernetes.protobuf;stream=watch,application/json")],
                user: .master("admin")))
        #expect(
            response.headers.contains { $0.name == "content-type" && $0.value.contains("protobuf;stream=watch") })
        guard case .stream(let stream) = response.body else { throw APIStatus.badRequest("no stream") }
        let bytes = try #require(await stream.next())
        let count = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        #expect(bytes.count == count + 4)
        // Field 1, "ADDED"; field 2, the object in field 1 of its own message.
        #expect(bytes[4..<11].elementsEqual([0x0A, 5] + Array("ADDED".utf8)))
        let mark = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x6B, 0x38, 0x73, 0]) })
        let object = try ProtobufCodec().decode(Array(bytes[mark...]))
        #expect(object.name == "m")
        #expect(object["data"] == ["a": "1"])
    }

    @Test func leavingTheSelectionIsADeletion() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let lines = try await server.watch("\(Self.maps)?watch=true&labelSelector=k%3D1")
        await server.call("POST", Self.maps, TestServer.configMap("other"))
        await server.call("POST", Self.maps, TestServer.configMap("m", labels: ["k": "1"]))
        #expect(await lines.nextPair() == "ADDED m")
        await server.call("PUT", "\(Self.maps)/m", TestServer.configMap("m", labels: ["k": "2"]))
        #expect(await lines.nextPair() == "DELETED m")
        await server.call("PUT", "\(Self.maps)/m", TestServer.configMap("m", labels: ["k": "1"]))
        #expect(await lines.nextPair() == "ADDED m")
    }

    @Test func aWatchOfTablesTellsItsColumnsOnce() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        await server.call("POST", Self.maps, TestServer.configMap("n"))
        let lines = try await server.watch(
            "\(Self.maps)?watch=true", accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
        let first = try #require(await lines.next()?["object"])
        #expect(first["columnDefinitions"]?.array?.count == 3)
        #expect(first["rows"]?[0]?["cells"]?[0] == "m")
        let second = try #require(await lines.next()?["object"])
        #expect(second["columnDefinitions"] == .null)
        #expect(second["rows"]?[0]?["cells"]?[0] == "n")
    }

    @Test func initialEventsEndWithAMarkedBookmark() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        let lines = try await server.watch("\(Self.maps)?\(query)")
        #expect(await lines.nextPair() == "ADDED m")
        let end = try #require(await lines.next())
        #expect(end["type"] == "BOOKMARK")
        #expect(end[path: "object", "metadata", "annotations", "k8s.io/initial-events-end"] == "true")
        #expect(end["object"]?.resourceVersion == String(server.store.revision))
    }

    @Test func aPastThatIsGoneIsExpired() async throws {
        let server = try TestServer { $0.watchHistoryEventsMax = 8 }
        await server.makeNamespace("a")
        for index in 0..<12 { await server.call("POST", Self.maps, TestServer.configMap("m\(index)")) }
        let late = await server.call("GET", "\(Self.maps)?watch=true&resourceVersion=1")
        #expect(late.status == 410)
        #expect(late.reason == "Expired")
    }

    @Test func aSlowWatcherLosesItsWatchAndNotTheServer() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let lines = try await server.watch("\(Self.maps)?watch=true")
        await withTaskGroup(of: Void.self) { group in
            for index in 0...Limits.watchBufferEventsMax + 8 {
                group.addTask { await server.call("POST", Self.maps, TestServer.configMap("m\(index)")) }
            }
        }
        var count = 0
        while await lines.next() != nil { count += 1 }
        #expect(count <= Limits.watchBufferEventsMax + 1)
        #expect(server.core.cache.watchCount == 0)
    }

    @Test func timeAndBookmarksComeByTheClock() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let lines = try await server.watch("\(Self.maps)?watch=true&timeoutSeconds=10&allowWatchBookmarks=true")
        server.core.cache.tick(now: .now + .seconds(9))
        #expect(await lines.next()?["type"] == "BOOKMARK")
        server.core.cache.tick(now: .now + .seconds(11))
        #expect(await lines.next() == nil)
    }

    @Test func whoFollowsTheRevisionInThisProcessLearnsAtEachTickHowFarTheServerIs() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let client = LocalClient(core: server.core, user: .master("system:controller:x"))
        let start = String(server.store.revision)
        let events = try await client.watch(.configMaps, ListOptions(followsRevision: true), from: start)
        var iterator = events.makeAsyncIterator()
        var others = try await client.watch(.configMaps, ListOptions(), from: start).makeAsyncIterator()
        let outside = try await server.watch("\(Self.maps)?watch=true&allowWatchBookmarks=true")

        await server.call("POST", "/api/v1/namespaces/a/secrets", Self.secret("s"))
        let ofSecret = String(server.store.revision)
        server.core.cache.tick(now: .now)
        guard case .bookmark(ofSecret) = try await iterator.next() else {
            Issue.record("no bookmark of the secret's revision")
            return
        }
        // Nothing moved: nothing is sent, and the next is the object.
        server.core.cache.tick(now: .now)
        await server.call("POST", Self.maps, TestServer.configMap("m"))
        guard case .added = try await iterator.next(), case .bookmark(let after) = try await iterator.next() else {
            Issue.record("the object is not followed by its mark")
            return
        }
        #expect(after == String(server.store.revision))
        #expect(await outside.nextPair() == "ADDED m", "others are not told sixty times as often")
        guard case .added = try await others.next() else {
            Issue.record("who does not ask is told too")
            return
        }
    }

    /// A change does not wait for its writer to be told before the rest of the process hears of it.
    @Test func theCacheHasACommitBeforeItsWriterKnows() async throws {
        let server = try TestServer()
        let revision = try await server.store.commit([.put(key: "/configmaps/a/m", value: Array("{}".utf8))]).revision
        #expect(server.core.cache.revision == revision)
    }

    private static func secret(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name)]]
    }

    @Test func theLocalClientListsWatchesAndWrites() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let client = LocalClient(core: server.core, user: .master("system:controller:x"))
        let list = try await client.list(.configMaps, ListOptions(namespace: "a"))
        let events = try await client.watch(.configMaps, ListOptions(namespace: "a"), from: list.resourceVersion)
        var iterator = events.makeAsyncIterator()
        let reference = ObjectReference(.configMaps, namespace: "a", name: "m")
        _ = try await client.create(reference, subresource: "", TestServer.configMap("m"))
        guard case .added(let added) = try await iterator.next() else {
            Issue.record("no event")
            return
        }
        #expect(added.name == "m")
        #expect(added["kind"] == "ConfigMap")
        _ = try await client.delete(reference, options: nil)
        guard case .deleted = try await iterator.next() else {
            Issue.record("no event")
            return
        }
        await #expect(throws: APIError.self) { try await client.get(reference, subresource: "") }
    }

    @Test func theLocalClientShowsNoManagedFieldsAndListsMetadataAloneOnRequest() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let client = LocalClient(core: server.core, user: .master("system:controller:x"))
        let reference = ObjectReference(.configMaps, namespace: "a", name: "m")
        let start = String(server.store.revision)
        _ = try await client.create(reference, subresource: "", TestServer.configMap("m"))
        #expect(try await client.get(reference, subresource: "")[path: "metadata", "managedFields"] != nil)

        for isMetadataOnly in [false, true] {
            let options = ListOptions(
                namespace: "a", fieldSelector: "metadata.name=m,metadata.namespace!=b", isMetadataOnly: isMetadataOnly)
            let listed = try #require(try await client.list(.configMaps, options).items.first)
            guard
                case .added(let seen) = try await client.watch(.configMaps, options, from: start).first(where: {
                    if case .added = $0 { true } else { false }
                })
            else {
                Issue.record("no event")
                return
            }
            #expect(listed["metadata"] == seen["metadata"] && listed["kind"] == seen["kind"])
            #expect(seen.name == "m" && seen["kind"] == "ConfigMap")
            #expect(seen[path: "metadata", "managedFields"] == nil)
            // A watch shares the tree that others of its kind read.
            #expect((listed["data"] == nil) == isMetadataOnly && seen["data"] != nil)
        }
    }

    /// A daemon has to come back however much there is: its informers list through this client.
    @Test func theLocalClientListsMoreThanOneAnswerMayHold() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let client = LocalClient(core: server.core, user: .master("system:controller:x"))
        let large = String(repeating: "x", count: 900_000)
        let count = JSONLimits.standard.bytesMax / large.count + 2
        for index in 0..<count {
            let body: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string("m-\(index)"), "namespace": "a"],
                "data": ["text": .string(large)],
            ]
            _ = try await client.create(
                ObjectReference(.configMaps, namespace: "a", name: "m-\(index)"), subresource: "", body)
        }
        let list = try await client.list(.configMaps, ListOptions(namespace: "a"))
        #expect(list.items.count { $0.name.hasPrefix("m-") } == count)
        #expect(list.items.allSatisfy { $0["kind"] == "ConfigMap" && $0["apiVersion"] == "v1" })
        #expect(list.resourceVersion == String(server.core.cache.table("core/configmaps").revision))
        await #expect(throws: APIError.self) {
            try await client.list(.configMaps, ListOptions(labelSelector: "not a selector"))
        }
    }
}
