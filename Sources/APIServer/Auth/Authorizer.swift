import APIMachinery
import JSONText
import Synchronization

/// Decides by the stored roles and bindings; `system:masters` may do everything.
final class Authorizer: Sendable {
    static let storages = [
        "rbac.authorization.k8s.io/roles", "rbac.authorization.k8s.io/clusterroles",
        "rbac.authorization.k8s.io/rolebindings", "rbac.authorization.k8s.io/clusterrolebindings",
    ]

    private let cache: ObjectCache
    /// The index and the last change that it knows of.
    private let known = Mutex<(changed: Int64, index: RBACIndex)?>(nil)

    init(cache: ObjectCache) {
        self.cache = cache
    }

    /// The index of the present roles and bindings; made anew after one has changed.
    var index: RBACIndex {
        let changed = cache.lastChange(of: Self.storages)
        return known.withLock { known in
            if let known, known.changed == changed { return known.index }
            func all(_ storage: String) -> [JSONValue] {
                var found: [JSONValue] = []
                cache.table(storage).objects.forEach { _, object in
                    found.append(object.tree())
                    return true
                }
                return found
            }
            let index = RBACIndex(
                roles: all(Self.storages[0]), clusterRoles: all(Self.storages[1]), bindings: all(Self.storages[2]),
                clusterBindings: all(Self.storages[3]))
            known = (changed, index)
            return index
        }
    }

    /// Why an action is allowed; nil where it is not.
    func allows(_ attributes: AccessAttributes) -> String? {
        if attributes.user.isMaster { return "" }
        return index.allows(attributes)
    }

    /// Throws the refusal that goes to the client.
    func require(_ attributes: AccessAttributes) throws(APIStatus) {
        if allows(attributes) != nil { return }
        guard attributes.isResource else {
            throw APIStatus(
                code: 403, reason: "Forbidden", message: "forbidden: \(attributes.refusal)", details: .init())
        }
        throw .forbidden(
            group: attributes.group, resource: attributes.resource, name: attributes.name, attributes.refusal)
    }

    /// Refuses a role or binding that grants more than its writer holds. `old` is the object before an update.
    func checkEscalation(_ object: JSONValue, old: JSONValue?, info: RequestInfo, user: UserInfo)
        throws(APIStatus)
    {
        if user.isMaster { return }
        switch info.resource {
        case "roles", "clusterroles":
            if let old, old["rules"] == object["rules"], old["aggregationRule"] == object["aggregationRule"] { return }
            var attributes = AccessAttributes(
                user: user, verb: "escalate", group: info.group, resource: info.resource, name: object.name)
            attributes.namespace = info.resource == "roles" ? info.namespace : ""
            if allows(attributes) != nil { return }
            var wanted = PolicyRule.list(of: object)
            if object["aggregationRule"] != nil {
                wanted += [PolicyRule(verbs: ["*"], groups: ["*"], resources: ["*"])]
            }
            try requireHeld(wanted, info: info, name: object.name, user: user)
        case "rolebindings", "clusterrolebindings":
            if let old, old["roleRef"] == object["roleRef"], old["subjects"] == object["subjects"] { return }
            try checkBinding(object, info: info, user: user)
        default: return
        }
    }

    private func checkBinding(_ object: JSONValue, info: RequestInfo, user: UserInfo) throws(APIStatus) {
        let namespace = info.resource == "rolebindings" ? info.namespace : ""
        let roleKind = object[path: "roleRef", "kind"]?.string ?? ""
        let roleName = object[path: "roleRef", "name"]?.string ?? ""
        let attributes = AccessAttributes(
            user: user, verb: "bind", group: info.group, resource: roleKind == "Role" ? "roles" : "clusterroles",
            namespace: namespace, name: roleName)
        if allows(attributes) != nil { return }
        guard let rules = index.rules(ofRole: roleName, kind: roleKind, namespace: namespace) else {
            throw .notFound(group: info.group, resource: attributes.resource, name: roleName)
        }
        try requireHeld(rules, info: info, name: object.name, user: user)
    }

    private func requireHeld(_ wanted: [PolicyRule], info: RequestInfo, name: String, user: UserInfo)
        throws(APIStatus)
    {
        let namespace = info.resource.hasPrefix("cluster") ? "" : info.namespace
        let held = index.grants(for: user, in: namespace).flatMap(\.rules)
        let missing = PolicyRule.missing(wanted, from: held)
        if missing.isEmpty { return }
        let groups = user.groups.map { "\"\($0)\"" }.joined(separator: " ")
        let list = missing.map(\.shortText).sorted().joined(separator: "\n")
        throw .forbidden(
            group: info.group, resource: info.resource, name: name,
            "user \"\(user.name)\" (groups=[\(groups)]) is attempting to grant RBAC permissions not currently held:\n"
                + list)
    }
}
