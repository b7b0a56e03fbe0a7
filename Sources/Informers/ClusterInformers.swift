package import APIClient
package import KubeObjects
package import Logging
import ServiceLifecycle

/// The kinds that the compilers read, each followed once for all who need them.
package final class ClusterInformers: ServiceLifecycle.Service, Sendable {
    package let pods: Informer<Pod>
    package let namespaces: Informer<Namespace>
    package let networkPolicies: Informer<NetworkPolicy>
    package let clusterNetworkPolicies: Informer<ClusterNetworkPolicy>
    package let services: Informer<KubeObjects.Service>
    package let endpointSlices: Informer<EndpointSlice>
    package let nodes: Informer<Node>

    package init(client: any APIClient, logger: Logger) {
        pods = Informer(.pods, client: client, logger: logger) { try Pod($0) }
        namespaces = Informer(.namespaces, client: client, logger: logger) { try Namespace($0) }
        networkPolicies = Informer(.networkPolicies, client: client, logger: logger) { try NetworkPolicy($0) }
        clusterNetworkPolicies = Informer(.clusterNetworkPolicies, client: client, logger: logger) {
            try ClusterNetworkPolicy($0)
        }
        services = Informer(.services, client: client, logger: logger) { try KubeObjects.Service($0) }
        endpointSlices = Informer(.endpointSlices, client: client, logger: logger) { try EndpointSlice($0) }
        nodes = Informer(.nodes, client: client, logger: logger) { try Node($0) }
    }

    /// Reports changes of all kinds to the feed, from now on and all that is there already.
    package func report(to feed: ChangeFeed) {
        pods.report(to: feed)
        namespaces.report(to: feed)
        networkPolicies.report(to: feed)
        clusterNetworkPolicies.report(to: feed)
        services.report(to: feed)
        endpointSlices.report(to: feed)
        nodes.report(to: feed)
    }

    package var isSynced: Bool {
        pods.isSynced && namespaces.isSynced && networkPolicies.isSynced && clusterNetworkPolicies.isSynced
            && services.isSynced && endpointSlices.isSynced && nodes.isSynced
    }

    /// Returns when all kinds are listed, or the task is cancelled.
    package func waitForSync() async {
        await pods.waitForSync()
        await namespaces.waitForSync()
        await networkPolicies.waitForSync()
        await clusterNetworkPolicies.waitForSync()
        await services.waitForSync()
        await endpointSlices.waitForSync()
        await nodes.waitForSync()
    }

    /// All kinds as they are cached now. Each kind has a stream of its own, so one kind may be ahead of another by
    /// what is on the way; `revision` is the newest that any of them reflects.
    package func snapshot() -> ClusterSnapshot {
        ClusterSnapshot(
            pods: pods.cache, namespaces: namespaces.cache, networkPolicies: networkPolicies.cache,
            clusterNetworkPolicies: clusterNetworkPolicies.cache, services: services.cache,
            endpointSlices: endpointSlices.cache, nodes: nodes.cache)
    }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.pods.run() }
            group.addTask { try await self.namespaces.run() }
            group.addTask { try await self.networkPolicies.run() }
            group.addTask { try await self.clusterNetworkPolicies.run() }
            group.addTask { try await self.services.run() }
            group.addTask { try await self.endpointSlices.run() }
            group.addTask { try await self.nodes.run() }
        }
    }
}

/// What one compile works on.
package struct ClusterSnapshot: Sendable {
    package let pods: InformerCache<Pod>
    package let namespaces: InformerCache<Namespace>
    package let networkPolicies: InformerCache<NetworkPolicy>
    package let clusterNetworkPolicies: InformerCache<ClusterNetworkPolicy>
    package let services: InformerCache<KubeObjects.Service>
    package let endpointSlices: InformerCache<EndpointSlice>
    package let nodes: InformerCache<Node>

    /// The newest revision that any kind reflects; nil where the server's versions are no numbers.
    package var revision: Int64? {
        [
            pods.resourceVersion, namespaces.resourceVersion, networkPolicies.resourceVersion,
            clusterNetworkPolicies.resourceVersion, services.resourceVersion, endpointSlices.resourceVersion,
            nodes.resourceVersion,
        ].compactMap { Int64($0) }.max()
    }

    /// Objects of any kind that could not be read, and why.
    package var faults: [(resource: APIResource, key: ObjectKey, reason: String)] {
        let all: [(APIResource, [ObjectKey: String])] = [
            (.pods, pods.faults), (.namespaces, namespaces.faults), (.networkPolicies, networkPolicies.faults),
            (.clusterNetworkPolicies, clusterNetworkPolicies.faults),
            (.services, services.faults), (.endpointSlices, endpointSlices.faults), (.nodes, nodes.faults),
        ]
        return all.flatMap { resource, faults in faults.map { (resource, $0.key, $0.value) } }
    }
}
