import JSONText

/// `metadata` of every kind (`meta/v1` validation).
enum MetadataRules {
    static let annotationsBytesMax = 256 * 1024

    static func validateCreate(_ object: JSONValue, _ resource: ResourceDefinition) -> [FieldError] {
        var errors: [FieldError] = []
        let metadata = object["metadata"] ?? .object([:])
        let path: FieldPath = "metadata"
        let generateName = metadata.text("generateName")
        if !generateName.isEmpty, let fault = resource.rules.nameFault(generateName, generated: true) {
            errors.append(.invalid(path["generateName"], .string(generateName), fault))
        }
        let name = metadata.text("name")
        if name.isEmpty {
            errors.append(.required(path["name"], "name or generateName is required"))
        } else if let fault = resource.rules.nameFault(name, generated: false) {
            errors.append(.invalid(path["name"], .string(name), fault))
        }
        return errors + common(metadata, path)
    }

    static func validateUpdate(_ object: JSONValue, old: JSONValue, _ resource: ResourceDefinition) -> [FieldError] {
        let metadata = object["metadata"] ?? .object([:])
        let before = old["metadata"] ?? .object([:])
        let path: FieldPath = "metadata"
        var errors: [FieldError] = []
        for field in ["uid", "creationTimestamp", "name", "namespace"] where metadata[field] != before[field] {
            errors.append(.invalid(path[field], metadata[field] ?? .null, "field is immutable"))
        }
        errors += finalizersUpdate(metadata, before, path)
        return errors + common(metadata, path)
    }

    private static func finalizersUpdate(_ metadata: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError]
    {
        guard before["deletionTimestamp"] != nil else { return [] }
        let known = Set(before["finalizers"]?.elements ?? [])
        let added = (metadata["finalizers"]?.elements ?? []).filter { !known.contains($0) }
        guard !added.isEmpty else { return [] }
        let list = added.compactMap(\.string).map { "\"\($0)\"" }.joined(separator: ", ")
        return [
            .forbidden(
                path["finalizers"],
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{\(list)}")
        ]
    }

    private static func common(_ metadata: JSONValue, _ path: FieldPath) -> [FieldError] {
        var errors = labels(metadata["labels"], path["labels"])
        errors += annotations(metadata["annotations"], path["annotations"])
        errors += owners(metadata["ownerReferences"], path["ownerReferences"])
        for (index, finalizer) in (metadata["finalizers"]?.elements ?? []).enumerated() {
            errors += self.finalizer(finalizer.string ?? "", path["finalizers"][index])
        }
        if let generation = metadata["generation"]?.integer, generation < 0 {
            errors.append(
                .invalid(path["generation"], .integer(generation), "must be greater than or equal to 0"))
        }
        return errors
    }

    static func labels(_ map: JSONValue?, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        for (key, value) in (map?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
            errors += Names.qualifiedNameFaults(key).map { .invalid(path, .string(key), $0) }
            errors += Names.labelValueFaults(value.string ?? "").map { .invalid(path, value, $0) }
        }
        return errors
    }

    private static func annotations(_ map: JSONValue?, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        var bytes = 0
        for (key, value) in (map?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
            errors += Names.qualifiedNameFaults(key.lowercased()).map { .invalid(path, .string(key), $0) }
            bytes += key.utf8.count + (value.string ?? "").utf8.count
        }
        if bytes > annotationsBytesMax { errors.append(.tooLong(path, bytesMax: annotationsBytesMax)) }
        return errors
    }

    static func finalizer(_ name: String, _ path: FieldPath) -> [FieldError] {
        let faults = Names.qualifiedNameFaults(name)
        if !faults.isEmpty { return faults.map { .invalid(path, .string(name), $0) } }
        let standard = ["kubernetes", "orphan", "foregroundDeletion"]
        guard !name.contains("/"), !standard.contains(name) else { return [] }
        return [
            .invalid(
                path, .string(name), "name is neither a standard finalizer name nor is it fully qualified")
        ]
    }

    private static func owners(_ list: JSONValue?, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        var controllers: [String] = []
        for (index, owner) in (list?.elements ?? []).enumerated() {
            let at = path[index]
            let apiVersion = owner.text("apiVersion")
            if apiVersion.isEmpty || apiVersion.split(separator: "/").count > 2 {
                errors.append(.invalid(at["apiVersion"], .string(apiVersion), "version must not be empty"))
            }
            for field in ["kind", "name", "uid"] where owner.text(field).isEmpty {
                errors.append(.invalid(at[field], "", "must not be empty"))
            }
            if owner["controller"]?.bool == true { controllers.append(owner.text("name")) }
        }
        if controllers.count > 1 {
            errors.append(
                .invalid(
                    path, .array(list?.elements ?? []),
                    "Only one reference can have Controller set to true. Found \"true\" in references for "
                        + controllers.joined(separator: " and ")))
        }
        return errors
    }
}
