import APIMachinery
import JSONText

/// Get and list.
extension APICore {
    func get(_ context: RequestContext) throws(APIStatus) -> APIResponse {
        if case .metadata(isList: true) = context.negotiation.form {
            throw .notAcceptable(
                "you requested PartialObjectMetadataList, but the requested object is not a list "
                    + "(*core.\(context.kind.kind.kind))")
        }
        guard let object = cache.get(context.storage, context.key(context.info.name), for: context.request.viewer)
        else {
            throw context.notFound(context.info.name)
        }
        return try render(object, context)
    }

    func list(_ context: RequestContext) throws(APIStatus) -> APIResponse {
        if case .metadata(isList: false) = context.negotiation.form {
            throw .notAcceptable(
                "you requested PartialObjectMetadata, but the requested object is a list "
                    + "(*core.\(context.kind.listKind))")
        }
        let query = try ListRequest(context.request, context.kind, isWatch: false)
        let page = try select(query, context)
        return try render(page, context)
    }

    /// Objects of a list, one page of them.
    struct Page: Sendable {
        var objects: [CachedObject] = []
        var revision: Int64 = 0
        var continuation = ""
        /// Objects after this page; nil where that is not known (with a selector) or nothing follows.
        var remaining: Int?
    }

    /// What a list, or a deletecollection, works on.
    func select(_ query: ListRequest, _ context: RequestContext) throws(APIStatus) -> Page {
        let (table, revision) = try snapshot(query, context)
        let prefix = context.kind.isNamespaced && !context.info.namespace.isEmpty ? "\(context.info.namespace)/" : ""
        // Revision 0 means "whatever is at hand", and then pages are not cut.
        let limit = query.resourceVersion == "0" ? 0 : query.limit
        var page = Page(revision: revision)
        var following = 0
        let start = query.continuation.map { $0.lastKey + "\u{1}" } ?? prefix
        table.forEach(from: start) { key, object in
            guard key.hasPrefix(prefix) else { return false }
            guard object.matches(query.selector, rules: context.kind.rules) else { return true }
            if limit > 0, page.objects.count == limit {
                following += 1
                return query.selector.isEmpty
            }
            page.objects.append(object)
            return true
        }
        if following > 0, let last = page.objects.last {
            page.continuation = Continuation(revision: revision, lastKey: last.key).text
            if query.selector.isEmpty { page.remaining = following }
        }
        return page
    }

    private func snapshot(_ query: ListRequest, _ context: RequestContext) throws(APIStatus)
        -> (objects: OrderedTable<CachedObject>, revision: Int64)
    {
        let present = cache.table(context.storage, for: context.request.viewer)
        if let continuation = query.continuation {
            if continuation.revision == Continuation.present { return present }
            // A token of our own names no revision to come.
            guard continuation.revision <= present.revision else { return present }
            guard let table = cache.table(context.storage, at: continuation.revision) else {
                var status = APIStatus.expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a "
                        + "new list without the continue parameter, or use the continue token in this response to "
                        + "retrieve the remainder of the results. Continuing with the provided token results in an "
                        + "inconsistent list - objects that were created, modified, or deleted between the time the "
                        + "first chunk was returned and now may show up in the list.")
                status.continuation =
                    Continuation(revision: Continuation.present, lastKey: continuation.lastKey).text
                throw status
            }
            return (table, continuation.revision)
        }
        guard let revision = query.revision else { return present }
        if revision > present.revision {
            throw APIStatus(
                code: 504, reason: "Timeout",
                message: "Too large resource version: \(revision), current: \(present.revision)",
                details: .init(
                    causes: [
                        .init(reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "")
                    ],
                    retryAfterSeconds: 1))
        }
        switch query.match {
        case .notOlderThan: return present
        case .unset where query.limit == 0: return present
        case .exact, .unset:
            guard let table = cache.table(context.storage, at: revision) else {
                throw .expired("The resourceVersion for the provided list is too old.")
            }
            return (table, revision)
        }
    }
}
