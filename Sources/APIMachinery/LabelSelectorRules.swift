import JSONText

/// Label selectors inside of objects.
enum LabelSelectorRules {
    static func validate(_ selector: JSONValue?, _ path: FieldPath) -> [FieldError] {
        guard let selector else { return [] }
        var errors = MetadataRules.labels(selector["matchLabels"], path["matchLabels"])
        for (index, requirement) in (selector["matchExpressions"]?.elements ?? []).enumerated() {
            errors += self.requirement(requirement, path["matchExpressions"][index])
        }
        return errors
    }

    private static func requirement(_ requirement: JSONValue, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let values = requirement["values"]?.elements ?? []
        switch requirement.text("operator") {
        case "In", "NotIn":
            if values.isEmpty {
                errors.append(.required(path["values"], "must be specified when `operator` is 'In' or 'NotIn'"))
            }
        case "Exists", "DoesNotExist":
            if !values.isEmpty {
                errors.append(
                    .forbidden(path["values"], "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
            }
        default:
            errors.append(
                .invalid(path["operator"], .string(requirement.text("operator")), "not a valid selector operator"))
        }
        let key = requirement.text("key")
        errors += Names.qualifiedNameFaults(key).map { .invalid(path["key"], .string(key), $0) }
        for (index, value) in values.enumerated() {
            errors += Names.labelValueFaults(value.string ?? "").map {
                .invalid(path["values"][index], value, $0)
            }
        }
        return errors
    }

    /// As tables show it: `a=b,k notin (x,y)`; `<none>` where it selects everything.
    static func text(_ selector: JSONValue?) -> String {
        var parts: [String] = (selector?["matchLabels"]?.members ?? [:]).map { "\($0.key)=\($0.value.string ?? "")" }
        for requirement in selector?["matchExpressions"]?.elements ?? [] {
            let key = requirement.text("key")
            let values = (requirement["values"]?.elements ?? []).compactMap(\.string).sorted().joined(separator: ",")
            switch requirement.text("operator") {
            case "In": parts.append("\(key) in (\(values))")
            case "NotIn": parts.append("\(key) notin (\(values))")
            case "DoesNotExist": parts.append("!\(key)")
            default: parts.append(key)
            }
        }
        return parts.isEmpty ? everything : parts.sorted().joined(separator: ",")
    }

    private static let everything = "<none>"

    /// A `namespaceSelector` beside a `podSelector`: `ns: env=dev, pods: app=db`. What selects everything is left out.
    static func pods(_ pods: JSONValue?) -> String {
        let parts = [("ns", "namespaceSelector"), ("pods", "podSelector")].compactMap { title, field in
            let selector = text(pods?[field])
            return selector == everything ? nil : "\(title): \(selector)"
        }
        return parts.isEmpty ? "every pod" : parts.joined(separator: ", ")
    }
}
