import GRDB
import Testing

@testable import Store

@Suite struct StoreCompactionTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func rows(_ store: Store, _ table: String = "objects") async throws -> Int {
        try await store.log.perform { try Int.fetchOne($0, sql: "SELECT count(*) FROM log_\(table)") ?? -1 }
    }

    @Test func compactionKeepsTheStateAndRefusesOlderWatches() async throws {
        var store = try Store.open(directory)
        for index in 0..<1_500 { _ = try await store.put("/k/\(index % 10)", "\(index)") }
        _ = try await store.commit([.delete(key: "/k/3")])
        try await store.compact(through: 1_501)
        #expect(try await rows(store) == 9)
        #expect(store.text("/k/9") == "1499")
        #expect(await code { _ = try store.watch(prefix: "/", after: 1_500) } == .tooOld)
        _ = try store.watch(prefix: "/", after: 1_501)
        store.close()
        store = try Store.open(directory)
        #expect(store.revision == 1_501, "the newest revision was a deletion, and its row is gone")
        #expect(try store.keys("/").count == 9)
        #expect(await code { _ = try store.watch(prefix: "/", after: 1_500) } == .tooOld)
    }

    @Test func whatIsNewerThanTheCompactionStaysAHistory() async throws {
        var store = try Store.open(directory)
        for index in 0..<10 { _ = try await store.put("/a", "\(index)") }
        try await store.compact(through: 6)
        #expect(try await rows(store) == 5)
        store.close()
        store = try Store.open(directory)
        let batch = try #require(try await store.watch(prefix: "/", after: 6).first { _ in true })
        #expect(batch.events.map(\.revision) == [7, 8, 9, 10])
        #expect(batch.events[0].previous?.value == Array("5".utf8))
    }

    @Test func aTrimmedHistoryLeavesTheDiskAtTheNextRound() async throws {
        var options = StoreOptions()
        options.objects = StoreTable(name: "objects", prefix: "", historyEventsMax: 5)
        let store = try Store.open(directory, options)
        for index in 0..<40 { _ = try await store.put("/a", "\(index)") }
        try await store.maintain()
        #expect(try await rows(store) == 6)
    }

    @Test func entriesEndWithTheirTablesTimeToLiveAndARewriteStartsAnew() async throws {
        let clock = ManualSeconds()
        var options = StoreOptions()
        options.tables = [StoreTable(name: "events", prefix: "/events/", timeToLive: .seconds(60))]
        options.unixSeconds = { clock.now }
        let store = try Store.open(directory, options)
        _ = try await store.put("/events/1", "x")
        _ = try await store.put("/events/2", "x")
        _ = try await store.put("/objects/1", "x")
        clock.advance(by: 40)
        _ = try await store.put("/events/2", "y")
        clock.advance(by: 30)
        try await store.maintain()
        #expect(try store.keys("/events/") == ["/events/2"])
        #expect(store.get("/objects/1") != nil)
        clock.advance(by: 40)
        try await store.maintain()
        #expect(try store.keys("/events/").isEmpty)
    }

    @Test func checkpointsEmptyTheWriteAheadLog() async throws {
        let store = try Store.open(directory)
        let value = [UInt8](repeating: 7, count: 64 << 10)
        for index in 0..<80 { _ = try await store.commit([.put(key: "/\(index)", value: value)]) }
        #expect(store.log.ahead.uncopiedBytes > StoreLog.walBytesBeforeCheckpoint)
        #expect(try await store.log.checkpoint() == 0)
        #expect(store.log.ahead.uncopiedBytes == 0)
        // The log keeps its size on the disk, and begins anew all the same: there is little to copy then.
        _ = try await store.commit([.put(key: "/small", value: [7])])
        #expect(store.log.ahead.bytes < value.count)
        #expect(store.log.ahead.uncopiedBytes == store.log.ahead.bytes)
    }
}
