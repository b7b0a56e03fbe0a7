import APIMachinery
import JSONText

/// Watches.
extension APICore {
    func watch(_ context: RequestContext) throws(APIStatus) -> APIResponse {
        let query = try ListRequest(context.request, context.kind, isWatch: true)
        var selector = query.selector
        if !context.info.name.isEmpty {
            selector.name = context.info.name
        }
        let opened = try openWatch(
            context, query: query,
            timeout: query.timeoutSeconds ?? Int64.random(in: Limits.watchSecondsMin..<2 * Limits.watchSecondsMin))
        let filter = WatchFilter(selector: selector, rules: context.kind.rules)
        let isProtobuf = context.negotiation.format == .protobuf && context.negotiation.form == .object
        let text = TextWatchEncoder(context: context, core: self)
        let encoder: any WatchEncoder = isProtobuf ? ProtobufWatchEncoder(context: context) : text
        let stream = WatchStream(
            queue: opened, cache: cache, storage: context.storage, filter: filter, encoder: encoder)
        // Tables and bare metadata go out as JSON, which every client takes.
        let type = isProtobuf ? "\(Negotiation.Format.protobuf.contentType);stream=watch" : "application/json"
        return APIResponse(status: 200, headers: [("content-type", type)], body: .stream(stream))
    }

    /// Registers a queue for a watch. Throws 410 where its start lies too far back.
    func openWatch(
        _ context: RequestContext, query: ListRequest, timeout: Int64, followsRevision: Bool = false
    ) throws(APIStatus) -> WatchQueue {
        let (kind, namespace) = (context.kind, context.info.namespace)
        let sendsInitial = query.sendsInitialEvents
        let start: ObjectCache.WatchStart
        if let sendsInitial {
            start = sendsInitial ? .present : query.revision.map { .after($0) } ?? .now
        } else {
            start = query.revision.map { .after($0) } ?? .present
        }
        let now = ContinuousClock.now
        let queue = WatchQueue(
            viewer: context.request.viewer,
            keyPrefix: kind.isNamespaced && !namespace.isEmpty ? "\(namespace)/" : nil,
            deadline: now + .seconds(timeout),
            firstBookmark: query.allowsBookmarks && timeout > 2
                ? now + min(Limits.bookmarkInterval, .seconds(timeout - 2)) : nil,
            marksInitialEnd: sendsInitial == true && query.allowsBookmarks, followsRevision: followsRevision)
        guard cache.watch(kind.storageName, queue, from: start) != nil else {
            throw .expired("too old resource version: \(query.resourceVersion) (\(cache.historyFloor))")
        }
        return queue
    }
}

/// Watch events as lines of JSON; objects as they lie in the cache where nothing else was asked for.
struct TextWatchEncoder: WatchEncoder {
    let context: RequestContext
    let core: APICore

    func event(_ type: String, _ object: CachedObject, isFirst: Bool) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(object.byteCount + 48)
        out += "{\"type\":\"\(type)\",\"object\":".utf8
        switch context.negotiation.form {
        case .object where !context.kind.needsConversion: out += object.bytes
        case .object: out += context.kind.fromStorage(object.tree()).compactBytes
        case .metadata:
            out += ObjectTables.partial(object.tree(), version: context.negotiation.formVersion).compactBytes
        case .table:
            let tree = context.kind.fromStorage(object.tree())
            let metadata: [String: JSONValue] = ["resourceVersion": .string(tree.resourceVersion)]
            out += ((try? core.table([tree], metadata: metadata, context, withColumns: isFirst)) ?? [:]).compactBytes
        }
        out += "}\n".utf8
        return out
    }

    func bookmark(revision: Int64, endsInitialEvents: Bool, isFirst: Bool) -> [UInt8] {
        var metadata: [String: JSONValue] = ["resourceVersion": .string(String(revision))]
        if endsInitialEvents { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        var object: JSONValue = [
            "kind": .string(context.kind.kind.kind), "apiVersion": .string(context.kind.apiVersion),
            "metadata": .object(metadata),
        ]
        switch context.negotiation.form {
        case .object: object = context.kind.bookmark(object)
        case .metadata: object = ObjectTables.partial(object, version: context.negotiation.formVersion)
        case .table:
            object = (try? core.table([object], metadata: metadata, context, withColumns: isFirst)) ?? [:]
        }
        return ["type": "BOOKMARK", "object": object].line
    }

    func failure(_ status: JSONValue) -> [UInt8] { ["type": "ERROR", "object": status].line }
}

/// Watch events as protobuf messages with their length before them.
struct ProtobufWatchEncoder: WatchEncoder {
    let context: RequestContext

    func event(_ type: String, _ object: CachedObject, isFirst: Bool) -> [UInt8] {
        frame(type, context.kind.fromStorage(object.tree()))
    }

    func bookmark(revision: Int64, endsInitialEvents: Bool, isFirst: Bool) -> [UInt8] {
        frame("BOOKMARK", context.bookmark(revision: revision, endsInitialEvents: endsInitialEvents))
    }

    func failure(_ status: JSONValue) -> [UInt8] { frame("ERROR", status) }

    /// Every served kind and Status are in the schema; nothing is sent of what is not.
    private func frame(_ type: String, _ object: JSONValue) -> [UInt8] {
        ProtobufCodec().encode(object).map { ProtobufCodec.watchFrame(type, $0) } ?? []
    }
}

extension RequestContext {
    /// An empty object of the kind at a revision.
    fileprivate func bookmark(revision: Int64, endsInitialEvents: Bool) -> JSONValue {
        var metadata: [String: JSONValue] = ["resourceVersion": .string(String(revision))]
        if endsInitialEvents { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        return kind.bookmark([
            "kind": .string(kind.kind.kind), "apiVersion": .string(kind.apiVersion), "metadata": .object(metadata),
        ])
    }
}

extension [String: JSONValue] {
    fileprivate var line: [UInt8] { JSONValue.object(self).compactBytes + [UInt8(ascii: "\n")] }
}
