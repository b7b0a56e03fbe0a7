import APIClient
import APIMachinery
import JSONText
import Store
import TestKit
import Testing

@testable import APIServer

/// Parts of the process see what is committed; all others what is on the disk.
@Suite struct DurabilityTests {
    typealias Question = (
        method: String, path: String, body: JSONValue?, asked: String, target: String, asking: JSONValue?, status: Int
    )
    private static let maps = "/api/v1/namespaces/a/configmaps"
    private static let accounts = "/api/v1/namespaces/a/serviceaccounts"
    private static let review: JSONValue = [
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": ["resourceAttributes": ["verb": "get", "resource": "pods", "namespace": "a"]],
    ]
    private static func account(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": .string(name)]]
    }

    private let disk = HeldDisk()
    private let server: TestServer
    private let inside: LocalClient

    init() async throws {
        server = try TestServer(storing: TestServer.storing { [disk] in disk.sync($0) })
        await server.makeNamespace("a")
        await server.call("POST", Self.maps, TestServer.configMap("old"))
        inside = LocalClient(core: server.core, user: .master("martlet"))
    }

    /// Begins a write while the disk is held; returns when it is committed.
    private func begin(_ body: @escaping @Sendable () async -> TestServer.Answer) async throws
        -> Task<TestServer.Answer, Never>
    {
        disk.hold()
        let revision = server.store.revision
        let task = Task { await body() }
        for _ in 0..<5_000 where server.core.cache.revision == revision { try await Task.sleep(for: .milliseconds(1)) }
        try #require(server.core.cache.revision == revision + 1)
        return task
    }

    /// Asks while a write waits for the disk: the answer has this status, and comes when the write is there.
    private func expect(
        _ status: Int, after write: Task<TestServer.Answer, Never>,
        _ ask: @escaping @Sendable () async -> TestServer.Answer
    ) async throws {
        let answer = Task { [server] in
            let answer = await ask()
            return (status: answer.status, isEarly: server.core.cache.durableRevision < server.core.cache.revision)
        }
        try await Task.sleep(for: .milliseconds(100))
        disk.letGo()
        #expect(await write.value.status < 300)
        #expect(await answer.value == (status, false))
    }

    private func names() async -> [String] {
        await server.call("GET", Self.maps).json["items"]?.array?.map(\.name) ?? []
    }

