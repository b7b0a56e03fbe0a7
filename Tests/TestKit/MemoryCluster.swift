package import APIClient
package import JSONText
import Synchronization

/// A cluster's API in memory, for tests of whoever uses an `APIClient`: objects with revisions, watches with bookmarks,
/// conflicts, finalizers, status and binding; and faults on demand. It validates and defaults nothing.
package final class MemoryCluster: APIClient {
    struct Key: Hashable, Sendable {
        let resource: APIResource
        let namespace: String
        let name: String
    }

    struct Change: Sendable {
        let revision: Int64
        let key: Key
        let event: WatchEvent
        let object: JSONValue
    }

    struct Watcher {
        let resource: APIResource
        let options: ListOptions
        let continuation: AsyncThrowingStream<WatchEvent, any Error>.Continuation
    }

    struct State {
        var revision: Int64 = 0
        var objects: [Key: JSONValue] = [:]
        var changes: [Change] = []
        /// Watches from before it are answered with 410.
        var oldest: Int64 = 0
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var failures: [APIError] = []
        var undeletable: Set<Key> = []
        var requests: [String] = []
    }

    let state = Mutex(State())
    private let late = Mutex<[APIResource: @Sendable (JSONValue) async -> Void]>([:])

    package init() {}

    // MARK: What tests do to it

    /// The next requests fail with these errors, one each.
    package func fail(_ errors: APIError...) { state.withLock { $0.failures += errors } }

    /// Refuses every deletion of an object, as admission may.
    package func keep(_ resource: APIResource, namespace: String = "", name: String) {
        state.withLock { _ = $0.undeletable.insert(Key(resource: resource, namespace: namespace, name: name)) }
    }

    /// Ends every watch, as a server that goes away does.
    package func cutWatches() {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.continuation.finish() }
    }

    /// Forgets the history: a watch from before is refused as expired.
    package func compact() { state.withLock { $0.oldest = $0.revision } }

    package func sendBookmarks() {
        state.withLock { state in
            for watcher in state.watchers.values {
                watcher.continuation.yield(.bookmark(resourceVersion: "\(state.revision)"))
            }
        }
    }

    /// Verbs and resources of all requests so far: `list pods`, `update nodes/status`.
    package var requests: [String] { state.withLock { $0.requests } }
    package var watcherCount: Int { state.withLock { $0.watchers.count } }

    /// Puts an object there, new or not, without asking anyone.
    @discardableResult
    package func set(_ resource: APIResource, _ object: JSONValue) -> JSONValue {
        state.withLock { state in
            let key = Key(
                resource: resource, namespace: object[path: "metadata", "namespace"]?.string ?? "",
                name: object[path: "metadata", "name"]?.string ?? "")
            return state.write(key, object)
        }
    }

    package func remove(_ resource: APIResource, namespace: String = "", name: String) {
        state.withLock { $0.delete(Key(resource: resource, namespace: namespace, name: name)) }
    }

    package func object(_ resource: APIResource, namespace: String = "", name: String) -> JSONValue? {
        state.withLock { $0.objects[Key(resource: resource, namespace: namespace, name: name)] }
    }

    package func objects(_ resource: APIResource, namespace: String = "") -> [JSONValue] {
        state.withLock { $0.select(resource, ListOptions(namespace: namespace)) }
    }

    // MARK: APIClient

    package func get(_ object: ObjectReference, subresource: String) async throws(APIError) -> JSONValue {
        try begin("get", object.resource, subresource)
        return try found(key(object))
    }

    package func list(_ resource: APIResource, _ options: ListOptions) async throws(APIError) -> ObjectList {
        try begin("list", resource)
        return state.withLock { state in
            ObjectList(items: state.select(resource, options), resourceVersion: "\(state.revision)")
        }
    }

    package func watch(_ resource: APIResource, _ options: ListOptions, from resourceVersion: String)
        async throws(APIError) -> AsyncThrowingStream<WatchEvent, any Error>
    {
        try begin("watch", resource)
        let start = Int64(resourceVersion) ?? 0
        let (stream, continuation) = AsyncThrowingStream<WatchEvent, any Error>.makeStream()
        let isExpired = state.withLock { state in
            guard start >= state.oldest else { return true }
            for change in state.changes where change.revision > start {
                state.deliver(change, Watcher(resource: resource, options: options, continuation: continuation))
            }
            state.watchers[state.nextWatcher] = Watcher(
                resource: resource, options: options, continuation: continuation)
            let id = state.nextWatcher
            state.nextWatcher += 1
            continuation.onTermination = { [weak self] _ in _ = self?.state.withLock { $0.watchers[id] = nil } }
            return false
        }
        if isExpired { throw APIError(code: 410, reason: "Expired", message: "too old resource version") }
        return stream
    }

    /// Runs `body` between the next create of the resource and its answer.
    package func beforeAnswer(
        toCreate resource: APIResource, _ body: @escaping @Sendable (JSONValue) async -> Void
    ) { late.withLock { $0[resource] = body } }

    package func create(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        try begin("create", object.resource, subresource)
        let made = try change { (state) throws(APIError) in
            if subresource == "binding" {
                var pod = try state.found(key(object))
                pod["spec"]?["nodeName"] = body[path: "target", "name"]
                return state.write(key(object), pod)
            }
            var name = object.name
            if name.isEmpty { name = body[path: "metadata", "name"]?.string ?? "" }
            if name.isEmpty { name = (body[path: "metadata", "generateName"]?.string ?? "") + "g\(state.revision)" }
            let key = Key(resource: object.resource, namespace: object.namespace, name: name)
            guard state.objects[key] == nil else {
                throw APIError(code: 409, reason: "AlreadyExists", message: "\(name) already exists")
            }
            var new = body
            new["metadata"]?["name"] = .string(name)
            if !object.namespace.isEmpty { new["metadata"]?["namespace"] = .string(object.namespace) }
            return state.write(key, new)
        }
        if let body = late.withLock({ $0.removeValue(forKey: object.resource) }) { await body(made) }
        return made
    }

    package func update(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        try begin("update", object.resource, subresource)
        return try change { (state) throws(APIError) in
            let old = try state.found(key(object))
            let version = body[path: "metadata", "resourceVersion"]?.string ?? ""
            guard version.isEmpty || version == old[path: "metadata", "resourceVersion"]?.string else {
                throw APIError(code: 409, reason: "Conflict", message: "\(object.name) was changed")
            }
            var new = body
            if subresource == "status" {
                new = old
                new["status"] = body["status"]
            } else if subresource == "finalize" {
                new = old
                new["spec"] = body["spec"]
            } else {
                new["status"] = old["status"]
                new["metadata"]?["deletionTimestamp"] = old[path: "metadata", "deletionTimestamp"]
            }
            new["metadata"]?["uid"] = old[path: "metadata", "uid"]
            return state.finish(key(object), state.write(key(object), new))
        }
    }

    package func patch(
        _ object: ObjectReference, subresource: String, type: PatchType, fieldManager: String, force: Bool,
        _ body: JSONValue
    ) async throws(APIError) -> JSONValue {
        try begin("patch", object.resource, subresource)
        return try change { (state) throws(APIError) in
            let old = try state.found(key(object))
            return state.finish(key(object), state.write(key(object), Self.merge(body, into: old)))
        }
    }

    package func delete(_ object: ObjectReference, options: JSONValue?) async throws(APIError) -> JSONValue {
        try begin("delete", object.resource)
        return try change { (state) throws(APIError) in
            var old = try state.found(key(object))
            if state.undeletable.contains(key(object)) {
                throw APIError(code: 403, reason: "Forbidden", message: "\(object.name) is kept")
            }
            if let uid = options?[path: "preconditions", "uid"], uid != old[path: "metadata", "uid"] {
                throw APIError(code: 409, reason: "Conflict", message: "another \(object.name)")
            }
            if old[path: "metadata", "deletionTimestamp"] == nil {
                old["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            }
            return state.finish(key(object), state.write(key(object), old))
        }
    }

    // MARK: Inside

    private func begin(_ verb: String, _ resource: APIResource, _ subresource: String = "") throws(APIError) {
        let failure = state.withLock { state in
            state.requests.append("\(verb) \(resource.name)" + (subresource.isEmpty ? "" : "/\(subresource)"))
            return state.failures.isEmpty ? nil : state.failures.removeFirst()
        }
        if let failure { throw failure }
    }

    private func change(_ body: (inout State) throws(APIError) -> JSONValue) throws(APIError) -> JSONValue {
        try state.withLock { (state) throws(APIError) in try body(&state) }
    }

    private func found(_ key: Key) throws(APIError) -> JSONValue {
        try state.withLock { (state) throws(APIError) in try state.found(key) }
    }

    private func key(_ object: ObjectReference) -> Key {
        Key(resource: object.resource, namespace: object.namespace, name: object.name)
    }

    private static func merge(_ patch: JSONValue, into target: JSONValue) -> JSONValue {
        guard case .object(let members) = patch else { return patch }
        var result = target.object ?? [:]
        for (name, value) in members {
            if value.isNull {
                result.removeValue(forKey: name)
            } else {
                result[name] = merge(value, into: result[name] ?? .null)
            }
        }
        return .object(result)
    }
}

extension MemoryCluster.State {
    func found(_ key: MemoryCluster.Key) throws(APIError) -> JSONValue {
        guard let object = objects[key] else {
            throw APIError(code: 404, reason: "NotFound", message: "\(key.resource.name) \(key.name) not found")
        }
        return object
    }

    func select(_ resource: APIResource, _ options: ListOptions) -> [JSONValue] {
        objects.filter { Self.matches($0.key, $0.value, resource, options) }
            .sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }.map(\.value)
    }

    mutating func write(_ key: MemoryCluster.Key, _ object: JSONValue) -> JSONValue {
        revision += 1
        var new = object
        let old = objects[key]
        new["kind"] = .string(key.resource.kind)
        new["apiVersion"] = .string(key.resource.apiVersion)
        new["metadata"]?["resourceVersion"] = .string("\(revision)")
        if new[path: "metadata", "uid"] == nil {
            new["metadata"]?["uid"] = old?[path: "metadata", "uid"] ?? .string("uid-\(revision)")
        }
        if new[path: "metadata", "creationTimestamp"] == nil {
            new["metadata"]?["creationTimestamp"] = "2026-01-01T00:00:00Z"
        }
        objects[key] = new
        publish(key, old == nil ? .added(new) : .modified(new), new)
        return new
    }

    /// Removes what is being deleted and that nothing holds any more.
    mutating func finish(_ key: MemoryCluster.Key, _ object: JSONValue) -> JSONValue {
        let isHeld =
            !(object[path: "metadata", "finalizers"]?.array ?? []).isEmpty
            || !(object[path: "spec", "finalizers"]?.array ?? []).isEmpty
        if object[path: "metadata", "deletionTimestamp"] != nil, !isHeld { delete(key) }
        return object
    }

    mutating func delete(_ key: MemoryCluster.Key) {
        guard var object = objects.removeValue(forKey: key) else { return }
        revision += 1
        object["metadata"]?["resourceVersion"] = .string("\(revision)")
        publish(key, .deleted(object), object)
    }

    private mutating func publish(_ key: MemoryCluster.Key, _ event: WatchEvent, _ object: JSONValue) {
        let change = MemoryCluster.Change(revision: revision, key: key, event: event, object: object)
        changes.append(change)
        for watcher in watchers.values { deliver(change, watcher) }
    }

    func deliver(_ change: MemoryCluster.Change, _ watcher: MemoryCluster.Watcher) {
        if Self.matches(change.key, change.object, watcher.resource, watcher.options) {
            watcher.continuation.yield(change.event)
        }
    }

    private static func matches(
        _ key: MemoryCluster.Key, _ object: JSONValue, _ resource: APIResource, _ options: ListOptions
    ) -> Bool {
        guard key.resource == resource, options.namespace.isEmpty || options.namespace == key.namespace else {
            return false
        }
        let labels = options.labelSelector.split(separator: ",").allSatisfy { term in
            let parts = term.split(separator: "=", omittingEmptySubsequences: false)
            return object[path: "metadata", "labels"]?[String(parts[0])]?.string == parts.last.map(String.init)
        }
        let fields = options.fieldSelector.split(separator: ",").allSatisfy { term in
            let parts = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            var value: JSONValue? = object
            for step in parts[0].split(separator: ".") { value = value?[String(step)] }
            return (value?.string ?? "") == parts.last.map(String.init)
        }
        return labels && fields
    }
}
