import APIMachinery
import JSONText
import YAMLText

/// Answers in the form that was negotiated. JSON of cached objects goes out as it lies in the cache.
extension APICore {
    func render(_ object: CachedObject, _ context: RequestContext, status: Int = 200, warnings: [String] = [])
        throws(APIStatus) -> APIResponse
    {
        let negotiation = context.negotiation
        if case .object = negotiation.form, negotiation.format == .json, !negotiation.isPretty,
            !context.kind.needsConversion
        {
            var response = APIResponse(status: status, contentType: "application/json", object.bytes)
            response.addWarnings(warnings)
            return response
        }
        let tree = context.kind.fromStorage(object.tree())
        return try render(tree, context, status: status, warnings: warnings)
    }

    /// Renders an object that is no part of the cache: an answer to a dry run, a review.
    func render(_ tree: JSONValue, _ context: RequestContext, status: Int = 200, warnings: [String] = [])
        throws(APIStatus) -> APIResponse
    {
        var shown = tree
        switch context.negotiation.form {
        case .object: break
        case .table: shown = try table([tree], metadata: ["resourceVersion": .string(tree.resourceVersion)], context)
        case .metadata: shown = ObjectTables.partial(tree, version: context.negotiation.formVersion)
        }
        var response = try encode(shown, context.negotiation, status: status)
        response.addWarnings(warnings)
        return response
    }

    func render(_ page: Page, _ context: RequestContext) throws(APIStatus) -> APIResponse {
        var metadata: [String: JSONValue] = ["resourceVersion": .string(String(page.revision))]
        if !page.continuation.isEmpty { metadata["continue"] = .string(page.continuation) }
        if let remaining = page.remaining { metadata["remainingItemCount"] = .integer(Int64(remaining)) }
        let negotiation = context.negotiation
        switch negotiation.form {
        case .object:
            if negotiation.format == .json, !negotiation.isPretty, !context.kind.needsConversion {
                return APIResponse(contentType: "application/json", Self.listBytes(page, metadata, context.kind))
            }
            let items = page.objects.map { object in
                var tree = context.kind.fromStorage(object.tree())
                tree["kind"] = nil
                tree["apiVersion"] = nil
                return tree
            }
            let list: JSONValue = [
                "kind": .string(context.kind.listKind), "apiVersion": .string(context.kind.apiVersion),
                "metadata": .object(metadata), "items": .array(items),
            ]
            return try encode(list, negotiation)
        case .table:
            let trees = page.objects.map { context.kind.fromStorage($0.tree()) }
            return try encode(try table(trees, metadata: metadata, context), negotiation)
        case .metadata:
            let list = ObjectTables.partialList(
                page.objects.map { $0.tree() }, version: negotiation.formVersion, listMetadata: .object(metadata))
            return try encode(list, negotiation)
        }
    }

    /// A list's text, cut together from the cache. Items carry neither kind nor apiVersion.
    private static func listBytes(_ page: Page, _ metadata: [String: JSONValue], _ kind: ResourceDefinition)
        -> [UInt8]
    {
        var out: [UInt8] = []
        out.reserveCapacity(page.objects.reduce(256) { $0 + $1.byteCount })
        out += "{\"kind\":\"\(kind.listKind)\",\"apiVersion\":\"\(kind.apiVersion)\",\"metadata\":".utf8
        JSONPrinter().write(.object(metadata), to: &out)
        out += ",\"items\":[".utf8
        for (index, object) in page.objects.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            out.append(UInt8(ascii: "{"))
            out += object.bytes[object.metadataOffset...]
        }
        out += "]}".utf8
        return out
    }

    /// A tree in the negotiated format.
    func encode(_ tree: JSONValue, _ negotiation: Negotiation, status: Int = 200) throws(APIStatus) -> APIResponse {
        switch negotiation.format {
        case .json:
            let bytes = negotiation.isPretty ? JSONPrinter(indent: 2).bytes(tree) : tree.compactBytes
            return APIResponse(status: status, contentType: "application/json", bytes)
        case .yaml:
            return APIResponse(
                status: status, contentType: "application/yaml", Array(YAMLPrinter.print(tree).utf8))
        case .protobuf:
            guard let bytes = ProtobufCodec().encode(tree) else {
                // A form without protobuf, such as a Table, goes out as JSON, which every client takes.
                return APIResponse(status: status, contentType: "application/json", tree.compactBytes)
            }
            return APIResponse(status: status, contentType: Negotiation.Format.protobuf.contentType, bytes)
        }
    }

    /// The `Table` of some objects (meta/v1).
    func table(
        _ trees: [JSONValue], metadata: [String: JSONValue], _ context: RequestContext, withColumns: Bool = true
    ) throws(APIStatus) -> JSONValue {
        let include = context.request.parameter("includeObject") ?? ""
        guard let rowObject = include.isEmpty ? .metadata : ObjectTables.RowObject(rawValue: include) else {
            throw .badRequest("unrecognized includeObject value: \"\(include)\"")
        }
        return ObjectTables.table(
            trees, of: context.kind, version: context.negotiation.formVersion, listMetadata: .object(metadata),
            rowObject: rowObject, now: clock.now, withColumns: withColumns)
    }
}

extension APIResponse {
    /// Warnings as RFC 7234's header carries them: `299 - "text"`.
    mutating func addWarnings(_ warnings: [String]) {
        for warning in warnings {
            let quoted = warning.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: " ")
            headers.append(("warning", "299 - \"\(quoted)\""))
        }
    }
}
