import APIClient
import JSONText
import KubeObjects
import Logging
import TestKit
import Testing

@testable import Informers

@Suite struct InformerTests {
    let cluster = MemoryCluster()

    private func object(_ name: String, _ value: String = "", namespace: String = "default") -> JSONValue {
        ["metadata": ["name": .string(name), "namespace": .string(namespace)], "data": ["value": .string(value)]]
    }

    private func informer(_ options: ListOptions = ListOptions()) -> Informer<String> {
        Informer(
            .configMaps, options, client: cluster, logger: Logger(label: "test"),
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(5))
        ) { object in
            let value = object[path: "data", "value"]?.string
            if value == "bad" { throw ObjectError(.invalid, field: "data.value", "must not be bad") }
            return value
        }
    }

    /// Runs the informer beside the body.
    private func following<Item>(_ informer: Informer<Item>, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await informer.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    /// Waits for notices until the condition holds.
    private func until(_ feed: ChangeFeed, _ condition: () -> Bool) async {
        while !condition() { _ = await feed.next() }
    }

    @Test(.timeLimit(.minutes(1))) func afterTheListTheCacheHoldsWhatWasThere() async throws {
        cluster.set(.configMaps, object("a", "1"))
        cluster.set(.configMaps, object("b", "2", namespace: "other"))
        let informer = informer()
        #expect(!informer.isSynced)
        try await following(informer) {
            await informer.waitForSync()
            #expect(informer.get(ObjectKey("default", "a")) == "1")
            #expect(informer.cache.count == 2)
            #expect(informer.items(in: "other") == ["2"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func changesReachTheCacheAndTheFeedByName() async throws {
        let informer = informer()
        let feed = ChangeFeed()
        try await following(informer) {
            await informer.waitForSync()
            informer.report(to: feed)
            cluster.set(.configMaps, object("a", "1"))
            let notice = await feed.next()
            #expect(notice?.names == [.configMaps: [ObjectKey("default", "a")]])
            cluster.set(.configMaps, object("a", "2"))
            await until(feed) { informer.get(ObjectKey("default", "a")) == "2" }
            cluster.remove(.configMaps, namespace: "default", name: "a")
            await until(feed) { informer.cache.count == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func changesThatCameWhileNobodyLookedAreOneNotice() async throws {
        for index in 0..<5 { cluster.set(.configMaps, object("o\(index)")) }
        let informer = informer()
        let feed = ChangeFeed()
        informer.report(to: feed)
        try await following(informer) {
            await informer.waitForSync()
            for index in 0..<5 { cluster.set(.configMaps, object("o\(index)", "again")) }
            cluster.sendBookmarks()
            await until(feed) { informer.cache.items.allSatisfy { $0 == "again" } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aCutWatchGoesOnFromItsRevisionWithoutAList() async throws {
        let informer = informer()
        let feed = ChangeFeed()
        informer.report(to: feed)
        try await following(informer) {
            await informer.waitForSync()
            while cluster.watcherCount == 0 { await Task.yield() }
            cluster.cutWatches()
            cluster.set(.configMaps, object("a", "1"))
            await until(feed) { informer.cache.count == 1 }
            #expect(cluster.requests.filter { $0 == "list configmaps" }.count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func anExpiredRevisionIsListedAgainAndTheDifferenceReported() async throws {
        cluster.set(.configMaps, object("gone"))
        cluster.set(.configMaps, object("same"))
        let informer = informer()
        let feed = ChangeFeed()
        try await following(informer) {
            await informer.waitForSync()
            while cluster.watcherCount == 0 { await Task.yield() }
            let gone = APIError(code: 0, reason: "", message: "connection refused")
            cluster.fail(gone, gone)
            cluster.cutWatches()
            cluster.remove(.configMaps, namespace: "default", name: "gone")
            cluster.set(.configMaps, object("new"))
            cluster.compact()
            feed.finish()
            let fresh = ChangeFeed()
            informer.report(to: fresh)
            await until(fresh) { informer.cache.count == 2 && informer.get(ObjectKey("default", "new")) != nil }
            #expect(informer.get(ObjectKey("default", "gone")) == nil)
            #expect(cluster.requests.filter { $0 == "list configmaps" }.count == 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatIsAwayAtFirstIsTriedAgain() async throws {
        cluster.set(.configMaps, object("a", "1"))
        cluster.fail(
            APIError(code: 0, reason: "", message: "connection refused"),
            APIError(code: 503, reason: "ServiceUnavailable", message: "starting"))
        let informer = informer()
        try await following(informer) {
            await informer.waitForSync()
            #expect(informer.cache.count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func anObjectThatCannotBeReadIsAFaultWithItsReason() async throws {
        cluster.set(.configMaps, object("a", "bad"))
        let informer = informer()
        let feed = ChangeFeed()
        informer.report(to: feed)
        try await following(informer) {
            await informer.waitForSync()
            let key = ObjectKey("default", "a")
            #expect(informer.cache.faults[key]?.reason == "data.value: must not be bad")
            #expect(informer.get(key) == nil)
            cluster.set(.configMaps, object("a", "good"))
            await until(feed) { informer.get(key) == "good" }
            #expect(informer.cache.faults.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func theLastGoodVersionOfAnObjectStaysUntilItIsGoodAgainOrGone() async throws {
        cluster.set(.configMaps, object("a", "good"))
        let informer = informer()
        let feed = ChangeFeed()
        informer.report(to: feed)
        let key = ObjectKey("default", "a")
        try await following(informer) {
            await informer.waitForSync()
            cluster.set(.configMaps, object("a", "bad"))
            await until(feed) { !informer.cache.faults.isEmpty }
            #expect(informer.get(key) == "good")
            #expect(informer.cache.resourceVersion(of: key) == "1")
            #expect(informer.cache.faults[key]?.resourceVersion == "2")
            cluster.remove(.configMaps, namespace: "default", name: "a")
            await until(feed) { informer.get(key) == nil }
            #expect(informer.cache.faults.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aStandInHoldsOnlyWhereNoGoodVersionIsKnown() async throws {
        cluster.set(.configMaps, object("a", "bad"))
        let informer = Informer<String>(
            .configMaps, client: cluster, logger: Logger(label: "test"),
            standIn: { object, seen in
                seen ?? object[path: "metadata", "resourceVersion"]?.string.map { ("closed \($0)", "") }
            }
        ) { object in
            let value = object[path: "data", "value"]?.string
            if value == "bad" { throw ObjectError(.invalid, field: "data.value", "must not be bad") }
            return value
        }
        let feed = ChangeFeed()
        informer.report(to: feed)
        let key = ObjectKey("default", "a")
        try await following(informer) {
            await informer.waitForSync()
            #expect(informer.get(key) == "closed 1")
            cluster.set(.configMaps, object("a", "bad"))
            await until(feed) { informer.get(key) == "closed 2" }
            cluster.set(.configMaps, object("a", "good"))
            await until(feed) { informer.get(key) == "good" }
            cluster.set(.configMaps, object("a", "bad"))
            await until(feed) { !informer.cache.faults.isEmpty }
            #expect(informer.get(key) == "good")
        }
    }

    @Test(.timeLimit(.minutes(1))) func anEventProvesWhatLiesBeforeItAndABookmarkWhatLiesBehind() async throws {
        let informer = informer()
        let feed = ChangeFeed(followsProgress: true)
        let deaf = ChangeFeed()
        try await following(informer) {
            await informer.waitForSync()
            informer.report(to: feed)
            informer.report(to: deaf)
            #expect(await feed.next()?.progress == [.configMaps: 0])
            while cluster.watcherCount == 0 { await Task.yield() }
            cluster.set(.secrets, object("elsewhere"))
            cluster.set(.configMaps, object("a", "1"))
            let notice = await feed.next()
            #expect(notice?.names == [.configMaps: [ObjectKey("default", "a")]])
            #expect(notice?.progress == [.configMaps: 1])
            cluster.set(.secrets, object("again"))
            cluster.sendBookmarks()
            let mark = await feed.next()
            #expect(mark?.namesNothing == true)
            #expect(mark?.progress == [.configMaps: 3])
            #expect(informer.cache.lastChange == 2)
            #expect(await deaf.next()?.names == [.configMaps: [ObjectKey("default", "a")]])
        }
    }

    @Test(.timeLimit(.minutes(1))) func bookmarksAdvanceTheRevision() async throws {
        let informer = informer()
        try await following(informer) {
            await informer.waitForSync()
            while cluster.watcherCount == 0 { await Task.yield() }
            cluster.set(.secrets, object("elsewhere"))
            cluster.sendBookmarks()
            while informer.cache.resourceVersion != "1" { await Task.yield() }
        }
    }

    @Test(.timeLimit(.minutes(1))) func waitingForSyncEndsWithTheTask() async throws {
        let informer = informer()
        let task = Task { await informer.waitForSync() }
        task.cancel()
        await task.value
        #expect(!informer.isSynced)
    }
}

@Suite struct ChangeFeedTests {
    @Test(.timeLimit(.minutes(1))) func aNameIsInANoticeOnce() async {
        let feed = ChangeFeed()
        let key = ObjectKey("ns", "a")
        feed.post(.pods, [key])
        feed.post(.pods, [key, ObjectKey("ns", "b")])
        feed.post(.services, [key])
        let notice = await feed.next()
        #expect(notice?.names == [.pods: [key, ObjectKey("ns", "b")], .services: [key]])
    }

    @Test(.timeLimit(.minutes(1))) func tooManyNamesBecomeEverything() async {
        let feed = ChangeFeed()
        feed.post(.pods, (0...ChangeFeed.namesMax).map { ObjectKey("ns", "\($0)") })
        feed.post(.pods, [ObjectKey("ns", "more")])
        let notice = await feed.next()
        #expect(notice?.everything == [.pods])
        #expect(notice?.names.isEmpty == true)
    }

    @Test(.timeLimit(.minutes(1))) func finishingAndCancellingEndIt() async {
        let feed = ChangeFeed()
        let waiting = Task { await feed.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        feed.finish()
        #expect(await feed.next() == nil)
    }

    @Test func backoffDoublesUpToItsMaximum() {
        var random = SeededGenerator(seed: 1)
        var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(35))
        for bounds in [(5, 10), (10, 20), (17, 35), (17, 35)] {
            let wait = backoff.next(using: &random)
            #expect(wait >= .milliseconds(bounds.0) && wait <= .milliseconds(bounds.1))
        }
        backoff.reset()
        #expect(backoff.next(using: &random) <= .milliseconds(10))
    }
}
