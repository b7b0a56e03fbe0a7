package import APIClient
import APIMachinery
package import JSONText

/// The API for our own parts in the same process: the same checks as over HTTPS, without a socket. They see what is
/// committed before it is on the disk; who writes is answered when it is, as everybody.
package struct LocalClient: APIClient {
    private let core: APICore
    private let user: UserInfo
    private let userAgent: String

    /// - Parameter user: whose rights hold, and the owner of the fields that are written.
    package init(core: APICore, user: UserInfo) {
        self.core = core
        self.user = user
        userAgent = user.name.split(separator: ":").last.map(String.init) ?? user.name
    }

    package func get(_ object: ObjectReference, subresource: String) async throws(APIError) -> JSONValue {
        try await send("GET", path(object, subresource))
    }

    package func list(_ resource: APIResource, _ options: ListOptions) async throws(APIError) -> ObjectList {
        var items: [JSONValue] = []
        let revision = try await list(resource, options) { items.append($0) }
        return ObjectList(items: items, resourceVersion: revision)
    }

    /// From tree to tree, without a text of all of them between: that has no size that would be enough. As in a watch,
    /// the objects come without `managedFields`.
    package func list(_ resource: APIResource, _ options: ListOptions, each body: (JSONValue) -> Void)
        async throws(APIError) -> String
    {
        let request = request("GET", path(resource, options.namespace), query: Self.query(options))
        do throws(APIStatus) {
            return String(try core.localList(request, isMetadataOnly: options.isMetadataOnly, body))
        } catch {
            throw Self.error(error)
        }
    }

    package func watch(_ resource: APIResource, _ options: ListOptions, from resourceVersion: String)
        async throws(APIError) -> AsyncThrowingStream<WatchEvent, any Error>
    {
        var query = Self.query(options)
        query += [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
            ("timeoutSeconds", "2147483647"),
        ]
        let request = request("GET", path(resource, options.namespace), query: query)
        let feed: LocalWatch
        do throws(APIStatus) {
            feed = try core.localWatch(request, options)
        } catch {
            throw Self.error(error)
        }
        return AsyncThrowingStream { try await feed.next() }
    }

    package func create(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        let target =
            subresource.isEmpty ? path(object.resource, object.namespace) : path(object, subresource)
        return try await send("POST", target, body: body)
    }

    package func update(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        try await send("PUT", path(object, subresource), body: body)
    }

    package func patch(
        _ object: ObjectReference, subresource: String, type: PatchType, fieldManager: String, force: Bool,
        _ body: JSONValue
    ) async throws(APIError) -> JSONValue {
        var query = [(name: "fieldManager", value: fieldManager)]
        if force { query.append(("force", "true")) }
        return try await send(
            "PATCH", path(object, subresource), query: query, contentType: type.rawValue, body: body)
    }

    package func delete(_ object: ObjectReference, options: JSONValue?) async throws(APIError) -> JSONValue {
        try await send("DELETE", path(object, ""), body: options)
    }

    // MARK: Requests

    private func request(_ method: String, _ path: String, query: [(name: String, value: String)]) -> APIRequest {
        var request = APIRequest(
            method: method, path: path, query: query, headers: [("user-agent", userAgent)], user: user)
        request.viewer = .inside
        return request
    }

    private static func query(_ options: ListOptions) -> [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if !options.labelSelector.isEmpty { query.append(("labelSelector", options.labelSelector)) }
        if !options.fieldSelector.isEmpty { query.append(("fieldSelector", options.fieldSelector)) }
        return query
    }

    private func path(_ resource: APIResource, _ namespace: String) -> String {
        let head = resource.group.isEmpty ? "/api/\(resource.version)" : "/apis/\(resource.group)/\(resource.version)"
        return head + (namespace.isEmpty ? "" : "/namespaces/\(namespace)") + "/\(resource.name)"
    }

    private func path(_ object: ObjectReference, _ subresource: String) -> String {
        let whole = path(object.resource, object.namespace) + "/\(object.name)"
        return subresource.isEmpty ? whole : "\(whole)/\(subresource)"
    }

    private func send(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        contentType: String = "application/json", body: JSONValue? = nil
    ) async throws(APIError) -> JSONValue {
        var request = request(method, path, query: query)
        request.headers.append(("content-type", contentType))
        request.body = body?.compactBytes ?? []
        let response = await core.respond(request)
        guard case .bytes(let bytes) = response.body, let value = try? JSONValue(parsing: bytes) else {
            throw APIError(code: 0, reason: "", message: "\(method) \(path) gave no JSON")
        }
        guard response.status < 400 else {
            throw APIError(
                code: response.status, reason: value["reason"]?.string ?? "",
                message: value["message"]?.string ?? "", status: value)
        }
        return value
    }

    static func error(_ status: APIStatus) -> APIError {
        APIError(code: status.code, reason: status.reason, message: status.message, status: status.json)
    }
}

