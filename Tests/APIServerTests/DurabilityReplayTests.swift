import APIClient
import APIMachinery
import JSONText
import Store
import Synchronization
import TestKit
import Testing

@testable import APIServer

/// Random writes on a disk whose syncs are held and let go at random: whatever anybody is told is compared with a
/// replay of the store's log, and whoever is outside with what was on the disk before.
@Suite struct DurabilityReplayTests {
    private static let maps = "/api/v1/namespaces/a/configmaps"
    private static let names = 10
    private static let writers = 6
    private static let writesEach = 120
    /// Fewer than one group of commits has, so that the cache drops its past all the time.
    private static let pastEvents = 4

    /// One change: what an object was told as, or nothing where it went.
    private struct Told: Hashable {
        var revision: Int64
        var name: String
        var data: String?

        init(_ object: JSONValue, isGone: Bool) {
            revision = Int64(object.resourceVersion) ?? 0
            name = object.name
            data = isGone ? nil : object[path: "data", "a"]?.string
        }
    }

    private typealias State = [String: Told]

    /// What the newest sync that succeeded has brought to the disk: read off the store where the sync begins.
    private final class Disk: Sendable {
        let held = HeldDisk()
        let isDone = Atomic(false)
        private let store = Mutex<Store?>(nil)
        private let reached = Mutex<Int64>(0)

        var revision: Int64 { reached.withLock { $0 } }

        func follow(_ store: Store) {
            reached.withLock { $0 = store.revision }
            self.store.withLock { $0 = store }
        }

        func forget() { store.withLock { $0 = nil } }

        func sync(_ file: Int32) -> Int32 {
            let revision = store.withLock { $0?.revision ?? 0 }
            let result = held.sync(file)
            if result == 0 { reached.withLock { $0 = max($0, revision) } }
            return result
        }
    }

    private struct Watched: Sendable {
        /// Nil for a watch from the present.
        var start: Int64?
        var events: [Told] = []
    }

    private let disk = Disk()
    private let server: TestServer
    private let first: Int64

    init() async throws {
        server = try TestServer(storing: TestServer.storing { [disk] in disk.sync($0) }) {
            $0.watchHistoryEventsMax = Self.pastEvents
        }
        await server.makeNamespace("a")
        disk.follow(server.store)
        first = server.store.revision
    }

    @Test(.timeLimit(.minutes(2)), arguments: 0..<3) func whatIsToldIsAReplayOfWhatIsOnTheDisk(seed: UInt64)
        async throws
    {
        async let holding: Void = hold(SeededGenerator(seed: seed))
        async let watched = watchAll(seed)
        async let lists = list()
        await withTaskGroup { group in
            for writer in 0..<Self.writers {
                group.addTask { await write(SeededGenerator(seed: seed << 8 | UInt64(writer) + 1)) }
            }
        }
        disk.isDone.store(true, ordering: .relaxed)
        await holding
        await server.call("POST", Self.maps, TestServer.configMap("end"))
        var truth: [StoreEvent] = []
        while truth.last?.key.hasSuffix("/end") != true {
            truth += try server.store.changes(
                prefix: "core/configmaps/a/", after: truth.last?.revision ?? first
            ).events
        }
        let log = try truth.map { event in
            let bytes = (event.entry ?? event.previous)?.value ?? []
            var told = Told(try JSONValue(parsing: bytes), isGone: event.entry == nil)
            told.revision = event.revision
            return told
        }
        #expect(log.count > 100)
        for watch in try await watched { check(watch, log) }
        for (revision, state) in await lists { #expect(state == Self.replay(log, through: revision)) }
        disk.forget()
    }

    private static func replay(_ log: [Told], through revision: Int64) -> State {
        var state = State()
        for told in log where told.revision <= revision { state[told.name] = told.data == nil ? nil : told }
        return state
    }

    /// From a revision on: exactly what the log has after it. From the present: a state that was, then the same.
    private func check(_ watch: Watched, _ log: [Told]) {
        if let start = watch.start {
            #expect(watch.events == log.filter { $0.revision > start })
            return
        }
        let states = [first] + log.map(\.revision)
        let fits = states.contains { revision in
            let state = Self.replay(log, through: revision)
            let rest = log.filter { $0.revision > revision }
            return watch.events.count == state.count + rest.count
                && Set(watch.events.prefix(state.count)) == Set(state.values)
                && Array(watch.events.dropFirst(state.count)) == rest
        }
        #expect(fits)
    }

    private func hold(_ seeded: SeededGenerator) async {
        var random = seeded
        while !disk.isDone.load(ordering: .relaxed) {
            disk.held.hold()
            try? await Task.sleep(for: .microseconds(Int.random(in: 100...4_000, using: &random)))
            disk.held.letGo()
            try? await Task.sleep(for: .microseconds(Int.random(in: 0...1_000, using: &random)))
        }
    }

    private func write(_ seeded: SeededGenerator) async {
        var random = seeded
        for index in 0..<Self.writesEach {
            let name = "m-\(Int.random(in: 0..<Self.names, using: &random))"
            let body = TestServer.configMap(name, ["a": "\(random.next())-\(index)"])
            let answer =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: await server.call("DELETE", "\(Self.maps)/\(name)")
                case 1: await server.call("POST", Self.maps, body)
                case 2: await server.call("POST", "\(Self.maps)?dryRun=All", body)
                default: await server.call("PUT", "\(Self.maps)/\(name)", body)
                }
            let revision = Int64(answer.json.resourceVersion) ?? 0
            #expect(revision <= disk.revision)
        }
    }

