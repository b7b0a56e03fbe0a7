import Synchronization
import TestKit
import Testing

@testable import Store

/// What is committed is visible before it is on the disk, and acknowledged after.
@Suite struct StoreSyncTests {
    let directory: TemporaryDirectory
    let disk = HeldDisk()

    init() throws { directory = try TemporaryDirectory() }

    private func open() throws -> Store {
        var options = StoreOptions()
        options.syncFile = { [disk] in disk.sync($0) }
        return try Store.open(directory, options)
    }

    private func visible(_ store: Store, _ revision: Int64) async throws {
        for _ in 0..<5_000 where store.revision < revision { try await Task.sleep(for: .milliseconds(1)) }
        try #require(store.revision == revision)
    }

    @Test func aCommitIsVisibleBeforeItIsOnTheDiskAndAnsweredAfter() async throws {
        let store = try open()
        let told = Mutex<[Int64]>([])
        store.follow { [weak store] in
            guard let store else { return }
            told.withLock { $0.append(store.durableRevision) }
        }
        disk.hold()
        let isAnswered = Atomic(false)
        let syncs = disk.syncs
        async let answer: Int64 = {
            let revision = try await store.put("/a", "x")
            isAnswered.store(true, ordering: .relaxed)
            return revision
        }()
        try await visible(store, 1)
        #expect(store.text("/a") == "x")
        #expect(try store.changes(prefix: "/", after: 0).events.map(\.key) == ["/a"])
        try await Task.sleep(for: .milliseconds(50))
        #expect(store.durableRevision == 0)
        let early = isAnswered.load(ordering: .relaxed)
        #expect(!early)
        #expect(told.withLock { $0 } == [0])
        disk.letGo()
        #expect(try await answer == 1)
        #expect(store.durableRevision == 1)
        #expect(told.withLock { $0 } == [0, 1])
        #expect(disk.syncs == syncs + 1)
        store.close()
    }

    /// One sync for all that waited meanwhile, and none where nothing was written.
    @Test func writesThatWaitShareTheNextSync() async throws {
        let store = try open()
        disk.hold()
        let syncs = disk.syncs
        async let first = store.put("/first", "x")
        try await visible(store, 1)
        async let others: Void = withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<50 { group.addTask { _ = try await store.put("/\(index)", "x") } }
            try await group.waitForAll()
        }
        try await Task.sleep(for: .milliseconds(100))
        // They come into force after the sync before them, and not in the middle of it.
        #expect(store.revision == 1)
        disk.letGo()
        _ = try await (first, others)
        #expect(store.durableRevision == 51)
        #expect(disk.syncs - syncs < 10)
        let written = disk.syncs
        #expect(try await store.commit([]).revision == 51)
        #expect(disk.syncs == written)
        store.close()
    }

    /// A write of nothing comes to its turn behind all that were visible before.
    @Test func aWriteOfNothingIsAnsweredWhenWhatCameBeforeIsOnTheDisk() async throws {
        let store = try open()
        disk.hold()
        async let first = store.put("/a", "x")
        try await visible(store, 1)
        let isAnswered = Atomic(false)
        async let nothing: Void = {
            _ = try await store.commit([])
            isAnswered.store(true, ordering: .relaxed)
        }()
        try await Task.sleep(for: .milliseconds(50))
        let early = isAnswered.load(ordering: .relaxed)
        #expect(!early)
        disk.letGo()
        _ = try await (first, nothing)
        #expect(store.durableRevision == 1)
        store.close()
    }

    @Test func aSyncThatFailsIsAnsweredAndEndsTheWritesUntilTheNextOpening() async throws {
        let store = try open()
        _ = try await store.put("/kept", "x")
        disk.hold()
        async let lost = code { _ = try await store.put("/lost", "x") }
        try await visible(store, 2)
        async let waiting = code { _ = try await store.put("/waiting", "x") }
        try await Task.sleep(for: .milliseconds(50))
        disk.letGo(failing: true)
        #expect(await lost == .system)
        #expect(await waiting == .closed)
        disk.letGo()
        #expect(await code { _ = try await store.put("/more", "x") } == .closed)
        #expect(await code { _ = try await store.commit([]) } == .closed)
        #expect(store.durableRevision == 1)
        // Whether it is on the disk nobody knows: what is in force on its account stays.
        #expect(try store.keys("/") == ["/kept", "/lost"])
        store.close()
        let again = try open()
        #expect(try again.keys("/") == ["/kept", "/lost"])
        #expect(try await again.put("/more", "x") == 3)
        again.close()
    }

    /// The writer has another connection copy a long log back: that one closes after it.
    @Test func aStoreThatIsClosedMeanwhileCopiesItsLongLogBackFirst() async throws {
        let store = try open()
        let value = String(repeating: "x", count: 4 << 20)
        var written: Int64 = 0
        while store.log.ahead.bytes <= StoreLog.walBytesMax - (4 << 20) {
            written += 1
            #expect(try await store.put("/\(written)", value) == written)
        }
        #expect(store.log.ahead.uncopiedBytes > 0)
        disk.hold()
        async let last = store.put("/last", value)
        try await visible(store, written + 1)
        async let closed: Void = Task.detached { store.close() }.value
        try await Task.sleep(for: .milliseconds(50))
        disk.letGo()
        _ = try await last
        await closed
        #expect(store.log.ahead.uncopiedBytes == 0)
        let again = try open()
        #expect(again.revision == written + 1)
        again.close()
    }

    /// A process before may have ended between its write and the sync.
    @Test func whatAnOpeningFindsIsOnTheDiskBeforeItIsShown() async throws {
        try open().close()
        let syncs = disk.syncs
        disk.hold()
        async let refusal = code { _ = try open() }
        try await Task.sleep(for: .milliseconds(50))
        #expect(disk.syncs == syncs + 1)
        disk.letGo(failing: true)
        #expect(await refusal == .system)
        disk.letGo()
        let store = try open()
        #expect(store.durableRevision == store.revision)
        store.close()
    }
}
