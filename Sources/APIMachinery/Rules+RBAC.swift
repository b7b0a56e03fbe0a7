package import JSONText

/// Roles and ClusterRoles.
package enum RoleRules: KindRules {
    package static func nameFault(_ name: String, generated: Bool) -> String? { Names.pathSegmentFault(name) }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        let isNamespaced = object["kind"] == "Role"
        for (index, rule) in (object["rules"]?.elements ?? []).enumerated() {
            errors += self.rule(rule, isNamespaced: isNamespaced, FieldPath("rules")[index])
        }
        if let aggregation = object["aggregationRule"] {
            let selectors = aggregation["clusterRoleSelectors"]?.elements ?? []
            let path = FieldPath("aggregationRule")["clusterRoleSelectors"]
            if selectors.isEmpty {
                errors.append(
                    .required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
            }
            for (index, selector) in selectors.enumerated() {
                errors += LabelSelectorRules.validate(selector, path[index])
            }
        }
        return errors
    }

    private static func rule(_ rule: JSONValue, isNamespaced: Bool, _ path: FieldPath) -> [FieldError] {
        func has(_ field: String) -> Bool { rule[field]?.elements.isEmpty == false }
        var errors: [FieldError] = []
        if !has("verbs") { errors.append(.required(path["verbs"], "verbs must contain at least one value")) }
        if has("nonResourceURLs") {
            if isNamespaced {
                errors.append(
                    .invalid(
                        path["nonResourceURLs"], rule["nonResourceURLs"] ?? .null,
                        "namespaced rules cannot apply to non-resource URLs"))
            }
            if has("apiGroups") || has("resources") || has("resourceNames") {
                errors.append(
                    .invalid(
                        path["nonResourceURLs"], rule["nonResourceURLs"] ?? .null,
                        "rules cannot apply to both regular resources and non-resource URLs"))
            }
            return errors
        }
        if !has("apiGroups") {
            errors.append(.required(path["apiGroups"], "resource rules must supply at least one api group"))
        }
        if !has("resources") {
            errors.append(.required(path["resources"], "resource rules must supply at least one resource"))
        }
        return errors
    }

    package static var table: TableColumns { TableColumns.nameAndCreation }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [.string(object.name), object["metadata"]?["creationTimestamp"] ?? .null]
    }
}

/// RoleBindings and ClusterRoleBindings.
package enum RoleBindingRules: KindRules {
    static let group = "rbac.authorization.k8s.io"

    package static func nameFault(_ name: String, generated: Bool) -> String? { Names.pathSegmentFault(name) }

    package static func applyDefaults(_ object: inout JSONValue) {
        if object["roleRef"]?.text("apiGroup").isEmpty ?? false { object["roleRef"]?["apiGroup"] = .string(group) }
        guard case .array(let subjects)? = object["subjects"] else { return }
        object["subjects"] = .array(
            subjects.map { subject in
                guard subject.text("apiGroup").isEmpty, ["User", "Group"].contains(subject.text("kind")) else {
                    return subject
                }
                var subject = subject
                subject["apiGroup"] = .string(group)
                return subject
            })
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        let isNamespaced = object["kind"] == "RoleBinding"
        let reference = object["roleRef"] ?? .object([:])
        let path: FieldPath = "roleRef"
        if reference.text("apiGroup") != group {
            errors.append(.notSupported(path["apiGroup"], reference.text("apiGroup"), [group]))
        }
        let kinds = isNamespaced ? ["Role", "ClusterRole"] : ["ClusterRole"]
        if !kinds.contains(reference.text("kind")) {
            errors.append(.notSupported(path["kind"], reference.text("kind"), kinds))
        }
        let name = reference.text("name")
        if name.isEmpty {
            errors.append(.required(path["name"]))
        } else if let fault = Names.pathSegmentFault(name) {
            errors.append(.invalid(path["name"], .string(name), fault))
        }
        for (index, subject) in (object["subjects"]?.elements ?? []).enumerated() {
            errors += self.subject(subject, isNamespaced: isNamespaced, FieldPath("subjects")[index])
        }
        return errors
    }

    private static func subject(_ subject: JSONValue, isNamespaced: Bool, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let name = subject.text("name")
        let apiGroup = subject.text("apiGroup")
        if name.isEmpty { errors.append(.required(path["name"])) }
        switch subject.text("kind") {
        case "ServiceAccount":
            if !name.isEmpty, let fault = Names.subdomainFault(name) {
                errors.append(.invalid(path["name"], .string(name), fault))
            }
            if !apiGroup.isEmpty { errors.append(.notSupported(path["apiGroup"], apiGroup, [""])) }
            if !isNamespaced, subject.text("namespace").isEmpty { errors.append(.required(path["namespace"])) }
        case "User", "Group":
            if apiGroup != group { errors.append(.notSupported(path["apiGroup"], apiGroup, [group])) }
        default:
            errors.append(
                .notSupported(path["kind"], subject.text("kind"), ["ServiceAccount", "User", "Group"]))
        }
        return errors
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        var errors = validateCreate(object, context)
        if object["roleRef"] != old["roleRef"] {
            errors.append(.invalid("roleRef", object["roleRef"] ?? .null, "cannot change roleRef"))
        }
        return errors
    }

    package static var table: TableColumns {
        TableColumns(["Name", "Role", "Age"], wide: ["Users", "Groups", "ServiceAccounts"])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let reference = object["roleRef"] ?? .object([:])
        let subjects = object["subjects"]?.elements ?? []
        func names(_ kind: String) -> JSONValue {
            .string(
                subjects.filter { $0.text("kind") == kind }.map { subject in
                    kind == "ServiceAccount"
                        ? "\(subject.text("namespace"))/\(subject.text("name"))" : subject.text("name")
                }.joined(separator: ", "))
        }
        return [
            .string(object.name), .string("\(reference.text("kind"))/\(reference.text("name"))"),
            .string(TableText.age(object, now)), names("User"), names("Group"), names("ServiceAccount"),
        ]
    }
}
