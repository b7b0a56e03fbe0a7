import APIMachinery
import JSONText
import Store

/// `POST /apis/martlet.io/v1alpha1/transactions`: server-side apply of many objects as one write. All of it is
/// committed under one revision, or nothing is.
extension APICore {
    static let transactionItemsMax = 1_000

    /// `options` in the body are those of server-side apply, `fieldManager` and `force`. Answers the items as they are
    /// stored and, in `status.revision`, the revision of all of them.
    func transact(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let body = try parseBody(context.request, typeName: context.kind.kind.kind)
        var context = context
        let given = body.value["options"]
        if let manager = given?["fieldManager"]?.string { context.request.query.append(("fieldManager", manager)) }
        if given?["force"]?.bool == true { context.request.query.append(("force", "true")) }
        let options = try WriteOptions(context.request, kind: "PatchOptions")
        guard context.request.parameter("fieldManager")?.isEmpty == false else {
            throw .invalid(
                group: context.kind.group, kind: context.kind.kind.kind, name: "",
                [.required("options.fieldManager", "is required")])
        }
        guard let items = body.value["items"]?.array, !items.isEmpty, items.count <= Self.transactionItemsMax else {
            throw .badRequest("a transaction has 1 to \(Self.transactionItemsMax) items")
        }
        var requests: [RequestContext] = []
        for (index, item) in items.enumerated() { requests.append(try itemContext(item, index, context)) }
        for _ in 0..<Limits.conflictRetries {
            if let made = try await attempt(requests, options) {
                return try render(answer(made, context), context, status: 201, warnings: made.warnings)
            }
        }
        throw .conflict(
            group: context.kind.group, resource: context.kind.plural, name: "",
            "other writers came between at every attempt; please try again")
    }

    private struct Made {
        var items: [JSONValue] = []
        var warnings: [String] = []
        var revision: Int64 = 0
    }

    /// Nil where another writer came between.
    private func attempt(_ requests: [RequestContext], _ options: WriteOptions) async throws(APIStatus) -> Made? {
        let scope = TransactionScope()
        do {
            guard let made = try await stageAndCommit(requests, scope, options) else {
                giveBack(scope)
                return nil
            }
            return made
        } catch {
            giveBack(scope)
            throw error
        }
    }

    /// What Services reserved for a write that did not come about.
    private func giveBack(_ scope: TransactionScope) {
        for staged in scope.staged { releaseLeft(old: staged.new, new: staged.old, staged.context) }
    }

    private func stageAndCommit(_ requests: [RequestContext], _ scope: TransactionScope, _ options: WriteOptions)
        async throws(APIStatus) -> Made?
    {
        var made = Made()
        for (index, request) in requests.enumerated() {
            var item = request
            item.transaction = scope
            var writer = ObjectWriter(writeRequest(item, options))
            do {
                made.items.append(try await apply(item, options, &writer).object)
            } catch {
                throw error.about("items[\(index)]: \(item.kind.plural) \"\(item.key(item.info.name))\"")
            }
            made.warnings += writer.warnings
        }
        guard let revision = try await commit(scope, options) else { return nil }
        if options.isDryRun { giveBack(scope) }
        made.revision = revision
        for index in made.items.indices where scope.staged(requests[index].storage, key(of: requests[index])) != nil {
            if !options.isDryRun { made.items[index]["metadata"]?["resourceVersion"] = .string(String(revision)) }
        }
        return made
    }

    private func key(of request: RequestContext) -> String { request.key(request.info.name) }

    /// The revision; nil where another writer came between.
    private func commit(_ scope: TransactionScope, _ options: WriteOptions) async throws(APIStatus) -> Int64? {
        func write() async throws(APIStatus) -> Int64? {
            if options.isDryRun || scope.operations.isEmpty {
                let revision = cache.revision
                try await settle(revision)
                return revision
            }
            do {
                let revision = try await cache.commit(scope.operations).revision
                for staged in scope.staged {
                    if let old = staged.old { releaseLeft(old: old, new: staged.new, staged.context) }
                }
                return revision
            } catch {
                if error.code == .conflict { return nil }
                throw Self.status(error)
            }
        }
        guard let gate else { return try await write() }
        return try await gate.pass(scope.writes, isDryRun: options.isDryRun) { () async throws(APIStatus) -> Int64? in
            try await write()
        }
    }

    private func answer(_ made: Made, _ context: RequestContext) -> JSONValue {
        [
            "apiVersion": .string(context.kind.apiVersion), "kind": .string(context.kind.kind.kind),
            "metadata": [:], "items": .array(made.items), "status": ["revision": .string(String(made.revision))],
        ]
    }

    /// The apply of one item as a request of its own, which the user has to have the right to.
    private func itemContext(_ item: JSONValue, _ index: Int, _ context: RequestContext) throws(APIStatus)
        -> RequestContext
    {
        let apiVersion = item["apiVersion"]?.string ?? ""
        let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
        let (group, version) = parts.count == 2 ? (parts[0], parts[1]) : ("", apiVersion)
        let name = item.name
        guard
            let kind = registry.resource(kind: GroupVersionKind(group, version, item["kind"]?.string ?? "")),
            !kind.isVirtual, kind.verbs.contains(.patch)
        else {
            throw .badRequest("items[\(index)]: no kind \"\(item["kind"]?.string ?? "")\" in version \"\(apiVersion)\"")
        }
        guard !name.isEmpty else { throw .badRequest("items[\(index)].metadata.name is required") }
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if kind.isNamespaced { path += "/namespaces/\(item[path: "metadata", "namespace"]?.string ?? "default")" }
        var request = context.request
        request.method = "PATCH"
        request.path = "\(path)/\(kind.plural)/\(name)"
        request.body = item.compactBytes
        let info = RequestInfo(request)
        guard info.resource == kind.plural, info.name == name, info.subresource.isEmpty else {
            throw .badRequest("items[\(index)]: \"\(name)\" is no name")
        }
        do {
            try authorizer.require(attributes(info, request, context.user))
        } catch {
            throw error.about("items[\(index)]")
        }
        return RequestContext(
            request: request, info: info, user: context.user, kind: kind, negotiation: context.negotiation)
    }

    /// An object as a write sees it: what its own transaction has staged, else what is stored.
    func present(_ storage: String, _ key: String, _ context: RequestContext) -> JSONValue? {
        context.transaction?.staged(storage, key) ?? cache.get(storage, key)?.tree()
    }
}

extension APIStatus {
    /// The same refusal, told of one of several objects.
    fileprivate func about(_ what: String) -> APIStatus {
        APIStatus(code: code, reason: reason, message: "\(what): \(message)", details: details)
    }
}
