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
    /// Nil leaves the object out of the cache; an error also leaves it out, and is kept in `InformerCache.faults`.
    package typealias Projection = @Sendable (JSONValue) throws -> Item?

    package let resource: APIResource
    private let client: any APIClient
    private let options: ListOptions
    private let logger: Logger
    private let backoff: Backoff
    private let projection: Projection

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
        projection: @escaping Projection
    ) {
        self.resource = resource
        self.options = options
        self.client = client
        self.logger = logger
        self.backoff = backoff
        self.projection = projection
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
        let keys = state.withLock { state in
            state.feeds.append(feed)
            return state.cache.keys
        }
        feed.post(resource, keys)
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
        var projected: [(key: ObjectKey, resourceVersion: String, result: Result<Item?, any Error>)] = []
        let revision = try await client.list(resource, options) { object in
            projected.append((Self.key(of: object), Self.version(of: object), Result { try projection(object) }))
        }
        let (changed, feeds, waiting) = state.withLock { state in
            var changed: Set<ObjectKey> = []
            var gone = Set(state.cache.keys).union(state.cache.faults.keys)
            for (key, version, result) in projected {
                gone.remove(key)
                if state.cache.resourceVersion(of: key) == version { continue }
                changed.insert(key)
                Self.store(result, key, version, &state.cache)
            }
            for key in gone { state.cache.remove(key) }
            changed.formUnion(gone)
            state.cache.resourceVersion = revision
            state.isSynced = true
            defer { state.waiting = [:] }
            return (changed, state.feeds, Array(state.waiting.values))
        }
        for feed in feeds { feed.post(resource, changed) }
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
            case .bookmark(let version): state.withLock { $0.cache.resourceVersion = version }
            }
        }
        return hasEvents
    }

    private func apply(_ object: JSONValue, isDeleted: Bool) {
        let key = Self.key(of: object)
        let version = Self.version(of: object)
        let result = isDeleted ? nil : Result { try projection(object) }
        let feeds = state.withLock { state in
            if let result { Self.store(result, key, version, &state.cache) } else { state.cache.remove(key) }
            if !version.isEmpty { state.cache.resourceVersion = version }
            return state.feeds
        }
        if case .failure(let error)? = result {
            logger.warning(
                "an object cannot be read", metadata: ["object": "\(resource.name) \(key)", "error": "\(error)"])
        }
        for feed in feeds { feed.post(resource, CollectionOfOne(key)) }
    }

    private static func store(
        _ result: Result<Item?, any Error>, _ key: ObjectKey, _ version: String, _ cache: inout InformerCache<Item>
    ) {
        switch result {
        case .success(let item?): cache.put(key, item, resourceVersion: version)
        case .success(nil): cache.remove(key)
        case .failure(let error): cache.refuse(key, "\(error)")
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
