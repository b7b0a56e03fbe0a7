package import JSONText

/// ConfigMaps, Secrets and ServiceAccounts.
package enum ConfigMapRules: KindRules {
    static let bytesMax = 1 << 20

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        var bytes = 0
        let binary = object["binaryData"]?.members ?? [:]
        for (key, value) in (object["data"]?.members ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = FieldPath("data").key(key)
            errors += Names.configKeyFaults(key).map { .invalid(path, .string(key), $0) }
            if binary[key] != nil {
                errors.append(.invalid(path, .string(key), "duplicate of key present in binaryData"))
            }
            bytes += value.string?.utf8.count ?? 0
        }
        for (key, value) in binary.sorted(by: { $0.key < $1.key }) {
            errors += Names.configKeyFaults(key).map { .invalid(FieldPath("binaryData").key(key), .string(key), $0) }
            bytes += decodedCount(value)
        }
        if bytes > bytesMax { errors.append(.tooLong("", bytesMax: bytesMax)) }
        return errors
    }

    /// How many bytes stand behind base64.
    static func decodedCount(_ value: JSONValue) -> Int {
        let text = value.string ?? ""
        let padding = text.hasSuffix("==") ? 2 : text.hasSuffix("=") ? 1 : 0
        return text.utf8.count / 4 * 3 - padding
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        immutableFaults(object, old, ["data", "binaryData"]) + validateCreate(object, context)
    }

    /// What an object marked immutable may no longer change.
    static func immutableFaults(_ object: JSONValue, _ old: JSONValue, _ fields: [String]) -> [FieldError] {
        guard old["immutable"] == true else { return [] }
        let why = "field is immutable when `immutable` is set"
        var errors: [FieldError] = []
        if object["immutable"] != true { errors.append(.forbidden("immutable", why)) }
        for field in fields where object[field] != old[field] { errors.append(.forbidden(FieldPath(field), why)) }
        return errors
    }

    package static var table: TableColumns { TableColumns(["Name", "Data", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let count = (object["data"]?.members.count ?? 0) + (object["binaryData"]?.members.count ?? 0)
        return [.string(object.name), .integer(Int64(count)), .string(TableText.age(object, now))]
    }
}

package enum SecretRules: KindRules {
    /// `stringData` is written into `data` and never shown.
    package static func applyDefaults(_ object: inout JSONValue) {
        for (key, value) in object["stringData"]?.members ?? [:] {
            if object["data"] == nil { object["data"] = .object([:]) }
            object["data"]?[key] = .string(Base64.encode(Array((value.string ?? "").utf8)))
        }
        object["stringData"] = nil
        if object.text("type").isEmpty { object["type"] = "Opaque" }
    }

    private static let keysByType: [String: [String]] = [
        "kubernetes.io/tls": ["tls.crt", "tls.key"], "kubernetes.io/ssh-auth": ["ssh-privatekey"],
        "kubernetes.io/dockerconfigjson": [".dockerconfigjson"], "kubernetes.io/dockercfg": [".dockercfg"],
    ]

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        let data = object["data"]?.members ?? [:]
        var bytes = 0
        for (key, value) in data.sorted(by: { $0.key < $1.key }) {
            errors += Names.configKeyFaults(key).map { .invalid(FieldPath("data").key(key), .string(key), $0) }
            bytes += ConfigMapRules.decodedCount(value)
        }
        if bytes > ConfigMapRules.bytesMax { errors.append(.tooLong("data", bytesMax: ConfigMapRules.bytesMax)) }
        let type = object.text("type")
        for key in keysByType[type] ?? [] where data[key] == nil {
            errors.append(.required(FieldPath("data").key(key)))
        }
        if type == "kubernetes.io/dockerconfigjson" || type == "kubernetes.io/dockercfg" {
            errors += dockerConfig(data, key: type == "kubernetes.io/dockercfg" ? ".dockercfg" : ".dockerconfigjson")
        }
        if type == "kubernetes.io/basic-auth", data["username"] == nil, data["password"] == nil {
            errors.append(.required(FieldPath("data").key("username")))
            errors.append(.required(FieldPath("data").key("password")))
        }
        let owner = "kubernetes.io/service-account.name"
        if type == "kubernetes.io/service-account-token",
            (object["metadata"]?["annotations"]?[owner]?.string ?? "").isEmpty
        {
            errors.append(.required(FieldPath("metadata.annotations").key(owner)))
        }
        return errors
    }

    private static func dockerConfig(_ data: [String: JSONValue], key: String) -> [FieldError] {
        guard let text = data[key]?.string else { return [] }
        if (try? JSONValue(parsing: Base64.decode(text).bytes))?.object != nil { return [] }
        return [.invalid(FieldPath("data").key(key), "<secret contents redacted>", "invalid character in JSON")]
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        var errors: [FieldError] = []
        if object["type"] != old["type"] {
            errors.append(.invalid("type", object["type"] ?? .null, "field is immutable"))
        }
        return errors + ConfigMapRules.immutableFaults(object, old, ["data"]) + validateCreate(object, context)
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] { ["type": object.text("type")] }
    package static var selectableFieldNames: [String] { ["type"] }

    package static var table: TableColumns { TableColumns(["Name", "Type", "Data", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [
            .string(object.name), .string(object.text("type")),
            .integer(Int64(object["data"]?.members.count ?? 0)), .string(TableText.age(object, now)),
        ]
    }
}

package enum ServiceAccountRules: KindRules {}

/// Leases (`coordination.k8s.io`).
package enum LeaseRules: KindRules {
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        let spec = object["spec"] ?? .object([:])
        if let seconds = spec["leaseDurationSeconds"]?.integer, seconds <= 0 {
            errors.append(.invalid("spec.leaseDurationSeconds", .integer(seconds), "must be greater than 0"))
        }
        if let count = spec["leaseTransitions"]?.integer, count < 0 {
            errors.append(
                .invalid("spec.leaseTransitions", .integer(count), "must be greater than or equal to 0"))
        }
        if spec["preferredHolder"] != nil, spec["strategy"] == nil {
            errors.append(.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"))
        }
        return errors
    }

    package static var table: TableColumns { TableColumns(["Name", "Holder", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [
            .string(object.name), .string(object["spec"]?.text("holderIdentity") ?? ""),
            .string(TableText.age(object, now)),
        ]
    }
}
