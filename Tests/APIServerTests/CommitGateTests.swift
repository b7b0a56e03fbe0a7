import APIMachinery
import JSONText
import Synchronization
import Testing

@testable import APIServer

/// A judge sees writes in commit order: what each of two writes may do alone, both together may not.
@Suite struct CommitGateTests {
    /// Lets ConfigMaps hold ten in all.
    private final class TenInAll: CommitJudge {
        struct State {
            var held: [String: Int64] = [:]
            var resets = 0
            var asked: [String] = []
        }
        let state = Mutex(State())
        let storages: Set<String> = ["core/configmaps"]

        func concerns(_ write: ProposedWrite) -> Bool {
            state.withLock { $0.asked.append(write.storage) }
            return write.new != nil
        }

        func cameAbout() {}
        func reset(_ objects: [CommittedObject]) {
            state.withLock { state in
                state.held = [:]
                state.resets += 1
            }
            follow(objects)
        }

        func follow(_ objects: [CommittedObject]) {
            state.withLock { state in
                for object in objects { state.held[object.key] = object.object.map { Self.amount($0.tree()) } }
            }
        }

        func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
            let isRefused = state.withLock { state in
                let old = state.held
                for write in writes { state.held[write.key] = write.new.map(Self.amount) }
                guard state.held.values.reduce(0, +) > 10 else { return false }
                state.held = old
                return true
            }
            if isRefused { throw Full() }
        }

        static func amount(_ object: JSONValue) -> Int64 {
            (object[path: "data", "n"]?.string).flatMap { Int64($0) } ?? 0
        }

