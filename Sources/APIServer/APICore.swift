import APIMachinery
import JSONText
package import Logging
package import Store
import Synchronization

/// What the core needs from its surroundings.
package struct APICoreOptions: Sendable {
    /// `https://…`, as in tokens' `iss`.
    package var issuer = "https://kubernetes.default.svc.cluster.local"
    /// Cluster addresses of Services, the primary family first; IPv4 and IPv6 at most once each.
    package var serviceCIDRs = ["10.96.0.0/16", "fd00:96::/112"]
    package var clock: any WallClock = SystemWallClock()
    /// Asked before every write, in order.
    package var admission: [any AdmissionPlugin] = []
    /// Decides on writes in commit order; nil where nothing depends on that.
    package var judge: (any CommitJudge)?
    /// Logs and exec of pods; nil where no node agent runs.
    package var nodeStreams: (any NodeStreams)?
    /// Changes that a watch may start behind the present.
    package var watchHistoryEventsMax = Limits.historyEventsMax
    /// Text in Prometheus' format, for `/metrics`.
    package var metrics: (@Sendable () -> String)?
    package var logger = Logger(label: "martlet.apiserver")

    package init() {}
}

/// The API without transport: a request in, a response out.
///
/// HTTPS, the clients in this process and tests all come through `respond`.
package final class APICore: Sendable {
    let registry = ResourceRegistry.builtin
    let cache: ObjectCache
    let authorizer: Authorizer
    let authenticator: Authenticator
    let clock: any WallClock
    let admission: [any AdmissionPlugin]
    let gate: CommitGate?
    let addresses: ServiceAddresses
    let nodePorts: NodePorts
    let ranges: ServiceRanges
    let openAPI: OpenAPICache
    let options: APICoreOptions
    let logger: Logger
    /// Set later where the node agent starts after the server.
    private let streams: Mutex<(any NodeStreams)?>

    /// - Parameter keyDirectory: holds the key that signs service account tokens; made if it is not there.
    package init(store: Store, keyDirectory: String, options: APICoreOptions) throws(ServerError) {
        self.options = options
        openAPI = OpenAPICache(registry: registry)
        clock = options.clock
        admission = options.admission
        logger = options.logger
        streams = Mutex(options.nodeStreams)
        do { cache = try ObjectCache(store: store, historyEventsMax: options.watchHistoryEventsMax) } catch {
            throw ServerError(.store, "the stored objects cannot be read", cause: error)
        }
        gate = options.judge.map { [cache] in CommitGate($0, cache: cache) }
        authorizer = Authorizer(cache: cache)
        try StateFile.makeDirectory(keyDirectory)
        authenticator = Authenticator(
            signer: try TokenSigner(directory: keyDirectory, issuer: options.issuer), cache: cache, clock: clock)
        addresses = ServiceAddresses(ranges: try Self.cidrs(options.serviceCIDRs))
        ranges = ServiceRanges(clusterIPs: addresses.ranges)
        nodePorts = NodePorts(range: Int(ranges.nodePorts.lowerBound)...Int(ranges.nodePorts.upperBound))
        repairServiceAddresses()
    }

    /// The store's tables that the server wants beside the one of ordinary objects.
    package static var storeOptions: StoreOptions {
        var options = StoreOptions()
        // No more past than the cache keeps: that counts a version twice, as what was and as what is.
        options.objects = StoreTable(
            name: "objects", prefix: "", historyEventsMax: Limits.historyEventsMax,
            historyBytesMax: Limits.historyBytesMax / 2)
        options.tables = [
            StoreTable(
                name: "events", prefix: "core/events/", historyEventsMax: 4096, historyBytesMax: 4 << 20,
                timeToLive: .seconds(3600)),
            StoreTable(
                name: "leases", prefix: "coordination.k8s.io/leases/", historyEventsMax: 4096,
                historyBytesMax: 4 << 20),
        ]
        return options
    }

    package var nodeStreams: (any NodeStreams)? {
        get { streams.withLock { $0 } }
        set { streams.withLock { $0 = newValue } }
    }

    /// Turns the clock of watches, takes over what the store expires, and repairs the Services' addresses, until
    /// cancelled. Needed wherever the core serves.
    package func run() async {
        var rounds = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            rounds += 1
            cache.tick(now: .now)
            do { try cache.synchronize() } catch { logger.error("the cache does not follow: \(error)") }
            await gate?.refresh()
            if rounds % 240 == 0 { repairServiceAddresses() }
        }
        cache.endWatches()
    }

    /// Answers one request. Never throws: what goes wrong is a Status.
    package func respond(_ request: APIRequest) async -> APIResponse {
        do {
            return try await answer(request)
        } catch {
            return Self.response(error, request)
        }
    }

    private func answer(_ request: APIRequest) async throws(APIStatus) -> APIResponse {
        let info = RequestInfo(request)
        if let open = openAnswer(request) { return open }
        guard let asking = try authenticator.authenticate(request) else { throw .unauthorized }
        let user = try Impersonation.resolve(request, user: asking, authorizer: authorizer)
        try authorizer.require(attributes(info, request, user))
        guard info.isResource, !info.resource.isEmpty else { return try plainAnswer(request, info) }
        do {
            return try await resourceAnswer(request, info, user)
        } catch {
            // A read sees what is on the disk. The refusal of a write may tell of what is not.
            if request.method != "GET", error.code < 500 { try await settle(for: request.viewer) }
            throw error
        }
    }

    func attributes(_ info: RequestInfo, _ request: APIRequest, _ user: UserInfo) -> AccessAttributes {
        guard info.isResource, !info.resource.isEmpty else {
            return AccessAttributes(
                user: user, verb: request.method.lowercased(), isResource: false, path: request.path)
        }
        var name = info.name
        if name.isEmpty, let text = request.parameter("fieldSelector"),
            let kind = registry.resource(group: info.group, version: info.version, plural: info.resource),
            let fields = try? FieldQuery(text, for: kind)
        {
            name = fields.name ?? ""
        }
        return AccessAttributes(
            user: user, verb: info.verb, group: info.group, resource: info.resource, subresource: info.subresource,
            namespace: info.namespace, name: name, path: request.path)
    }

    private func resourceAnswer(_ request: APIRequest, _ info: RequestInfo, _ user: UserInfo)
        async throws(APIStatus) -> APIResponse
    {
        guard let kind = registry.resource(group: info.group, version: info.version, plural: info.resource) else {
            throw .noSuchPath
        }
        let isNamespacePath = !info.namespace.isEmpty
        // All namespaces may be listed and watched at once, nothing else.
        if kind.isNamespaced, !isNamespacePath {
            guard info.name.isEmpty else { throw .noSuchPath }
            guard ["list", "watch"].contains(info.verb) || kind.isVirtual else { throw .noSuchMethod }
        }
        if !kind.isNamespaced, isNamespacePath, kind.plural != "namespaces" { throw .noSuchPath }
        try checkVerb(kind, info)
        let isWatch = info.verb == "watch"
        let offer = Negotiation.Offer(
            hasForms: info.verb != "delete", isWatch: isWatch, isCollection: info.name.isEmpty && info.verb != "create")
        let negotiation = try Negotiation(
            accept: request.header("accept"), prettyQuery: request.flag("pretty"), offer: offer)
        let context = RequestContext(
            request: request, info: info, user: user, kind: kind, negotiation: negotiation)
        if !info.subresource.isEmpty { return try await subresource(context) }
        if kind.plural == "transactions" { return try await transact(context) }
        if kind.isVirtual { return try await review(context) }
        switch info.verb {
        case "get": return try get(context)
        case "list": return try list(context)
        case "watch": return try watch(context)
        case "create": return try await create(context)
        case "update": return try await update(context)
        case "patch": return try await patch(context)
        case "delete": return try await delete(context)
        case "deletecollection": return try await deleteCollection(context)
        default: throw .noSuchMethod
        }
    }

    private func checkVerb(_ kind: ResourceDefinition, _ info: RequestInfo) throws(APIStatus) {
        if info.subresource.isEmpty {
            guard let verb = Verb(rawValue: info.verb), kind.verbs.contains(verb) else { throw .noSuchMethod }
            let needsName = ["get", "update", "patch", "delete"].contains(info.verb)
            let takesNoName = ["create", "list", "deletecollection"].contains(info.verb)
            if (needsName && info.name.isEmpty) || (takesNoName && !info.name.isEmpty) { throw .noSuchMethod }
            return
        }
        guard let subresource = kind.subresource(info.subresource) else { throw .noSuchPath }
        guard let verb = Verb(rawValue: info.verb), subresource.verbs.contains(verb) else { throw .noSuchMethod }
    }

    private static func response(_ status: APIStatus, _ request: APIRequest) -> APIResponse {
        var headers = [("content-type", "application/json")]
        if status.code == 401 { headers.append(("www-authenticate", "Bearer realm=\"martlet\"")) }
        if let seconds = status.details?.retryAfterSeconds, seconds > 0 {
            headers.append(("retry-after", String(seconds)))
        }
        return APIResponse(status: status.code, headers: headers, body: .bytes(status.json.compactBytes))
    }
}
