import Testing

@testable import Store

@Suite struct StoreTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func aWrittenValueIsReadBackWithItsRevisions() async throws {
        let store = try Store.open(directory)
        let first = try await store.put("/a", "one")
        let second = try await store.put("/a", "two")
        let entry = try #require(store.get("/a"))
        #expect(second == first + 1)
        #expect(entry.value == Array("two".utf8))
        #expect(entry.createRevision == first)
        #expect(entry.revision == second)
        #expect(store.get("/b") == nil)
    }

    @Test func creatingWhatIsThereIsAConflictThatShowsIt() async throws {
        let store = try Store.open(directory)
        let revision = try await store.put("/a", "one", .absent)
        do {
            _ = try await store.put("/a", "two", .absent)
            Issue.record("the second create went ahead")
        } catch let error as StoreError {
            #expect(error.code == .conflict)
            #expect(error.current?.revision == revision)
        }
        #expect(store.text("/a") == "one")
        #expect(store.revision == revision)
    }

    @Test func aWriteOnAStaleRevisionIsRefused() async throws {
        let store = try Store.open(directory)
        let stale = try await store.put("/a", "one")
        let fresh = try await store.put("/a", "two", .revision(stale))
        #expect(await code { _ = try await store.put("/a", "three", .revision(stale)) } == .conflict)
        let deleted = await code { _ = try await store.commit([.delete(key: "/a", expected: .revision(stale))]) }
        #expect(deleted == .conflict)
        _ = try await store.commit([.delete(key: "/a", expected: .revision(fresh))])
        #expect(store.get("/a") == nil)
    }

    @Test func aTransactionIsOneRevisionOrNothing() async throws {
        let store = try Store.open(directory)
        _ = try await store.put("/old", "x")
        let commit = try await store.commit([
            .put(key: "/a", value: [1], expected: .absent), .put(key: "/b", value: [2]), .delete(key: "/old"),
        ])
        #expect(commit.events.map(\.revision) == [2, 2, 2])
        #expect(try store.keys("/") == ["/a", "/b"])
        let refused = await code {
            _ = try await store.commit([.put(key: "/c", value: []), .check(key: "/a", expected: .absent)])
        }
        #expect(refused == .conflict)
        #expect(store.get("/c") == nil)
        #expect(store.revision == 2)
    }

    @Test func deletingNothingUsesNoRevision() async throws {
        let store = try Store.open(directory)
        let commit = try await store.commit([.delete(key: "/a", expected: .anything)])
        #expect(commit.events.isEmpty)
        #expect(store.revision == 0)
        #expect(await code { _ = try await store.commit([.delete(key: "/a")]) } == .conflict)
    }

    @Test func theRevisionIsStampedIntoTheValue() async throws {
        let store = try Store.open(directory)
        _ = try await store.put("/a", "x")
        _ = try await store.commit([.put(key: "/b", value: Array("{\"v\":\"\"}".utf8), stampAt: 6)])
        #expect(store.text("/b") == "{\"v\":\"2\"}")
    }

    @Test func requestsAgainstTheRulesAreRefused() async throws {
        var options = StoreOptions()
        options.valueBytesMax = 10
        options.stateBytesMax = 30
        let store = try Store.open(directory, options)
        let twice: [StoreOperation] = [.put(key: "/a", value: []), .delete(key: "/a", expected: .anything)]
        #expect(await code { _ = try await store.commit(twice) } == .invalid)
        #expect(await code { _ = try await store.put("/a", "longer than ten") } == .invalid)
        #expect(await code { _ = try await store.put("", "x") } == .invalid)
        let many = (0...StoreModel.operationsMax).map { StoreOperation.put(key: "/\($0)", value: []) }
        #expect(await code { _ = try await store.commit(many) } == .invalid)
        _ = try await store.put("/a", "0123456789")
        _ = try await store.put("/b", "0123456789")
        #expect(await code { _ = try await store.put("/c", "0123456789") } == .stateFull)
        _ = try await store.commit([.delete(key: "/a")])
        _ = try await store.put("/c", "0123456789")
    }

    @Test func aListIsOrderedAndStaysWithinItsPrefix() async throws {
        let store = try Store.open(directory)
        for key in ["/b/2", "/a/1", "/b/10", "/b/1", "/ba", "/c"] { _ = try await store.put(key, "x") }
        #expect(try store.keys("/b/") == ["/b/1", "/b/10", "/b/2"])
        #expect(try store.keys("/d").isEmpty)
        #expect(try store.keys("").count == 6)
    }

    @Test func pagesShowTheStateOfTheFirstPage() async throws {
        let store = try Store.open(directory)
        for index in 0..<10 { _ = try await store.put("/k/\(index)", "x") }
        let first = try store.list(prefix: "/k/", limit: 4)
        _ = try await store.commit([.delete(key: "/k/5")])
        _ = try await store.put("/k/45", "new")
        let second = try store.list(prefix: "/k/", after: first.entries.last?.key, limit: 4, at: first.revision)
        #expect(first.remaining == 6)
        #expect(second.entries.map(\.key) == ["/k/4", "/k/5", "/k/6", "/k/7"])
        #expect(second.revision == first.revision)
        #expect(!second.isLast)
        #expect(await code { _ = try store.list(prefix: "/k/", at: first.revision - 1) } == .tooOld)
    }

    @Test func writersAtTheSameTimeNeverShareARevision() async throws {
        let store = try Store.open(directory)
        let revisions = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for writer in 0..<16 {
                group.addTask {
                    var mine: [Int64] = []
                    for index in 0..<20 { mine.append(try await store.put("/\(writer)/\(index)", "x")) }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(revisions).count == 320)
        #expect(store.revision == 320)
    }

    @Test func compareAndPutLetsOneOfManyThrough() async throws {
        let store = try Store.open(directory)
        let start = try await store.put("/counter", "0")
        let winners = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { await code { _ = try await store.put("/counter", "1", .revision(start)) } == nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }
}
