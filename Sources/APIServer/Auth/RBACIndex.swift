import APIMachinery
import JSONText

/// The stored roles and bindings, resolved: which rules each subject has, and where.
struct RBACIndex: Sendable {
    enum Subject: Hashable, Sendable {
        case user(String)
        case group(String)
    }

    struct Grant: Sendable {
        /// Empty: everywhere.
        let namespace: String
        let rules: [PolicyRule]
        /// `ClusterRoleBinding "x" of ClusterRole "y" to User "z"`.
        let reason: String
    }

    /// Role names with their namespace before them, `/name` for cluster roles.
    private var roles: [String: [PolicyRule]] = [:]
    private var grants: [Subject: [Grant]] = [:]

    init(roles: [JSONValue], clusterRoles: [JSONValue], bindings: [JSONValue], clusterBindings: [JSONValue]) {
        for role in clusterRoles { self.roles["/" + role.name] = PolicyRule.list(of: role) }
        for role in clusterRoles where role["aggregationRule"] != nil {
            self.roles["/" + role.name] = Self.aggregate(role, of: clusterRoles)
        }
        for role in roles { self.roles["\(role.namespace)/\(role.name)"] = PolicyRule.list(of: role) }
        for binding in clusterBindings { add(binding, namespace: "") }
        for binding in bindings { add(binding, namespace: binding.namespace) }
    }

    /// An aggregated role has the rules of all cluster roles that one of its selectors matches.
    private static func aggregate(_ role: JSONValue, of all: [JSONValue]) -> [PolicyRule] {
        let selectors = role[path: "aggregationRule", "clusterRoleSelectors"]?.array ?? []
        var rules: [PolicyRule] = []
        for other in all where other.name != role.name {
            let labels = (other[path: "metadata", "labels"]?.object ?? [:]).compactMapValues(\.string)
            let found = selectors.contains { selector in
                let wanted = (selector["matchLabels"]?.object ?? [:]).compactMapValues(\.string)
                return !wanted.isEmpty && wanted.allSatisfy { labels[$0.key] == $0.value }
            }
            if !found { continue }
            let isAggregate = other["aggregationRule"] != nil
            for rule in isAggregate ? aggregate(other, of: all.filter { $0.name != role.name }) : [] {
                if !rules.contains(rule) { rules.append(rule) }
            }
            for rule in PolicyRule.list(of: other) where !rules.contains(rule) { rules.append(rule) }
        }
        for rule in PolicyRule.list(of: role) where !rules.contains(rule) { rules.append(rule) }
        return rules
    }

    private mutating func add(_ binding: JSONValue, namespace: String) {
        let roleKind = binding[path: "roleRef", "kind"]?.string ?? ""
        let roleName = binding[path: "roleRef", "name"]?.string ?? ""
        guard let rules = rules(ofRole: roleName, kind: roleKind, namespace: namespace) else { return }
        let bindingKind = namespace.isEmpty ? "ClusterRoleBinding" : "RoleBinding"
        let shown = namespace.isEmpty ? binding.name : "\(binding.name)/\(namespace)"
        for object in binding["subjects"]?.array ?? [] {
            guard let (subject, text) = Self.subject(object, namespace: namespace) else { continue }
            let reason = "RBAC: allowed by \(bindingKind) \"\(shown)\" of \(roleKind) \"\(roleName)\" to \(text)"
            grants[subject, default: []].append(Grant(namespace: namespace, rules: rules, reason: reason))
        }
    }

    private static func subject(_ object: JSONValue, namespace: String) -> (Subject, String)? {
        let name = object["name"]?.string ?? ""
        switch object["kind"]?.string ?? "" {
        case "User": return (.user(name), "User \"\(name)\"")
        case "Group": return (.group(name), "Group \"\(name)\"")
        case "ServiceAccount":
            let place = object["namespace"]?.string ?? namespace
            return (.user("system:serviceaccount:\(place):\(name)"), "ServiceAccount \"\(name)/\(place)\"")
        default: return nil
        }
    }

    /// The rules of a role; nil where there is no such role.
    func rules(ofRole name: String, kind: String, namespace: String) -> [PolicyRule]? {
        roles[kind == "ClusterRole" ? "/\(name)" : "\(namespace)/\(name)"]
    }

    /// The grants that hold for a user in a namespace; with the empty namespace those that hold everywhere.
    func grants(for user: UserInfo, in namespace: String) -> [Grant] {
        let subjects = [Subject.user(user.name)] + user.groups.map { .group($0) }
        return subjects.flatMap { subject in
            (grants[subject] ?? []).filter { $0.namespace.isEmpty || $0.namespace == namespace }
        }
    }

    /// Why it is allowed; nil where it is not.
    func allows(_ attributes: AccessAttributes) -> String? {
        for grant in grants(for: attributes.user, in: attributes.isResource ? attributes.namespace : "") {
            if grant.rules.contains(where: { $0.allows(attributes) }) { return grant.reason }
        }
        return nil
    }
}

extension JSONValue {
    var isBeingDeleted: Bool { self[path: "metadata", "deletionTimestamp"]?.string != nil }
    var finalizers: [String] { (self[path: "metadata", "finalizers"]?.array ?? []).compactMap(\.string) }
}
