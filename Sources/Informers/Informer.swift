package import APIClient
package import JSONText
package import KubeObjects
package import Logging
import ServiceLifecycle
import Synchronization

/// Follows one kind: lists, watches, keeps a projection of each object, and tells feeds the names that changed.
///
/// After a failure it goes on from its revision; where that is gone it lists again and reports what differs. Watching
/// keeps the cache useful while the server is away: it then reflects the last revision that was seen.
package final class Informer<Item: Sendable>: ServiceLifecycle.Service, Sendable {
    /// Nil leaves the object out of the cache. An error leaves its last good version there, and is kept in
    /// `InformerCache.faults`.
    package typealias Projection = @Sendable (JSONValue) throws -> Item?
    /// What holds in place of an object that cannot be read, given the last good version under its name that was seen:
    /// a version, or what stands in, with an empty one; nil: nothing.
    package typealias StandIn = @Sendable (JSONValue, InformerCache<Item>.Version?) -> InformerCache<Item>.Version?

    package let resource: APIResource
    private let client: any APIClient
    private let options: ListOptions
    private let logger: Logger
    private let backoff: Backoff
    private let projection: Projection
    private let standIn: StandIn

    private struct State {
        var cache = InformerCache<Item>()
        var feeds: [ChangeFeed] = []
        var isSynced = false
        var waiting: [Int: UnsafeContinuation<Void, Never>] = [:]
        var nextWaiting = 0
    }

    private let state = Mutex(State())

    package init(
        _ resource: APIResource, _ options: ListOptions = ListOptions(), client: any APIClient, logger: Logger,
        backoff: Backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(15)),
        standIn: @escaping StandIn = { $1 }, projection: @escaping Projection
    ) {
        self.resource = resource
        self.options = options
        self.client = client
        self.logger = logger
        self.backoff = backoff
        self.projection = projection
        self.standIn = standIn
    }

    // MARK: Reading

    /// All of it at one place in the stream.
    package var cache: InformerCache<Item> { state.withLock { $0.cache } }

    package func get(_ key: ObjectKey) -> Item? { state.withLock { $0.cache[key] } }

    package func items(in namespace: String) -> [Item] { state.withLock { $0.cache.items(in: namespace) } }

    /// Whether the first list is in the cache.
    package var isSynced: Bool { state.withLock { $0.isSynced } }

    /// Reports to the feed from now on, and all that is there already.
    package func report(to feed: ChangeFeed) {
        let (keys, progress) = state.withLock { state in
            state.feeds.append(feed)
            return (state.cache.keys, state.cache.progress)
        }
        feed.post(resource, keys, upTo: progress)
    }

    /// Returns when the first list is in the cache, or the task is cancelled.
    package func waitForSync() async {
        let id = state.withLock { state in
            state.nextWaiting += 1
            return state.nextWaiting
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isReady = state.withLock { state in
                    if state.isSynced || Task.isCancelled { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }

    // MARK: Following

    /// Follows until the task is cancelled or the service group shuts down.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        var backoff = backoff
        var random = SystemRandomNumberGenerator()
        var isFresh = false
        while !Task.isCancelled {
            do {
                if !isFresh {
                    try await list()
                    isFresh = true
                }
                if try await watch() { backoff.reset() }
            } catch {
                if Task.isCancelled { return }
                // Without a list nothing that depends on this kind goes on.
                let level: Logger.Level = isFresh ? .info : .warning
                // From its revision unless that is compacted; then from a list.
                if (error as? APIError)?.isExpired == true { isFresh = false }
                logger.log(
                    level: level, "following \(resource.name) was interrupted",
                    metadata: ["resource": "\(resource.name)", "error": "\(error)"])
            }
            if Task.isCancelled { return }
            do { try await Task.sleep(for: backoff.next(using: &random)) } catch { return }
        }
    }

    private func list() async throws {
        var projected: [(key: ObjectKey, seen: Seen)] = []
        let revision = try await client.list(resource, options) { projected.append((Self.key(of: $0), see($0))) }
        let (changed, feeds, waiting) = state.withLock { state in
            var changed: Set<ObjectKey> = []
            var gone = Set(state.cache.keys).union(state.cache.faults.keys)
            for (key, seen) in projected {
                gone.remove(key)
                if state.cache.resourceVersion(of: key) == seen.version { continue }
                changed.insert(key)
                state.cache.noteChange(seen.version)
                store(seen, key, &state.cache)
            }
            for key in gone { state.cache.remove(key) }
            if !gone.isEmpty { state.cache.noteChange(revision) }
            changed.formUnion(gone)
            state.cache.resourceVersion = revision
            state.cache.noteProgress(Int64(revision))
            state.isSynced = true
            defer { state.waiting = [:] }
            return (changed, state.feeds, Array(state.waiting.values))
        }
        for feed in feeds { feed.post(resource, changed, upTo: Int64(revision)) }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns, when the server ends the watch, whether anything came.
    private func watch() async throws -> Bool {
        let start = state.withLock { $0.cache.resourceVersion }
        var hasEvents = false
        for try await event in try await client.watch(resource, options, from: start) {
            hasEvents = true
            switch event {
            case .added(let object), .modified(let object): apply(object, isDeleted: false)
            case .deleted(let object): apply(object, isDeleted: true)
            case .bookmark(let version): pass(version)
            case .together(let version): state.withLock { $0.cache.noteTogether(Int64(version)) }
            }
        }
        return hasEvents
    }

    /// Everything up to a revision is in the cache.
    private func pass(_ version: String) {
        let feeds = state.withLock { state in
            state.cache.resourceVersion = version
            state.cache.noteProgress(Int64(version))
            return state.feeds
        }
        for feed in feeds { feed.post(resource, EmptyCollection(), upTo: Int64(version)) }
    }

    private func apply(_ object: JSONValue, isDeleted: Bool) {
        let key = Self.key(of: object)
        let seen = see(object)
        // Of the revision itself more may follow, where one commit wrote several objects.
        let progress = Int64(seen.version).map { $0 - 1 }
        let feeds = state.withLock { state in
            if isDeleted { state.cache.remove(key) } else { store(seen, key, &state.cache) }
            if !seen.version.isEmpty { state.cache.resourceVersion = seen.version }
            state.cache.noteChange(seen.version)
            state.cache.noteProgress(progress)
            return state.feeds
        }
        if !isDeleted, case .refused(let reason, _) = seen.outcome {
            logger.warning(
                "an object cannot be read", metadata: ["object": "\(resource.name) \(key)", "error": "\(reason)"])
        }
        for feed in feeds { feed.post(resource, CollectionOfOne(key), upTo: progress) }
    }

    /// One version of an object, as the projection sees it.
    private struct Seen {
        enum Outcome {
            case item(Item)
            case leftOut
            case refused(String, JSONValue)
        }

        let version: String
        let outcome: Outcome
    }

    private func see(_ object: JSONValue) -> Seen {
        let version = Self.version(of: object)
        do {
            return Seen(version: version, outcome: try projection(object).map { .item($0) } ?? .leftOut)
        } catch {
            return Seen(version: version, outcome: .refused("\(error)", object))
        }
    }

    private func store(_ seen: Seen, _ key: ObjectKey, _ cache: inout InformerCache<Item>) {
        switch seen.outcome {
        case .item(let item): cache.put(key, item, resourceVersion: seen.version)
        case .leftOut: cache.remove(key)
        case .refused(let reason, let object):
            cache.refuse(
                key, InformerCache.Fault(reason: reason, resourceVersion: seen.version),
                instead: standIn(object, cache.lastGood(key)))
        }
    }

    private static func key(of object: JSONValue) -> ObjectKey {
        let metadata = object["metadata"]
        return ObjectKey(metadata?["namespace"]?.string ?? "", metadata?["name"]?.string ?? "")
    }

    private static func version(of object: JSONValue) -> String {
        object["metadata"]?["resourceVersion"]?.string ?? ""
    }
}