/// A watch of this process: events as trees, without text between. For one that follows the revision a bookmark stands
/// behind what each commit changed of the kind, and comes within a tick of the server's clock where a commit changed
/// other kinds.
final class LocalWatch: Sendable {
    private let queue: WatchQueue
    private let cache: ObjectCache
    private let kind: ResourceDefinition
    private let filter: WatchFilter
    private let pending = Handoff<WatchEvent>(capacity: Int.max)

    init(queue: WatchQueue, cache: ObjectCache, kind: ResourceDefinition, filter: WatchFilter) {
        self.queue = queue
        self.cache = cache
        self.kind = kind
        self.filter = filter
    }

    deinit {
        cache.unwatch(kind.storageName, queue)
        queue.finish()
    }

    /// The next event; nil when the task is cancelled. Throws where the watch was cut off: the caller starts anew.
    func next() async throws -> WatchEvent? {
        while true {
            if let event = pending.takeNow() { return event }
            guard let items = await queue.next() else {
                cache.unwatch(kind.storageName, queue)
                if Task.isCancelled { return nil }
                throw LocalClient.error(.expired("the watch was too slow, or the server stops"))
            }
            for item in items {
                switch item {
                case .together(let revision): _ = await pending.put(.together(resourceVersion: String(revision)))
                case .bookmark(let revision), .initialEnd(let revision):
                    _ = await pending.put(.bookmark(resourceVersion: String(revision)))
                case .event(let event):
                    guard let (what, object) = filter.judge(event) else { continue }
                    let tree = kind.fromStorage(cache.recentTrees.tree(of: object, storage: kind.storageName))
                    switch what {
                    case .added: _ = await pending.put(.added(tree))
                    case .modified: _ = await pending.put(.modified(tree))
                    case .deleted: _ = await pending.put(.deleted(tree))
                    }
                }
            }
        }
    }
}

extension APICore {
    /// Opens a watch for a caller in this process; the same checks as any request.
    func localWatch(_ request: APIRequest, _ options: ListOptions) throws(APIStatus) -> LocalWatch {
        let context = try localContext(request)
        let query = try ListRequest(request, context.kind, isWatch: true)
        let queue = try openWatch(
            context, query: query, timeout: query.timeoutSeconds ?? Limits.watchSecondsMin,
            followsRevision: options.followsRevision)
        return LocalWatch(
            queue: queue, cache: cache, kind: context.kind,
            filter: WatchFilter(selector: query.selector, rules: context.kind.rules))
    }

    /// Lists for a caller in this process; the same checks as any request. Answers the list's revision.
    func localList(_ request: APIRequest, isMetadataOnly: Bool, _ body: (JSONValue) -> Void) throws(APIStatus)
        -> Int64
    {
        let context = try localContext(request)
        let page = try select(try ListRequest(request, context.kind, isWatch: false), context)
        for object in page.objects {
            body(context.kind.fromStorage(object.plainTree(isMetadataOnly: isMetadataOnly)))
        }
        return page.revision
    }

    private func localContext(_ request: APIRequest) throws(APIStatus) -> RequestContext {
        let info = RequestInfo(request)
        guard let user = request.user else { throw .unauthorized }
        try authorizer.require(attributes(info, request, user))
        guard let kind = registry.resource(group: info.group, version: info.version, plural: info.resource) else {
            throw .noSuchPath
        }
        let offer = Negotiation.Offer(hasForms: false, isWatch: false, isCollection: true)
        return RequestContext(
            request: request, info: info, user: user, kind: kind,
            negotiation: try Negotiation(accept: nil, offer: offer))
    }
}
