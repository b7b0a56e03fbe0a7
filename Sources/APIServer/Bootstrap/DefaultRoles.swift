import JSONText

/// The cluster roles and bindings that are there from the first start, limited to the kinds that this API serves.
///
/// A start restores rules and subjects that are missing, unless the object's annotation
/// `rbac.authorization.kubernetes.io/autoupdate` is `false`.
enum DefaultRoles {
    struct Role: Sendable {
        let name: String
        var labels: [String: String] = [:]
        /// Label of the roles whose rules this one gathers.
        var gathers: String?
        var rules: [PolicyRule] = []
    }

    struct Binding: Sendable {
        let name: String
        let role: String
        /// `Group:name`, `User:name` or `ServiceAccount:namespace/name`.
        let subjects: [String]
    }

    static let labels = ["kubernetes.io/bootstrapping": "rbac-defaults"]
    static let annotations = ["rbac.authorization.kubernetes.io/autoupdate": "true"]
    private static let gatherPrefix = "rbac.authorization.k8s.io/aggregate-to-"

    private static let read = ["get", "list", "watch"]
    private static let write = ["create", "delete", "deletecollection", "patch", "update"]
    private static let all = write + read
    private static let rbacGroup = "rbac.authorization.k8s.io"
    private static let access = "authorization.k8s.io"
    private static let identity = "authentication.k8s.io"
    private static let events = ["", "events.k8s.io"]

    private static func rule(_ verbs: [String], _ groups: [String], _ resources: [String], names: [String] = [])
        -> PolicyRule
    {
        PolicyRule(verbs: verbs, groups: groups, resources: resources, names: names)
    }

    static let roles: [Role] = userRoles + discoveryRoles + componentRoles

    private static let userRoles = [
        Role(
            name: "cluster-admin",
            rules: [rule(["*"], ["*"], ["*"]), PolicyRule(verbs: ["*"], paths: ["*"])]),
        Role(name: "admin", gathers: gatherPrefix + "admin"),
        Role(name: "edit", labels: [gatherPrefix + "admin": "true"], gathers: gatherPrefix + "edit"),
        Role(name: "view", labels: [gatherPrefix + "edit": "true"], gathers: gatherPrefix + "view"),
        Role(
            name: "system:aggregate-to-admin", labels: [gatherPrefix + "admin": "true"],
            rules: [
                rule(["create"], [access], ["localsubjectaccessreviews"]),
                rule(all, [rbacGroup], ["rolebindings", "roles"]),
            ]),
        Role(
            name: "system:aggregate-to-edit", labels: [gatherPrefix + "edit": "true"],
            rules: [
                rule(read, [""], ["pods/exec", "secrets"]),
                rule(["impersonate"], [""], ["serviceaccounts"]),
                rule(write, [""], ["pods", "pods/exec"]),
                rule(["create"], [""], ["pods/eviction"]),
                rule(write, [""], ["configmaps", "secrets", "serviceaccounts", "services"]),
                rule(["create"], [""], ["serviceaccounts/token"]),
                rule(write, events, ["events"]),
                rule(write, ["networking.k8s.io"], ["networkpolicies"]),
                rule(all, ["coordination.k8s.io"], ["leases"]),
            ]),
        Role(
            name: "system:aggregate-to-view", labels: [gatherPrefix + "view": "true"],
            rules: [
                rule(
                    read, [""], ["configmaps", "endpoints", "pods", "serviceaccounts", "services", "services/status"]),
                rule(read, [""], ["bindings", "namespaces/status", "pods/log", "pods/status"]),
                rule(read, [""], ["namespaces"]),
                rule(read, events, ["events"]),
                rule(read, ["discovery.k8s.io"], ["endpointslices"]),
                rule(read, ["networking.k8s.io"], ["networkpolicies"]),
                // Cluster policies bind every namespace: whoever administers one may see them, only the cluster's
                // administrators write them.
                rule(read, ["policy.networking.k8s.io"], ["clusternetworkpolicies"]),
                // So do invariants; and what is in force is the other half of what is written.
                rule(read, ["martlet.io"], ["networkinvariants", "nodedataplanes"]),
            ]),
    ]

