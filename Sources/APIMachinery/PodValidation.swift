import JSONText

/// The fields of a Pod's `spec`.
struct PodValidation {
    let spec: JSONValue
    let allowsPrivileged: Bool
    let path: FieldPath = "spec"

    init(_ spec: JSONValue, allowsPrivileged: Bool) {
        self.spec = spec
        self.allowsPrivileged = allowsPrivileged
    }

    var errors: [FieldError] {
        let containers = spec["containers"]?.elements ?? []
        var errors: [FieldError] = []
        if containers.isEmpty { errors.append(.required(path["containers"])) }
        return errors
    }
}