        var total: Int64 { state.withLock { $0.held.values.reduce(0, +) } }
    }

    private struct Full: Error, CustomStringConvertible {
        var description: String { "ten are taken" }
    }

    private static let path = "/api/v1/namespaces/default/configmaps"

    private func map(_ name: String, _ amount: Int) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)],
            "data": ["n": .string(String(amount))],
        ]
    }

    private func server(_ judge: TenInAll) async throws -> TestServer {
        let server = try TestServer { $0.judge = judge }
        await server.makeNamespace("default")
        return server
    }

    @Test func ofFortyWritersAtOnceTenGetThrough() async throws {
        let judge = TenInAll()
        let server = try await server(judge)
        let statuses = await withTaskGroup(of: Int.self) { group in
            for index in 0..<40 {
                group.addTask { await server.call("POST", Self.path, self.map("m\(index)", 1)).status }
            }
            var found: [Int] = []
            for await status in group { found.append(status) }
            return found
        }
        #expect(statuses.count { $0 == 201 } == 10 && statuses.count { $0 == 403 } == 30)
        #expect(judge.total == 10)
    }

    @Test func aRefusalNamesTheReasonAndADryRunIsJudgedAndForgotten() async throws {
        let judge = TenInAll()
        let server = try await server(judge)
        #expect(await server.call("POST", Self.path + "?dryRun=All", map("a", 9)).status == 201)
        #expect(await server.call("POST", Self.path, map("a", 9)).status == 201)
        let dry = await server.call("POST", Self.path + "?dryRun=All", map("b", 2))
        #expect(dry.status == 403 && dry.text.contains("ten are taken"))
        #expect(await server.call("PUT", Self.path + "/a", map("a", 11)).status == 403)
        #expect(await server.call("PUT", Self.path + "/a", map("a", 10)).status == 200)
        #expect(judge.total == 10)
    }

    @Test func aWriteThatDoesNotComeAboutAndADeleteGiveRoom() async throws {
        let judge = TenInAll()
        let server = try await server(judge)
        #expect(await server.call("POST", Self.path, map("a", 4)).status == 201)
        // Exists already: judged as a create of six more, then refused by the store.
        #expect(await server.call("POST", Self.path, map("a", 10)).status == 409)
        #expect(await server.call("POST", Self.path, map("b", 6)).status == 201)
        #expect(await server.call("DELETE", Self.path + "/a").status == 200)
        #expect(await server.call("POST", Self.path, map("c", 4)).status == 201)
        #expect(judge.total == 10)
    }

    /// Keeps what it was asked about.
    private final class Witness: CommitJudge {
        let seen = Mutex<[(key: String, isGone: Bool)]>([])
        let done = Mutex(0)
        let storages: Set<String> = ["core/configmaps"]

        func concerns(_ write: ProposedWrite) -> Bool { true }
        func cameAbout() { done.withLock { $0 += 1 } }
        func reset(_ objects: [CommittedObject]) {}
        func follow(_ objects: [CommittedObject]) {}
        func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
            seen.withLock { seen in seen += writes.map { ($0.key, $0.new == nil) } }
        }
    }

    @Test func aDeletionIsJudgedAsNothingUnderItsOwnKey() async throws {
        let witness = Witness()
        let server = try TestServer { $0.judge = witness }
        await server.makeNamespace("default")
        var held = map("a", 1)
        held["metadata"]?["finalizers"] = ["example.com/hold"]
        #expect(await server.call("POST", Self.path, held).status == 201)
        // Marked first; gone with its last finalizer.
        #expect(await server.call("DELETE", Self.path + "/a").status == 200)
        #expect(await server.call("PUT", Self.path + "/a", map("a", 1)).status == 200)
        #expect(await server.call("POST", Self.path, map("b", 1)).status == 201)
        #expect(await server.call("DELETE", Self.path + "/b").status == 200)
        let seen = witness.seen.withLock { $0 }
        #expect(seen.map(\.key) == ["default/a", "default/a", "default/a", "default/b", "default/b"])
        #expect(seen.map(\.isGone) == [false, false, true, false, true])
        #expect(witness.done.withLock { $0 } == 5)
    }

    /// Refuses every change of a ConfigMap in the words of a lost race, and counts how often it is asked.
    private final class Echo: CommitJudge {
        let asked = Mutex(0)
        let storages: Set<String> = ["core/configmaps"]

        func concerns(_ write: ProposedWrite) -> Bool { write.old != nil }
        func cameAbout() {}
        func reset(_ objects: [CommittedObject]) {}
        func follow(_ objects: [CommittedObject]) {}
        func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
            asked.withLock { $0 += 1 }
            throw APIStatus.stale(group: "", resource: "configmaps", name: writes.first?.name ?? "")
        }
    }

    @Test func aRefusalInTheWordsOfALostRaceIsNotTriedAgain() async throws {
        let echo = Echo()
        let server = try TestServer { $0.judge = echo }
        await server.makeNamespace("default")
        #expect(await server.call("POST", Self.path, map("a", 1)).status == 201)
        #expect(await server.call("DELETE", Self.path + "/a").status == 409)
        #expect(echo.asked.withLock { $0 } == 1)
        #expect(await server.call("PUT", Self.path + "/a", map("a", 2)).status == 409)
        #expect(echo.asked.withLock { $0 } == 2)
    }

    /// Lets another writer come between what is read and what is written, the first time.
    private final class Meddler: AdmissionPlugin {
        let meddle = Mutex<(@Sendable () async -> Void)?>(nil)

        func admit(_ object: inout JSONValue, _ request: AdmissionRequest) async throws {
            let due = meddle.withLock { meddle in
                defer { meddle = nil }
                return meddle
            }
            await due?()
        }
    }

    @Test func aLostRaceIsTriedAgain() async throws {
        let meddler = Meddler()
        let server = try TestServer { $0.admission = [meddler] }
        await server.makeNamespace("default")
        for (method, status) in [("PUT", 200), ("DELETE", 200)] {
            await server.call("POST", Self.path, map("a", 1))
            let other = map("a", 5)
            meddler.meddle.withLock {
                $0 = { [server] in await server.call("PUT", Self.path + "/a", other) }
            }
            let body = method == "PUT" ? map("a", 2) : nil
            #expect(await server.call(method, Self.path + "/a", body).status == status)
            #expect(meddler.meddle.withLock { $0 == nil })
        }
    }

    @Test func whatDoesNotComeAboutIsNotToldAsDone() async throws {
        let witness = Witness()
        let server = try TestServer { $0.judge = witness }
        await server.makeNamespace("default")
        #expect(await server.call("POST", Self.path + "?dryRun=All", map("a", 1)).status == 201)
        #expect(witness.done.withLock { $0 } == 0)
        #expect(await server.call("POST", Self.path, map("a", 1)).status == 201)
        #expect(await server.call("POST", Self.path, map("a", 1)).status == 409)
        #expect(witness.done.withLock { $0 } == 1 && witness.seen.withLock { $0.count } == 3)
    }

    @Test func otherKindsAreNotAskedAboutAndAStartReadsWhatIsThere() async throws {
        let judge = TenInAll()
        let server = try await server(judge)
        #expect(await server.call("POST", Self.path, map("a", 8)).status == 201)
        #expect(judge.state.withLock { $0.asked.allSatisfy { $0 == "core/configmaps" } })
        let later = TenInAll()
        let again = try APICore(
            store: server.store, keyDirectory: "\(server.directory)/pki",
            options: {
                var options = server.core.options
                options.judge = later
                return options
            }())
        await again.gate?.refresh()
        #expect(later.total == 8 && later.state.withLock { $0.resets } == 1)
    }
}