    /// Watches that begin one after the other, in all ways, until the writers are done.
    private func watchAll(_ seed: UInt64) async throws -> [Watched] {
        var random = SeededGenerator(seed: seed &+ 1_000)
        return try await withThrowingTaskGroup(of: Watched.self) { group in
            for index in 0... {
                if disk.isDone.load(ordering: .relaxed) { break }
                switch index % 3 {
                case 0: group.addTask { try await watchOutside(after: nil) }
                case 1:
                    let start = server.core.cache.durableRevision - Int64.random(in: 0...2, using: &random)
                    guard start >= server.core.cache.historyFloor else { continue }
                    group.addTask { try await watchOutside(after: start) }
                default: group.addTask { try await watchInside() }
                }
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...10, using: &random)))
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func watchOutside(after start: Int64?) async throws -> Watched {
        var watched = Watched(start: start)
        let target = "\(Self.maps)?watch=true\(start.map { "&resourceVersion=\($0)" } ?? "")"
        let response = await server.core.respond(
            APIRequest(method: "GET", target: target, headers: [], user: .master("admin")))
        guard case .stream(let stream) = response.body else {
            // The past may be gone by now.
            #expect(response.status == 410)
            return Watched(start: .max)
        }
        let lines = WatchLines(stream: stream)
        while let event = await lines.next(), let object = event["object"] {
            let told = Told(object, isGone: event["type"]?.string == "DELETED")
            #expect(told.revision <= disk.revision)
            watched.events.append(told)
            if told.name == "end" { break }
        }
        return watched
    }

    private func watchInside() async throws -> Watched {
        let client = LocalClient(core: server.core, user: .master("martlet"))
        var watched = Watched()
        for try await event in try await client.watch(.configMaps, ListOptions(namespace: "a"), from: "") {
            switch event {
            case .added(let object), .modified(let object): watched.events.append(Told(object, isGone: false))
            case .deleted(let object): watched.events.append(Told(object, isGone: true))
            default: continue
            }
            if watched.events.last?.name == "end" { break }
        }
        return watched
    }

    private func list() async -> [(Int64, State)] {
        var found: [(Int64, State)] = []
        while !disk.isDone.load(ordering: .relaxed) {
            let answer = await server.call("GET", Self.maps).json
            let revision = Int64(answer.resourceVersion) ?? 0
            #expect(revision <= disk.revision)
            var state = State()
            for object in answer["items"]?.array ?? [] { state[object.name] = Told(object, isGone: false) }
            found.append((revision, state))
            try? await Task.sleep(for: .microseconds(500))
        }
        return found
    }
}
