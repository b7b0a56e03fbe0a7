package import JSONText

/// The four ways to change a part of an object.
package enum PatchKind: String, Sendable, CaseIterable {
    case strategicMerge = "application/strategic-merge-patch+json"
    case merge = "application/merge-patch+json"
    case json = "application/json-patch+json"
    case apply = "application/apply-patch+yaml"
}

extension ObjectWriter {
    /// The stored object with a patch laid over it, ready for `finishUpdate`. Server-side apply has `applied`.
    package mutating func patched(_ old: JSONValue, kind: PatchKind, patch: JSONValue, duplicates: [String] = [])
        throws(APIStatus) -> JSONValue
    {
        let result: JSONValue
        switch kind {
        case .merge:
            guard case .object = patch else { throw .badRequest("error decoding patch: a merge patch is an object") }
            result = MergePatch.apply(patch, to: old)
        case .json: result = try JSONPatch.apply(patch, to: old)
        case .strategicMerge:
            guard case .object = patch else { throw .badRequest("error decoding patch: a patch is an object") }
            var merged = try StrategicMerge(schema: schema).apply(patch, to: old, type: request.resource.type)
            for field in ["apiVersion", "kind"] { merged[field] = old[field] }
            result = merged
        case .apply: return try applied(patch, to: old, duplicates: duplicates)
        }
        var object = try canonicalPatched(result, duplicates: duplicates)
        if object["metadata"] == nil { object["metadata"] = .object([:]) }
        return try beginUpdate(object, old: old)
    }

    /// A patch may not turn the object into something else.
    private mutating func canonicalPatched(_ object: JSONValue, duplicates: [String]) throws(APIStatus) -> JSONValue {
        let resource = request.resource
        guard object["kind"]?.string ?? "" == resource.kind.kind,
            object["apiVersion"]?.string ?? "" == resource.apiVersion
        else {
            throw .badRequest(
                "no kind \"\(object.text("kind"))\" is registered for version \"\(object.text("apiVersion"))\"; "
                    + "the object is a \(resource.kind.kind) of \(resource.apiVersion)")
        }
        return try canonical(object, duplicates: duplicates)
    }

    /// Server-side apply. `old` is nil where the object does not exist; the result then goes to `finishCreate`.
    package mutating func applied(_ configuration: JSONValue, to old: JSONValue?, duplicates: [String] = [])
        throws(APIStatus) -> JSONValue
    {
        let resource = request.resource
        guard configuration["kind"]?.string == resource.kind.kind,
            configuration["apiVersion"]?.string == resource.apiVersion
        else {
            let apiVersion = configuration["apiVersion"]?.string ?? ""
            let shown = apiVersion.contains("/") ? apiVersion : "/\(apiVersion)"
            throw .badRequest("invalid object type: \(shown), Kind=\(configuration["kind"]?.string ?? "")")
        }
        if let managed = configuration["metadata"]?["managedFields"], managed.array?.isEmpty != true, !managed.isNull {
            throw .badRequest("metadata.managedFields must be nil")
        }
        let config = try checkedConfiguration(configuration, duplicates: duplicates)
        let live = old ?? emptyObject
        var result = try ownership.applied(config, to: live, force: request.isForced)
        if request.manager == LastApplied.manager { LastApplied.refresh(&result, configuration) }
        var silent = ObjectWriter(request, schema: schema)
        silent.warnings = []
        result = try silent.canonical(result)
        guard let old else { return try finishApplyCreate(result) }
        if let given = config["metadata"]?["resourceVersion"]?.string, given != old.resourceVersion {
            throw .stale(group: resource.group, resource: resource.plural, name: old.name)
        }
        for field in ["resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
            result["metadata"]?[field] = old["metadata"]?[field]
        }
        return result
    }

    private func finishApplyCreate(_ object: JSONValue) throws(APIStatus) -> JSONValue {
        var object = object
        if let uid = object["metadata"]?["uid"]?.string {
            let error = FieldError.invalid("metadata.uid", .string(uid), "field is immutable")
            throw .invalid(
                group: request.resource.statusGroup, kind: request.resource.kind.kind, name: request.name, [error])
        }
        object["metadata"]?["resourceVersion"] = nil
        return object
    }

    private var emptyObject: JSONValue {
        var object = ObjectDecoder.zero(request.resource.type, schema: schema)
        object["apiVersion"] = .string(request.resource.apiVersion)
        object["kind"] = .string(request.resource.kind.kind)
        object["metadata"] = ["name": .string(request.name)]
        if request.resource.isNamespaced { object["metadata"]?["namespace"] = .string(request.namespace) }
        return object
    }

    /// The configuration in canonical scalars, without the members that only the type's zero value would write.
    private mutating func checkedConfiguration(_ configuration: JSONValue, duplicates: [String]) throws(APIStatus)
        -> JSONValue
    {
        var config = configuration
        let name = config.name
        guard !name.isEmpty else {
            throw .badRequest(
                "the name of the object (\(request.name) based on URL) was undeterminable: name must be provided")
        }
        guard name == request.name else {
            throw .badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(request.name))")
        }
        if request.resource.isNamespaced {
            if config.namespace.isEmpty { config["metadata"]?["namespace"] = .string(request.namespace) }
            guard config.namespace == request.namespace else {
                throw .badRequest(
                    "the namespace of the provided object does not match the namespace sent on the request")
            }
        }
        var decoder = ObjectDecoder(schema: schema)
        let canonical = try decoder.object(config, type: request.resource.type)
        if let unknown = decoder.faults.first {
            throw APIStatus(
                code: 500, reason: "",
                message: "failed to create typed patch object (\(request.namespace)/\(name)): \(unknown)")
        }
        switch request.fieldValidation {
        case .ignore: break
        case .warn: warnings += duplicates
        case .strict:
            if !duplicates.isEmpty {
                throw .badRequest("error strict decoding YAML: \(duplicates.joined(separator: ", "))")
            }
        }
        return Self.onlyGiven(canonical, in: config)
    }

    /// Members of `canonical` that stand in `given`; those that the canonical form leaves out stay as given.
    private static func onlyGiven(_ canonical: JSONValue, in given: JSONValue) -> JSONValue {
        switch (canonical, given) {
        case (.object(let members), .object(let asked)):
            var kept: [String: JSONValue] = [:]
            for (name, value) in asked where !value.isNull {
                kept[name] = members[name].map { onlyGiven($0, in: value) } ?? value
            }
            return .object(kept)
        case (.array(let elements), .array(let asked)) where elements.count == asked.count:
            return .array(zip(elements, asked).map { onlyGiven($0, in: $1) })
        default: return canonical
        }
    }
}
