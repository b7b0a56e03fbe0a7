import Synchronization
import Testing

@testable import Store

@Suite struct CommitTimesTests {
    @Test func theTimeOfACommitIsKnownToTheProcessThatWroteIt() async throws {
        let directory = try TemporaryDirectory()
        let clock = Mutex(Int64(100))
        var options = StoreOptions()
        options.unixNanoseconds = {
            clock.withLock { now in
                now += 1
                return now
            }
        }
        let store = try Store.open(directory, options)
        let first = try await store.put("/a", "one")
        let second = try await store.put("/b", "two")
        #expect(store.commitNanoseconds(of: first) == 101)
        #expect(store.commitNanoseconds(of: second) == 102)
        #expect(store.commitNanoseconds(of: second + 1) == nil)
        store.close()
        let again = try Store.open(directory, options)
        #expect(again.commitNanoseconds(of: second) == nil)
        again.close()
    }

    @Test func theOldestAreForgotten() {
        var times = CommitTimes()
        let last = Int64(3 * CommitTimes.revisionsMax)
        for revision in 1...last { times.append([revision], at: revision * 10) }
        #expect(times.time(of: 1) == nil)
        #expect(times.time(of: last) == last * 10)
        #expect(times.time(of: last - Int64(CommitTimes.revisionsMax) + 1) != nil)
    }
}
