import APIClient
import APIMachinery
import JSONText
import Store
import Synchronization
import Testing

@testable import APIServer

/// Many objects, one write: one revision, or nothing.
@Suite struct TransactionTests {
    private static let path = "/apis/martlet.io/v1alpha1/transactions"

    private func transaction(_ items: [JSONValue]) -> JSONValue {
        [
            "apiVersion": "martlet.io/v1alpha1", "kind": "Transaction", "items": .array(items),
            "options": ["fieldManager": "test", "force": true],
        ]
    }

    private func namespace(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
    }

    private func map(_ name: String, in namespace: String, _ value: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(namespace)], "data": ["v": .string(value)],
        ]
    }

    private func policy(_ name: String, in namespace: String, _ spec: JSONValue) -> JSONValue {
        [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": spec,
        ]
    }

    private func version(_ answer: JSONValue?) -> String? { answer?[path: "metadata", "resourceVersion"]?.string }

    /// Has a concern with ConfigMaps of one name, and remembers what it is shown.
    private final class Concerned: CommitJudge {
        let seen = Mutex<[[String]]>([])
        let storages: Set<String> = ["core/configmaps", "core/namespaces"]

        func concerns(_ write: ProposedWrite) -> Bool { write.key == "a/m" }
        func cameAbout() {}
        func reset(_ objects: [CommittedObject]) {}
        func follow(_ objects: [CommittedObject]) {}
        func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
            seen.withLock { $0.append(writes.map(\.key)) }
        }
    }

    @Test func theJudgeSeesAllWritesOfItsKindsWhereOneConcernsIt() async throws {
        let judge = Concerned()
        let server = try TestServer { $0.judge = judge }
        for name in ["m", "n"] {
            let items = [namespace("a"), map(name, in: "a", "1"), map("o", in: "a", "1")]
            #expect(await server.call("POST", Self.path, transaction(items)).status == 201)
        }
        #expect(judge.seen.withLock { $0 } == [["a", "a/m", "a/o"]])
    }

    @Test func whoWatchesInThisProcessHearsOfAllItsObjectsBeforeTheFirst() async throws {
        let server = try TestServer()
        let client = LocalClient(core: server.core, user: .master("system:controller:x"))
        let start = String(server.store.revision)
        let options = ListOptions(followsRevision: true)
        var maps = try await client.watch(.configMaps, options, from: start).makeAsyncIterator()
        var secrets = try await client.watch(.secrets, options, from: start).makeAsyncIterator()
        let answer = await server.call(
            "POST", Self.path, transaction([namespace("a"), map("m", in: "a", "1"), map("n", in: "a", "1")]))
        let revision = try #require(answer.json[path: "status", "revision"]?.string)
        var seen: [String] = []
        for _ in 0..<4 {
            switch try await maps.next() {
            case .together(revision): seen.append("together")
            case .added(let object): seen.append(object.name)
            case .bookmark(revision): seen.append("bookmark")
            case .together, .bookmark, .modified, .deleted, nil: seen.append("?")
            }
        }
        #expect(seen == ["together", "m", "n", "bookmark"])
        guard case .together(revision) = try await secrets.next(), case .bookmark(revision) = try await secrets.next()
        else {
            Issue.record("kinds that it did not touch are not told")
            return
        }
    }

    @Test func objectsOfANewNamespaceComeTogetherUnderOneRevision() async throws {
        let server = try TestServer()
        let answer = await server.call(
            "POST", Self.path,
            transaction([
                namespace("a"), map("m", in: "a", "1"), map("n", in: "a", "1"),
                policy("p", in: "a", ["podSelector": [:]]),
            ]))
        #expect(answer.status == 201, "\(answer.text)")
        let revision = answer.json[path: "status", "revision"]?.string
        #expect(revision != nil)
        for object in [
            "/api/v1/namespaces/a", "/api/v1/namespaces/a/configmaps/m", "/api/v1/namespaces/a/configmaps/n",
            "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies/p",
        ] {
            #expect(version(await server.call("GET", object).json) == revision, "\(object)")
        }
        let versions = (answer.json["items"]?.array ?? []).map { version($0) ?? "" }
        #expect(versions == Array(repeating: revision ?? "none", count: 4))
        // Applied again, nothing changes, and no revision is used.
        let again = await server.call("POST", Self.path, transaction([map("m", in: "a", "1")]))
        #expect(again.status == 201)
        #expect(version(await server.call("GET", "/api/v1/namespaces/a/configmaps/m").json) == revision)
    }

    @Test func oneObjectThatIsRefusedKeepsAllOthersOut() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let before = server.core.cache.revision
        let wrong = policy("p", in: "a", ["podSelector": [:], "ingress": [["ports": [["port": 70_000]]]]])
        let answer = await server.call("POST", Self.path, transaction([map("m", in: "a", "1"), wrong]))
        #expect(answer.status == 422)
        let message = answer.json["message"]?.string ?? ""
        #expect(message.hasPrefix("items[1]: networkpolicies \"a/p\": "), "\(answer.text)")
        #expect(message.contains("ports[0].port"), "\(answer.text)")
        let absent = await server.call(
            "POST", Self.path, transaction([map("m", in: "a", "1"), map("m", in: "b", "1")]))
        #expect(absent.status == 404)
        let twice = await server.call("POST", Self.path, transaction([map("m", in: "a", "1"), map("m", in: "a", "2")]))
        #expect(twice.status == 400 && twice.text.contains("stands twice"))
        #expect(await server.call("GET", "/api/v1/namespaces/a/configmaps/m").status == 404)
        #expect(server.core.cache.revision == before)
    }

    @Test func aDryRunWritesNothingAndRightsAreAskedForEachObject() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let dry = await server.call("POST", Self.path + "?dryRun=All", transaction([map("m", in: "a", "1")]))
        #expect(dry.status == 201, "\(dry.text)")
        #expect(await server.call("GET", "/api/v1/namespaces/a/configmaps/m").status == 404)
        let both = await server.call(
            "POST", Self.path + "?dryRun=All", transaction([namespace("c"), map("m", in: "c", "1")]))
        #expect(both.status == 201, "\(both.text)")
        #expect(await server.call("GET", "/api/v1/namespaces/c").status == 404)
        let nobody = UserInfo(name: "nobody", groups: [UserInfo.authenticatedGroup])
        let refused = await server.call("POST", Self.path, transaction([map("m", in: "a", "1")]), user: nobody)
        #expect(refused.status == 403)
        // Who may write transactions still needs the right to what is in them.
        let group = "rbac.authorization.k8s.io"
        let role: JSONValue = [
            "apiVersion": .string("\(group)/v1"), "kind": "ClusterRole", "metadata": ["name": "t"],
            "rules": [["verbs": ["create"], "apiGroups": ["martlet.io"], "resources": ["transactions"]]],
        ]
        let binding: JSONValue = [
            "apiVersion": .string("\(group)/v1"), "kind": "ClusterRoleBinding", "metadata": ["name": "t"],
            "subjects": [["kind": "User", "name": "nobody", "apiGroup": .string(group)]],
            "roleRef": ["apiGroup": .string(group), "kind": "ClusterRole", "name": "t"],
        ]
        #expect(await server.call("POST", "/apis/\(group)/v1/clusterroles", role).status == 201)
        #expect(await server.call("POST", "/apis/\(group)/v1/clusterrolebindings", binding).status == 201)
        let second = await server.call("POST", Self.path, transaction([map("m", in: "a", "1")]), user: nobody)
        #expect(second.status == 403)
        #expect(second.json["message"]?.string?.hasPrefix("items[0]: configmaps \"m\" is forbidden") == true)
    }

    @Test func servicesThatDoNotComeAboutGiveTheirAddressesBack() async throws {
        let server = try TestServer { $0.serviceCIDRs = ["10.96.0.0/29"] }
        await server.makeNamespace("a")
        func service(_ name: String) -> JSONValue {
            [
                "apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name), "namespace": "a"],
                "spec": ["ports": [["port": 80]]],
            ]
        }
        for _ in 0..<20 {
            let answer = await server.call(
                "POST", Self.path, transaction([service("s"), service("t"), map("m", in: "b", "1")]))
            #expect(answer.status == 404)
        }
        let answer = await server.call("POST", Self.path, transaction([service("s"), service("t")]))
        #expect(answer.status == 201, "\(answer.text)")
        let addresses = (answer.json["items"]?.array ?? []).compactMap { $0[path: "spec", "clusterIP"]?.string }
        #expect(Set(addresses).count == 2)
    }

    /// Refuses states in which ConfigMaps hold more than ten.
    private final class TenInAll: CommitJudge {
        let held = Mutex<[String: Int]>([:])
        let storages: Set<String> = ["core/configmaps"]

        func concerns(_ write: ProposedWrite) -> Bool { true }
        func cameAbout() {}
        func reset(_ objects: [CommittedObject]) {
            held.withLock { $0 = [:] }
            follow(objects)
        }
        func follow(_ objects: [CommittedObject]) {
            held.withLock { held in
                for object in objects { held[object.key] = object.object.map { Self.amount($0.tree()) } }
            }
        }
        func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
            try held.withLock { held in
                var after = held
                for write in writes { after[write.key] = write.new.map(Self.amount) }
                guard after.values.reduce(0, +) <= 10 else { throw APIStatus.badRequest("over ten") }
                held = after
            }
        }
        static func amount(_ object: JSONValue) -> Int { object[path: "data", "v"]?.string.flatMap { Int($0) } ?? 0 }
    }

    @Test func aSetIsJudgedByWhatItLeavesBehindNotStepByStep() async throws {
        let judge = TenInAll()
        let server = try TestServer { $0.judge = judge }
        await server.makeNamespace("a")
        #expect(await server.call("POST", Self.path, transaction([map("m", in: "a", "9")])).status == 201)
        // Step by step the first would be too much.
        let moved = await server.call("POST", Self.path, transaction([map("n", in: "a", "9"), map("m", in: "a", "1")]))
        #expect(moved.status == 201, "\(moved.text)")
        let tooMuch = await server.call(
            "POST", Self.path, transaction([map("o", in: "a", "1"), map("m", in: "a", "2")]))
        #expect(tooMuch.status == 400 && tooMuch.text.contains("over ten"))
        #expect(judge.held.withLock { $0.values.reduce(0, +) } == 10)
    }
}
