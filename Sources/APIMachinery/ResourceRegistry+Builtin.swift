extension ResourceRegistry {
    /// Every kind that the API server serves.
    package static let builtin = ResourceRegistry(
        core + coordination + discovery + events + martlet + networking + policyNetworking + rbac + reviews)

    private static let all: [Verb] = [.create, .delete, .deletecollection, .get, .list, .patch, .update, .watch]
    private static let readOnly: [Verb] = [.get, .list, .watch]
    private static let status: [Verb] = [.get, .patch, .update]

    private static func entry(
        _ kind: GroupVersionKind, _ type: String, _ plural: String, _ rules: any KindRules.Type,
        namespaced: Bool = true, verbs: [Verb] = all, short: [String] = [], categories: [String] = [],
        subresources: [Subresource] = [], storage: String? = nil
    ) -> ResourceDefinition {
        guard let index = Schema.builtin.index(of: type) else { preconditionFailure("no type \(type) in the table") }
        return ResourceDefinition(
            kind: kind, plural: plural, singular: kind.kind.lowercased(), isNamespaced: namespaced, verbs: verbs,
            shortNames: short, categories: categories, subresources: subresources, type: index, rules: rules,
            storage: storage ?? (kind.group.isEmpty ? plural : "\(kind.group)/\(plural)"))
    }

    private static func v1(_ kind: String) -> GroupVersionKind { GroupVersionKind("", "v1", kind) }

    private static let core: [ResourceDefinition] = [
        entry(v1("Binding"), "core.v1.Binding", "bindings", ReviewRules.self, verbs: [.create]),
        entry(v1("ConfigMap"), "core.v1.ConfigMap", "configmaps", ConfigMapRules.self, short: ["cm"]),
        entry(
            v1("Endpoints"), "core.v1.Endpoints", "endpoints", EndpointsRules.self, verbs: readOnly, short: ["ep"]),
        entry(v1("Event"), "core.v1.Event", "events", EventRules.self, short: ["ev"]),
        entry(
            v1("Namespace"), "core.v1.Namespace", "namespaces", NamespaceRules.self, namespaced: false,
            verbs: [.create, .delete, .get, .list, .patch, .update, .watch], short: ["ns"],
            subresources: [
                Subresource("finalize", v1("Namespace"), [.update]),
                Subresource("status", v1("Namespace"), status),
            ]),
        entry(
            v1("Node"), "core.v1.Node", "nodes", NodeRules.self, namespaced: false, short: ["no"],
            subresources: [Subresource("status", v1("Node"), status)]),
        entry(
            v1("Pod"), "core.v1.Pod", "pods", PodRules.self, short: ["po"], categories: ["all"],
            subresources: [
                Subresource("binding", v1("Binding"), [.create]),
                Subresource("eviction", GroupVersionKind("policy", "v1", "Eviction"), [.create]),
                Subresource("exec", v1("PodExecOptions"), [.create, .get]),
                Subresource("log", v1("Pod"), [.get]),
                Subresource("status", v1("Pod"), status),
            ]),
        entry(v1("Secret"), "core.v1.Secret", "secrets", SecretRules.self),
        entry(
            v1("ServiceAccount"), "core.v1.ServiceAccount", "serviceaccounts", ServiceAccountRules.self, short: ["sa"],
            subresources: [
                Subresource("token", GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest"), [.create])
            ]),
        entry(
            v1("Service"), "core.v1.Service", "services", ServiceRules.self, short: ["svc"], categories: ["all"],
            subresources: [Subresource("status", v1("Service"), status)]),
    ]

    private static let coordination: [ResourceDefinition] = [
        entry(
            GroupVersionKind("coordination.k8s.io", "v1", "Lease"), "coordination.v1.Lease", "leases", LeaseRules.self)
    ]

    private static let discovery: [ResourceDefinition] = [
        entry(
            GroupVersionKind("discovery.k8s.io", "v1", "EndpointSlice"), "discovery.v1.EndpointSlice",
            "endpointslices", EndpointSliceRules.self)
    ]

    private static let events: [ResourceDefinition] = [
        entry(
            GroupVersionKind("events.k8s.io", "v1", "Event"), "events.v1.Event", "events", EventsV1Rules.self,
            short: ["ev"], storage: "events")
    ]

    private static let martlet: [ResourceDefinition] = [
        entry(
            GroupVersionKind("martlet.io", "v1alpha1", "NetworkInvariant"), "martlet.v1alpha1.NetworkInvariant",
            "networkinvariants", NetworkInvariantRules.self, namespaced: false, short: ["netinv"],
            subresources: [
                Subresource("status", GroupVersionKind("martlet.io", "v1alpha1", "NetworkInvariant"), status)
            ]),
        entry(
            GroupVersionKind("martlet.io", "v1alpha1", "Transaction"), "martlet.v1alpha1.Transaction", "transactions",
            ReviewRules.self, namespaced: false, verbs: [.create]),
        entry(
            GroupVersionKind("martlet.io", "v1alpha1", "NodeDataplane"), "martlet.v1alpha1.NodeDataplane",
            "nodedataplanes", NodeDataplaneRules.self, namespaced: false, short: ["ndp"],
            subresources: [
                Subresource("status", GroupVersionKind("martlet.io", "v1alpha1", "NodeDataplane"), status)
            ]),
    ]

    private static let networking: [ResourceDefinition] = [
        entry(
            GroupVersionKind("networking.k8s.io", "v1", "NetworkPolicy"), "networking.v1.NetworkPolicy",
            "networkpolicies", NetworkPolicyRules.self, short: ["netpol"])
    ]

    private static let policyNetworking: [ResourceDefinition] = [
        entry(
            GroupVersionKind("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy"),
            "policynetworking.v1alpha2.ClusterNetworkPolicy", "clusternetworkpolicies",
            ClusterNetworkPolicyRules.self, namespaced: false, short: ["cnp"],
            subresources: [
                Subresource(
                    "status", GroupVersionKind("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy"), status)
            ])
    ]

    private static func rbac(_ kind: String) -> GroupVersionKind {
        GroupVersionKind("rbac.authorization.k8s.io", "v1", kind)
    }

    private static let rbac: [ResourceDefinition] = [
        entry(
            rbac("ClusterRoleBinding"), "rbac.v1.ClusterRoleBinding", "clusterrolebindings", RoleBindingRules.self,
            namespaced: false),
        entry(rbac("ClusterRole"), "rbac.v1.ClusterRole", "clusterroles", RoleRules.self, namespaced: false),
        entry(rbac("RoleBinding"), "rbac.v1.RoleBinding", "rolebindings", RoleBindingRules.self),
        entry(rbac("Role"), "rbac.v1.Role", "roles", RoleRules.self),
    ]

    private static func review(_ kind: String, group: String, plural: String, namespaced: Bool = false)
        -> ResourceDefinition
    {
        entry(
            GroupVersionKind("\(group).k8s.io", "v1", kind), "\(group).v1.\(kind)", plural, ReviewRules.self,
            namespaced: namespaced, verbs: [.create])
    }

    private static let reviews: [ResourceDefinition] = [
        review("SelfSubjectReview", group: "authentication", plural: "selfsubjectreviews"),
        review("TokenReview", group: "authentication", plural: "tokenreviews"),
        review(
            "LocalSubjectAccessReview", group: "authorization", plural: "localsubjectaccessreviews", namespaced: true),
        review("SelfSubjectAccessReview", group: "authorization", plural: "selfsubjectaccessreviews"),
        review("SelfSubjectRulesReview", group: "authorization", plural: "selfsubjectrulesreviews"),
        review("SubjectAccessReview", group: "authorization", plural: "subjectaccessreviews"),
    ]
}
