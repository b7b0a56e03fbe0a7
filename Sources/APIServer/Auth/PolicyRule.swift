import JSONText

/// One rule of a Role or ClusterRole (rbac.authorization.k8s.io/v1).
struct PolicyRule: Hashable, Sendable {
    var verbs: [String] = []
    var groups: [String] = []
    var resources: [String] = []
    var names: [String] = []
    var paths: [String] = []

    init(
        verbs: [String], groups: [String] = [], resources: [String] = [], names: [String] = [], paths: [String] = []
    ) {
        self.verbs = verbs
        self.groups = groups
        self.resources = resources
        self.names = names
        self.paths = paths
    }

    init(_ object: JSONValue) {
        func texts(_ key: String) -> [String] { (object[key]?.array ?? []).compactMap(\.string) }
        verbs = texts("verbs")
        groups = texts("apiGroups")
        resources = texts("resources")
        names = texts("resourceNames")
        paths = texts("nonResourceURLs")
    }

    /// The rules of a role object.
    static func list(of role: JSONValue) -> [PolicyRule] { (role["rules"]?.array ?? []).map(PolicyRule.init) }

    var object: JSONValue {
        var members: [String: JSONValue] = ["verbs": Self.strings(verbs)]
        if !groups.isEmpty { members["apiGroups"] = Self.strings(groups) }
        if !resources.isEmpty { members["resources"] = Self.strings(resources) }
        if !names.isEmpty { members["resourceNames"] = Self.strings(names) }
        if !paths.isEmpty { members["nonResourceURLs"] = Self.strings(paths) }
        return .object(members)
    }

    private static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    func allows(_ attributes: AccessAttributes) -> Bool {
        guard verbs.contains("*") || verbs.contains(attributes.verb) else { return false }
        guard attributes.isResource else { return allowsPath(attributes.path) }
        guard groups.contains("*") || groups.contains(attributes.group) else { return false }
        guard allowsResource(attributes.resource, attributes.subresource) else { return false }
        return names.isEmpty || names.contains(attributes.name)
    }

    private func allowsResource(_ resource: String, _ subresource: String) -> Bool {
        let whole = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
        return resources.contains { $0 == "*" || $0 == whole || (!subresource.isEmpty && $0 == "*/\(subresource)") }
    }

    private func allowsPath(_ path: String) -> Bool {
        paths.contains { pattern in
            if pattern == "*" || pattern == path { return true }
            return pattern.hasSuffix("*") && path.hasPrefix(pattern.dropLast())
        }
    }
}

/// Escalation: what one may grant is what one holds.
extension PolicyRule {
    /// A rule cut into parts with one verb, group, resource, name or path each.
    private var parts: [PolicyRule] {
        var found: [PolicyRule] = []
        for verb in verbs {
            for path in paths { found.append(PolicyRule(verbs: [verb], paths: [path])) }
            for group in groups {
                for resource in resources {
                    let names: [[String]] = self.names.isEmpty ? [[]] : self.names.map { [$0] }
                    for name in names {
                        found.append(PolicyRule(verbs: [verb], groups: [group], resources: [resource], names: name))
                    }
                }
            }
        }
        return found
    }

    /// Whether this rule holds everything that `part`, a single permission, grants.
    private func holds(_ part: PolicyRule) -> Bool {
        func within(_ given: [String], _ wanted: [String]) -> Bool {
            given.contains("*") || wanted.allSatisfy(given.contains)
        }
        guard within(verbs, part.verbs) else { return false }
        if !part.paths.isEmpty {
            return part.paths.allSatisfy { path in
                paths.contains { $0 == path || ($0.hasSuffix("*") && path.hasPrefix($0.dropLast())) }
            }
        }
        guard within(groups, part.groups) else { return false }
        let resourceHolds = part.resources.allSatisfy { resource in
            if resources.contains("*") || resources.contains(resource) { return true }
            guard let slash = resource.firstIndex(of: "/") else { return false }
            return resources.contains("*\(resource[slash...])")
        }
        guard resourceHolds else { return false }
        if names.isEmpty { return true }
        return !part.names.isEmpty && part.names.allSatisfy(names.contains)
    }

    /// The parts of `wanted` that no rule of `held` covers, joined again as far as they came from one rule.
    static func missing(_ wanted: [PolicyRule], from held: [PolicyRule]) -> [PolicyRule] {
        wanted.flatMap { rule in rule.parts.filter { part in !held.contains { $0.holds(part) } } }
    }

    /// As the refusal of an escalation shows it: `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`.
    var shortText: String {
        func list(_ texts: [String]) -> String { "[" + texts.map { "\"\($0)\"" }.joined(separator: " ") + "]" }
        var parts: [String] = []
        if !groups.isEmpty { parts.append("APIGroups:\(list(groups))") }
        if !paths.isEmpty { parts.append("NonResourceURLs:\(list(paths))") }
        if !resources.isEmpty { parts.append("Resources:\(list(resources))") }
        if !names.isEmpty { parts.append("ResourceNames:\(list(names))") }
        parts.append("Verbs:\(list(verbs))")
        return "{\(parts.joined(separator: ", "))}"
    }
}

/// What is asked of authorization: one user, one action.
struct AccessAttributes: Hashable, Sendable {
    var user: UserInfo
    var verb: String
    var isResource = true
    var group = ""
    var resource = ""
    var subresource = ""
    var namespace = ""
    var name = ""
    var path = ""

    /// `services` in the refusal's wording, or the path.
    var refusal: String {
        guard isResource else { return "User \"\(user.name)\" cannot \(verb) path \"\(path)\"" }
        let whole = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
        let scope = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
        return "User \"\(user.name)\" cannot \(verb) resource \"\(whole)\" in API group \"\(group)\" \(scope)"
    }
}
