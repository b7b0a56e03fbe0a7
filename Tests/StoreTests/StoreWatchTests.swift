import Synchronization
import Testing

@testable import Store

@Suite struct StoreWatchTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Reads batches until `count` events are there.
    private func events(_ watch: StoreWatch, _ count: Int) async throws -> [StoreEvent] {
        var found: [StoreEvent] = []
        for try await batch in watch {
            found += batch.events
            if found.count >= count { break }
        }
        return found
    }

    @Test(.timeLimit(.minutes(1))) func whoFollowsSeesACommitBeforeItsWriterIsTold() async throws {
        let store = try Store.open(directory)
        let seen = Mutex<[Int64]>([])
        store.follow { [weak store] in seen.withLock { $0.append(store?.revision ?? 0) } }
        for index in 0..<100 {
            let revision = try await store.put("/\(index)", "x")
            #expect(seen.withLock { $0.last } == revision)
        }
        // Once when it was visible, once when it was on the disk.
        #expect(seen.withLock { $0 } == (1...100).flatMap { [$0, $0] })
    }

    @Test(.timeLimit(.minutes(1))) func aWatchGivesWhatFollowsItsRevisionInOrder() async throws {
        let store = try Store.open(directory)
        let first = try await store.put("/a/1", "one")
        _ = try await store.put("/a/1", "two")
        _ = try await store.put("/b/1", "elsewhere")
        _ = try await store.commit([.delete(key: "/a/1")])
        let found = try await events(store.watch(prefix: "/a/", after: first), 2)
        #expect(found.map(\.revision) == [2, 4])
        #expect(found[0].entry?.value == Array("two".utf8))
        #expect(found[0].previous?.value == Array("one".utf8))
        #expect(found[1].entry == nil)
        #expect(found[1].previous?.value == Array("two".utf8))
    }

    @Test(.timeLimit(.minutes(1))) func aWaitingWatcherIsWokenByAMatchingCommit() async throws {
        let store = try Store.open(directory)
        let watch = try store.watch(prefix: "/a/", after: 0)
        async let found = events(watch, 1)
        while store.statistics.watchers == 0 { await Task.yield() }
        _ = try await store.put("/b/1", "no")
        #expect(store.statistics.watchers == 1, "a commit elsewhere woke it")
        _ = try await store.put("/a/1", "yes")
        #expect(try await found.map(\.key) == ["/a/1"])
    }

    @Test(.timeLimit(.minutes(1))) func oneRevisionIsNeverSplit() async throws {
        let store = try Store.open(directory)
        let size = StoreWatch.batchEventsMax + 50
        for round in 0..<3 {
            _ = try await store.commit((0..<size).map { .put(key: "/\(round)/\($0)", value: []) })
        }
        var iterator = try store.watch(prefix: "/", after: 0).makeAsyncIterator()
        for revision in 1...3 {
            let batch = try #require(try await iterator.next())
            #expect(batch.events.count == size)
            #expect(Set(batch.events.map(\.revision)) == [Int64(revision)])
            #expect(batch.revision == Int64(revision))
        }
    }

    @Test(.timeLimit(.minutes(1))) func anIdleWatcherGetsABookmarkOfTheNewestRevision() async throws {
        let store = try Store.open(directory)
        let watch = try store.watch(prefix: "/a/", after: 0)
        async let batch = watch.first { _ in true }
        while store.statistics.watchers == 0 { await Task.yield() }
        _ = try await store.put("/b/1", "no")
        store.sendBookmarks()
        let bookmark = try #require(try await batch)
        #expect(bookmark.events.isEmpty)
        #expect(bookmark.revision == 1)
    }

    @Test(.timeLimit(.minutes(1))) func aSlowWatcherIsCutOffAndAnIdleOneIsNot() async throws {
        var options = StoreOptions()
        options.objects = StoreTable(name: "objects", prefix: "", historyEventsMax: 10)
        let store = try Store.open(directory, options)
        var slow = try store.watch(prefix: "/a/", after: 0).makeAsyncIterator()
        let idle = try store.watch(prefix: "/b/", after: 0)
        async let seen = events(idle, 1)
        while store.statistics.watchers == 0 { await Task.yield() }
        for index in 0..<50 { _ = try await store.put("/a/\(index)", "x") }
        _ = try await store.put("/b/1", "x")
        #expect(try await seen.map(\.key) == ["/b/1"])
        #expect(await code { _ = try await slow.next() } == .tooOld)
        #expect(await code { _ = try store.watch(prefix: "/", after: 3) } == .tooOld)
        #expect(await code { _ = try store.watch(prefix: "/", after: 99) } == .future)
        #expect(store.oldestWatchRevision(prefix: "/a/") == 41)
    }

    @Test(.timeLimit(.minutes(1))) func aHistoryIsBoundedInBytesToo() async throws {
        var options = StoreOptions()
        options.objects = StoreTable(name: "objects", prefix: "", historyBytesMax: 1_000)
        let store = try Store.open(directory, options)
        for _ in 0..<20 { _ = try await store.put("/a", String(repeating: "x", count: 198)) }
        #expect(store.statistics.historyEvents == 5)
    }

    @Test(.timeLimit(.minutes(1))) func whatItsReaderHasNotSeenStaysInTheHistory() async throws {
        var options = StoreOptions()
        options.objects = StoreTable(name: "objects", prefix: "", historyEventsMax: 4)
        let store = try Store.open(directory, options)
        store.hasRead(through: 2)
        for index in 1...20 { _ = try await store.put("/a/\(index)", "x") }
        #expect(try store.changes(prefix: "", after: 2).events.map(\.revision) == Array(3...20))
        #expect(store.oldestWatchRevision(prefix: "") == 2)
        store.hasRead(through: 20)
        _ = try await store.put("/a/21", "x")
        #expect(store.statistics.historyEvents == 4)
    }

    @Test(.timeLimit(.minutes(1))) func aCancelledWatcherEndsAndIsForgotten() async throws {
        let store = try Store.open(directory)
        let watch = try store.watch(prefix: "/", after: 0)
        let task = Task { try await watch.first { _ in true } }
        while store.statistics.watchers == 0 { await Task.yield() }
        task.cancel()
        #expect(try await task.value == nil)
        #expect(store.statistics.watchers == 0)
    }

    @Test(.timeLimit(.minutes(1))) func closingEndsWatchesAndRefusesWrites() async throws {
        let store = try Store.open(directory)
        let watch = try store.watch(prefix: "/", after: 0)
        async let batch = watch.first { _ in true }
        while store.statistics.watchers == 0 { await Task.yield() }
        store.close()
        #expect(try await batch == nil)
        #expect(await code { _ = try await store.put("/a", "x") } == .closed)
    }

    @Test(.timeLimit(.minutes(1))) func aBusyTableDoesNotPushOutAnothersHistory() async throws {
        var options = StoreOptions()
        options.tables = [StoreTable(name: "leases", prefix: "/leases/", historyEventsMax: 4)]
        let store = try Store.open(directory, options)
        _ = try await store.put("/pods/1", "x")
        for _ in 0..<20 { _ = try await store.put("/leases/node", "x") }
        _ = try await store.put("/pods/2", "x")
        #expect(try await events(store.watch(prefix: "/pods/", after: 0), 2).map(\.revision) == [1, 22])
        #expect(await code { _ = try store.watch(prefix: "/leases/", after: 1) } == .tooOld)
    }

    @Test(.timeLimit(.minutes(1))) func aWatchGoesOnWhereItWasAfterReopening() async throws {
        var store = try Store.open(directory)
        _ = try await store.put("/a", "one")
        _ = try await store.put("/a", "two")
        _ = try await store.commit([.delete(key: "/a")])
        store.close()
        store = try Store.open(directory)
        #expect(store.revision == 3)
        let found = try await events(store.watch(prefix: "/", after: 1), 2)
        #expect(found.map(\.revision) == [2, 3])
        #expect(found[0].previous?.value == Array("one".utf8))
        #expect(found[1].previous?.value == Array("two".utf8))
    }
}