    private static let discoveryRoles = [
        Role(
            name: "system:basic-user",
            rules: [
                rule(["create"], [access], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
                rule(["create"], [identity], ["selfsubjectreviews"]),
            ]),
        Role(
            name: "system:discovery",
            rules: [
                PolicyRule(
                    verbs: ["get"],
                    paths: [
                        "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
                        "/readyz", "/version", "/version/",
                    ])
            ]),
        Role(
            name: "system:public-info-viewer",
            rules: [
                PolicyRule(verbs: ["get"], paths: ["/healthz", "/livez", "/readyz", "/version", "/version/"])
            ]),
        Role(
            name: "system:service-account-issuer-discovery",
            rules: [
                PolicyRule(
                    verbs: ["get"],
                    paths: [
                        "/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks",
                        "/openid/v1/jwks/",
                    ])
            ]),
        Role(
            name: "system:monitoring",
            rules: [
                PolicyRule(
                    verbs: ["get"],
                    paths: [
                        "/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*",
                    ])
            ]),
        Role(
            name: "system:auth-delegator",
            rules: [
                rule(["create"], [identity], ["tokenreviews"]), rule(["create"], [access], ["subjectaccessreviews"]),
            ]),
    ]

    private static let componentRoles = [
        Role(
            name: "system:node",
            rules: [
                rule(["create"], [identity], ["tokenreviews"]),
                rule(["create"], [access], ["localsubjectaccessreviews", "subjectaccessreviews"]),
                rule(read, [""], ["services"]),
                rule(["create"] + read, [""], ["nodes"]),
                rule(["patch", "update"], [""], ["nodes", "nodes/status"]),
                rule(["create", "patch", "update"], events, ["events"]),
                rule(["create", "delete"] + read, [""], ["pods"]),
                rule(["patch", "update"], [""], ["pods/status"]),
                rule(["create"], [""], ["pods/eviction", "serviceaccounts/token"]),
                rule(read, [""], ["configmaps", "secrets"]),
                rule(["get"], [""], ["endpoints", "serviceaccounts"]),
                rule(["create", "delete", "get", "patch", "update"], ["coordination.k8s.io"], ["leases"]),
            ]),
        Role(
            name: "system:node-proxier",
            rules: [
                rule(["list", "watch"], [""], ["services"]), rule(read, [""], ["nodes"]),
                rule(["list", "watch"], ["discovery.k8s.io"], ["endpointslices"]),
                rule(["create", "patch", "update"], events, ["events"]),
            ]),
        Role(
            name: "system:kube-scheduler",
            rules: [
                rule(["create", "patch", "update"], events, ["events"]), rule(read, [""], ["nodes", "namespaces"]),
                rule(["delete"] + read, [""], ["pods"]), rule(["create"], [""], ["bindings", "pods/binding"]),
                rule(["patch", "update"], [""], ["pods/status"]), rule(read, [""], ["services"]),
                rule(["create"], ["coordination.k8s.io"], ["leases"]),
            ]),
        Role(
            name: "martlet:agent",
            rules: [
                rule(read, [""], ["namespaces", "nodes", "pods", "services", "endpoints"]),
                rule(read, ["discovery.k8s.io"], ["endpointslices"]),
                rule(read, ["networking.k8s.io"], ["networkpolicies"]),
                rule(read, ["policy.networking.k8s.io"], ["clusternetworkpolicies"]),
                rule(["patch", "update"], ["policy.networking.k8s.io"], ["clusternetworkpolicies/status"]),
                rule(["create", "patch"] + read, ["martlet.io"], ["nodedataplanes"]),
                rule(["patch", "update"], ["martlet.io"], ["nodedataplanes/status"]),
                rule(["create", "patch", "update"], events, ["events"]),
                rule(["patch", "update"], [""], ["nodes", "nodes/status"]),
            ]),
    ]

    static let bindings = [
        Binding(name: "cluster-admin", role: "cluster-admin", subjects: ["Group:system:masters"]),
        Binding(name: "system:basic-user", role: "system:basic-user", subjects: ["Group:system:authenticated"]),
        Binding(name: "system:discovery", role: "system:discovery", subjects: ["Group:system:authenticated"]),
        Binding(
            name: "system:public-info-viewer", role: "system:public-info-viewer",
            subjects: ["Group:system:authenticated", "Group:system:unauthenticated"]),
        Binding(
            name: "system:service-account-issuer-discovery", role: "system:service-account-issuer-discovery",
            subjects: ["Group:system:serviceaccounts"]),
        Binding(name: "system:monitoring", role: "system:monitoring", subjects: ["Group:system:monitoring"]),
        Binding(name: "system:node", role: "system:node", subjects: []),
        Binding(name: "system:node-proxier", role: "system:node-proxier", subjects: ["User:system:kube-proxy"]),
        Binding(name: "system:kube-scheduler", role: "system:kube-scheduler", subjects: ["User:system:kube-scheduler"]),
        Binding(name: "martlet:agent", role: "martlet:agent", subjects: ["Group:martlet:agents"]),
    ]
}

extension DefaultRoles.Role {
    var object: JSONValue {
        var marks = DefaultRoles.labels
        for (key, value) in labels { marks[key] = value }
        var object: [String: JSONValue] = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": [
                "name": .string(name), "labels": .object(marks.mapValues { .string($0) }),
                "annotations": .object(DefaultRoles.annotations.mapValues { .string($0) }),
            ],
        ]
        if let gathers {
            object["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": .object([gathers: "true"])]]]
        }
        let shown = gathers == nil ? rules : DefaultRoles.gathered(gathers ?? "")
        object["rules"] = .array(shown.map(\.object))
        return .object(object)
    }
}

extension DefaultRoles {
    /// The rules of the roles with a label, and of those that these gather.
    static func gathered(_ label: String) -> [PolicyRule] {
        roles.filter { $0.labels[label] == "true" }.flatMap { role in
            role.rules + (role.gathers.map(gathered) ?? [])
        }
    }
}

extension DefaultRoles.Binding {
    var object: JSONValue {
        let list = subjects.map { text -> JSONValue in
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            return [
                "kind": .string(parts[0]), "apiGroup": "rbac.authorization.k8s.io", "name": .string(parts[1]),
            ]
        }
        var object: [String: JSONValue] = [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": [
                "name": .string(name), "labels": .object(DefaultRoles.labels.mapValues { .string($0) }),
                "annotations": .object(DefaultRoles.annotations.mapValues { .string($0) }),
            ],
            "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role)],
        ]
        if !list.isEmpty { object["subjects"] = .array(list) }
        return .object(object)
    }
}
