import APIMachinery
import JSONText

/// Patches: merge, strategic merge, JSON patch and server-side apply.
extension APICore {
    func patch(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "PatchOptions")
        let type = mediaType(context.request)
        guard let kind = PatchKind(rawValue: type) else {
            throw .unsupportedMediaType(PatchKind.allCases.map(\.rawValue).sorted())
        }
        var writer = ObjectWriter(writeRequest(context, options))
        if kind == .apply {
            let applied = try await apply(context, options, &writer)
            return try render(
                applied.object, context, status: applied.isNew ? 201 : 200, warnings: writer.warnings)
        }
        if context.request.parameter("force") != nil {
            throw .invalidOptions("PatchOptions", .forbidden("force", "may not be specified for non-apply patch"))
        }
        let body = try parseText(context.request.body, typeName: context.kind.kind.kind, isPatch: true)
        let version = body.value[path: "metadata", "resourceVersion"]?.string ?? ""
        let stored = try await replace(context, options, version: version, &writer) {
            (writer, old) throws(APIStatus) in
            try writer.patched(old, kind: kind, patch: body.value, duplicates: body.duplicates)
        }
        return try render(stored, context, warnings: writer.warnings)
    }

    /// Server-side apply of the request's body.
    func apply(_ context: RequestContext, _ options: WriteOptions, _ writer: inout ObjectWriter)
        async throws(APIStatus) -> (object: JSONValue, isNew: Bool)
    {
        guard context.request.parameter("fieldManager")?.isEmpty == false else {
            throw .invalidOptions("PatchOptions", .required("fieldManager", "is required for apply patch"))
        }
        let body = try parseYAML(context.request.body, typeName: context.kind.kind.kind)
        let name = context.info.name
        let version = body.value[path: "metadata", "resourceVersion"]?.string ?? ""
        if cache.get(context.storage, context.key(name)) == nil {
            guard context.info.subresource.isEmpty else { throw context.notFound(name) }
            try requireCreate(context)
            let object = try writer.applied(body.value, to: nil, duplicates: body.duplicates)
            return (try await store(object, &writer, context, options), true)
        }
        let stored = try await replace(context, options, version: version, &writer) {
            (writer, old) throws(APIStatus) in
            try writer.applied(body.value, to: old, duplicates: body.duplicates)
        }
        return (stored, false)
    }
}
