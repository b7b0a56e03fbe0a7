package import APIClient
import Informers
package import NetTypes
import ServiceLifecycle
import Synchronization

/// The controllers of the embedded control plane, run together. The informers of `context.cluster` are run by whoever
/// made them.
package final class ControllerSet: ServiceLifecycle.Service, Sendable {
    package struct Options: Sendable {
        /// What pods get as `kube-root-ca.crt`.
        package var rootCAPEM: String
        /// Pod blocks of the cluster, at most one of each family.
        package var clusterCIDRs: [CIDR] = []
        /// All kinds that the server has, as discovery lists them.
        package var resources: [APIResource] = APIResource.builtin

        package init(rootCAPEM: String) { self.rootCAPEM = rootCAPEM }
    }

    private let cluster: ClusterInformers
    private let controllers: [any ServiceLifecycle.Service]

    private let hasBegun = Atomic(false)

    /// How many run: none until the datapath's kinds are listed, then all, or the set has ended.
    package var running: Int { hasBegun.load(ordering: .relaxed) ? controllers.count : 0 }

    package init(_ context: ControllerContext, options: Options) {
        cluster = context.cluster
        controllers = [
            PodCIDRController(context, allocation: PodCIDRAllocation(clusterCIDRs: options.clusterCIDRs)),
            NodeLiveness(context),
            NodeTaints(context),
            Scheduler(context),
            EndpointSliceController(context),
            NamespaceDefaults(context, rootCAPEM: options.rootCAPEM),
            NamespaceDeletion(context, resources: options.resources),
            GarbageCollector(context, resources: options.resources.filter { $0 != .events }),
            PodCleanup(context),
            ClusterRoleAggregation(context),
        ]
    }

    /// The datapath's kinds come first: a large cluster is in force before controllers list its pods for themselves.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.cluster.waitForSync() }
        hasBegun.store(true, ordering: .relaxed)
        try await withThrowingDiscardingTaskGroup { group in
            for controller in controllers { group.addTask { try await controller.run() } }
        }
    }
}

extension APIResource {
    /// The kinds of the embedded server that controllers clean up after.
    package static let builtin: [APIResource] = [
        .namespaces, .nodes, .pods, .services, .configMaps, .secrets, .serviceAccounts, .events,
        .endpointSlices, .networkPolicies, .leases, .nodeDataplanes,
        APIResource(
            group: "rbac.authorization.k8s.io", version: "v1", name: "roles", kind: "Role", isNamespaced: true),
        APIResource(
            group: "rbac.authorization.k8s.io", version: "v1", name: "rolebindings", kind: "RoleBinding",
            isNamespaced: true),
        APIResource(
            group: "rbac.authorization.k8s.io", version: "v1", name: "clusterroles", kind: "ClusterRole",
            isNamespaced: false),
        APIResource(
            group: "rbac.authorization.k8s.io", version: "v1", name: "clusterrolebindings", kind: "ClusterRoleBinding",
            isNamespaced: false),
    ]
}