    @Test func aNewObjectIsSeenInsideAtOnceAndOutsideFromTheDiskOn() async throws {
        let outer = try await server.watch("\(Self.maps)?watch=true&resourceVersion=\(server.store.revision)")
        let inner = try await inside.watch(.configMaps, ListOptions(namespace: "a"), from: "0")
        let reference = ObjectReference(.configMaps, namespace: "a", name: "new")
        let before = await names()
        let made = try await begin { [server] in await server.call("POST", Self.maps, TestServer.configMap("new")) }

        #expect(try await inside.get(reference, subresource: "").name == "new")
        #expect(try await inside.list(.configMaps, ListOptions(namespace: "a")).items.count == before.count + 1)
        var seen: [String] = []
        for try await event in inner {
            if case .added(let object) = event { seen.append(object.name) }
            if seen.last == "new" { break }
        }

        #expect(await server.call("GET", "\(Self.maps)/new").status == 404)
        #expect(await names() == before)
        let list = await server.call("GET", Self.maps)
        #expect(list.json.resourceVersion == String(server.store.revision - 1))
        let later = "\(Self.maps)?resourceVersion=\(server.store.revision)&resourceVersionMatch=NotOlderThan"
        #expect(await server.call("GET", later).status == 504)

        async let first = outer.nextPair()
        // A watch that begins now begins with what is on the disk, and goes on with what comes to it.
        let fresh = try await server.watch("\(Self.maps)?watch=true")
        for name in before { #expect(await fresh.nextPair() == "ADDED \(name)") }
        disk.letGo()
        #expect(await first == "ADDED new")
        #expect(await fresh.nextPair() == "ADDED new")
        #expect(await made.value.status == 201)
        #expect(await names().contains("new"))
    }

    @Test func aChangeAndADeletionAreSeenOutsideFromTheDiskOn() async throws {
        let changed = try await begin { [server] in
            await server.call("PUT", "\(Self.maps)/old", TestServer.configMap("old", ["a": "2"]))
        }
        #expect(await server.call("GET", "\(Self.maps)/old").json["data"]?["a"] == "1")
        disk.letGo()
        #expect(await changed.value.status == 200)
        #expect(await server.call("GET", "\(Self.maps)/old").json["data"]?["a"] == "2")
        let deleted = try await begin { [server] in await server.call("DELETE", "\(Self.maps)/old") }
        #expect(await server.call("GET", "\(Self.maps)/old").status == 200)
        #expect(await names().contains("old"))
        disk.letGo()
        #expect(await deleted.value.status == 200)
        #expect(await server.call("GET", "\(Self.maps)/old").status == 404)
    }

    /// They tell of what another one has written: an equal write that changes nothing, and a refusal.
    @Test(arguments: [("PUT", "/old", 200), ("POST", "", 409), ("PUT?dryRun=All", "/old", 200)])
    func answersThatWriteNothingWaitForWhatTheyTellOf(_ method: String, _ path: String, _ status: Int) async throws {
        let parts = method.split(separator: "?")
        let query = parts.count > 1 ? "?\(parts[1])" : ""
        let body = path.isEmpty ? TestServer.configMap("new") : TestServer.configMap("old", ["a": "2"])
        let first = try await begin { [server] in
            await server.call(String(parts[0]), Self.maps + path, body)
        }
        try await expect(status, after: first) { [server] in
            await server.call(String(parts[0]), Self.maps + path + query, body)
        }
    }

    /// Of each: what another one writes, and what is asked meanwhile, which tells of it.
    @Test(
        arguments: [
            ("DELETE", maps + "/old", nil, "POST", maps + "?dryRun=All", TestServer.configMap("old"), 201),
            ("DELETE", maps + "/old", nil, "DELETE", maps, nil, 200),
            ("DELETE", maps + "/old", nil, "DELETE", maps + "/old", nil, 404),
            ("POST", accounts, account("new"), "POST", accounts + "/new/token", [:], 201),
            (
                "POST", accounts, account("new"), "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                review, 201
            ),
        ] as [Question])
    func questionsThatAreNoReadsWaitForWhatTheyTellOf(_ question: Question) async throws {
        let (method, path, body, asked, target, asking, status) = question
        let first = try await begin { [server] in await server.call(method, path, body) }
        try await expect(status, after: first) { [server] in await server.call(asked, target, asking) }
    }

    /// Whoever tries again is not to take what was lost for written.
    @Test(arguments: [("POST", "", "new"), ("POST", "?dryRun=All", "other"), ("PUT", "/old", "old")])
    func afterASyncThatFailedNoAnswerTellsOfTheWrite(_ method: String, _ path: String, _ name: String) async throws {
        let change = TestServer.configMap("old", ["a": "2"])
        let changed = try await begin { [server] in await server.call("PUT", "\(Self.maps)/old", change) }
        let made = Task { [server] in await server.call("POST", Self.maps, TestServer.configMap("new")) }
        try await Task.sleep(for: .milliseconds(50))
        disk.letGo(failing: true)
        #expect(await changed.value.status == 500)
        #expect(await made.value.status == 503)
        let body = name == "old" ? change : TestServer.configMap(name)
        #expect(await server.call(method, Self.maps + path, body).status == 503)
        #expect(await server.call("GET", "\(Self.maps)/old").json["data"]?["a"] == "1")
        #expect(await server.call("DELETE", "\(Self.maps)/none", user: nil).status == 401)
    }

    @Test func aDeletionTriedAgainAfterASyncThatFailedIsNotTakenForDone() async throws {
        let path = "\(Self.maps)/old"
        let deleted = try await begin { [server] in await server.call("DELETE", path) }
        disk.letGo(failing: true)
        #expect(await deleted.value.status == 500)
        #expect(await server.call("DELETE", path).status == 503)
        #expect(await server.call("GET", path).status == 200)
    }

    @Test func noTokenAndNoPathBelowAnObjectShowsWhatIsNotOnTheDisk() async throws {
        let pods = "/api/v1/namespaces/a/pods"
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": ["containers": [["name": "c", "image": "i"]]],
        ]
        let made = try await begin { [server] in await server.call("POST", pods, pod) }
        let newest = server.store.revision
        #expect(await server.call("GET", "\(pods)/p/log").status == 404)
        let token = Continuation(revision: newest, lastKey: "a/").text
        let page = await server.call("GET", "\(pods)?limit=5&continue=\(token)").json
        #expect(page["items"]?.array?.isEmpty == true)
        #expect(page.resourceVersion == String(newest - 1))
        let metric = "\nmartlet_api_revision "
        #expect(await server.call("GET", "/metrics").text.contains("\(metric)\(newest - 1)\n"))
        disk.letGo()
        #expect(await made.value.status == 201)
        #expect(await server.call("GET", "\(pods)/p/log").status == 204)
        #expect(await server.call("GET", "/metrics").text.contains("\(metric)\(newest)\n"))
    }

    /// What the limits of the past drop, those outside have been told of.
    @Test(.timeLimit(.minutes(1))) func noWatchOutsideMissesWhatCameWhileTheDiskWasHeld() async throws {
        let server = try TestServer(storing: TestServer.storing { [disk] in disk.sync($0) }) {
            $0.watchHistoryEventsMax = 4
        }
        await server.makeNamespace("a")
        let outer = try await server.watch("\(Self.maps)?watch=true")
        disk.hold()
        let writes = Task {
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    group.addTask { await server.call("POST", Self.maps, TestServer.configMap("m-\(index)")) }
                }
            }
        }
        try await Task.sleep(for: .milliseconds(100))
        disk.letGo()
        var seen: Set<String> = []
        for _ in 0..<40 { seen.insert(await outer.nextPair()) }
        await writes.value
        #expect(seen == Set((0..<40).map { "ADDED m-\($0)" }))
    }
}
