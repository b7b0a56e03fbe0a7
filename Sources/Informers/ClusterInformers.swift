package import APIClient
package import JSONText
package import KubeObjects
package import Logging
import ServiceLifecycle
import Synchronization

/// The kinds that the compilers read, each followed once for all who need them, and with how far it is.
package final class ClusterInformers: ServiceLifecycle.Service, Sendable {
    package let pods: Informer<Pod>
    package let namespaces: Informer<Namespace>
    package let networkPolicies: Informer<NetworkPolicy>
    package let clusterNetworkPolicies: Informer<ClusterNetworkPolicy>
    package let services: Informer<KubeObjects.Service>
    package let endpointSlices: Informer<EndpointSlice>
    package let nodes: Informer<Node>
    private static let labelSets = Mutex(LabelSets())

    /// The version of a policy that was in force before, by name and uid; nil where none is known.
    package typealias Recall = @Sendable (ObjectKey, String) -> JSONValue?

    /// - Parameter recall: asked for a policy that cannot be read.
    package init(client: any APIClient, logger: Logger, recall: @escaping Recall = { _, _ in nil }) {
        let options = ListOptions(followsRevision: true)
        pods = Informer(.pods, options, client: client, logger: logger) { object in
            var pod = try Pod(object)
            pod.metadata.labels = Self.labelSets.withLock { $0.shared(pod.metadata.labels) }
            return pod
        }
        namespaces = Informer(.namespaces, options, client: client, logger: logger) { try Namespace($0) }
        networkPolicies = Informer(
            .networkPolicies, options, client: client, logger: logger,
            standIn: { object, seen in
                if let seen, Self.holds(seen.item.metadata, for: object) { return seen }
                return Self.former(object, recall).flatMap { try? NetworkPolicy($0) }.map(Self.standIn)
                    ?? NetworkPolicy(closing: object).map(Self.standIn)
            }, projection: { try NetworkPolicy($0) })
        clusterNetworkPolicies = Informer(
            .clusterNetworkPolicies, options, client: client, logger: logger,
            standIn: { object, seen in
                if let seen, Self.holds(seen.item.metadata, for: object) { return seen }
                return Self.former(object, recall).flatMap { try? ClusterNetworkPolicy($0) }.map(Self.standIn)
                    ?? ClusterNetworkPolicy(closing: object).map(Self.standIn)
            }, projection: { try ClusterNetworkPolicy($0) })
        services = Informer(.services, options, client: client, logger: logger) { try KubeObjects.Service($0) }
        endpointSlices = Informer(.endpointSlices, options, client: client, logger: logger) { try EndpointSlice($0) }
        nodes = Informer(.nodes, options, client: client, logger: logger) { try Node($0) }
    }

    /// A version stays in force where it was in force, which a dry run was not, and is of the same object, not of a
    /// former one of its name.
    private static func holds(_ seen: ObjectMeta, for object: JSONValue) -> Bool {
        !seen.isDryRun && seen.uid == object[path: "metadata", "uid"]?.string ?? ""
    }

    private static func former(_ object: JSONValue, _ recall: Recall) -> JSONValue? {
        let metadata = object["metadata"]
        return recall(
            ObjectKey(metadata?["namespace"]?.string ?? "", metadata?["name"]?.string ?? ""),
            metadata?["uid"]?.string ?? "")
    }

    private static func standIn(_ policy: NetworkPolicy) -> (item: NetworkPolicy, resourceVersion: String) {
        (policy, policy.metadata.resourceVersion)
    }

    private static func standIn(
        _ policy: ClusterNetworkPolicy
    ) -> (item: ClusterNetworkPolicy, resourceVersion: String) { (policy, policy.metadata.resourceVersion) }

    package static let resources: [APIResource] = [
        .pods, .namespaces, .networkPolicies, .clusterNetworkPolicies, .services, .endpointSlices, .nodes,
    ]

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
    /// what is on the way.
    package func snapshot() -> ClusterSnapshot {
        ClusterSnapshot(
            pods: pods.cache, namespaces: namespaces.cache, networkPolicies: networkPolicies.cache,
            clusterNetworkPolicies: clusterNetworkPolicies.cache, services: services.cache,
            endpointSlices: endpointSlices.cache, nodes: nodes.cache)
    }

    /// The newest revision that any kind knows to have written several objects.
    package var together: Int64? {
        [
            pods.cache.together, namespaces.cache.together, networkPolicies.cache.together,
            clusterNetworkPolicies.cache.together, services.cache.together, endpointSlices.cache.together,
            nodes.cache.together,
        ].compactMap { $0 }.max()
    }

    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await Self.first { try await self.pods.run() } }
            group.addTask { try await Self.first { try await self.namespaces.run() } }
            group.addTask { try await Self.first { try await self.networkPolicies.run() } }
            group.addTask { try await Self.first { try await self.clusterNetworkPolicies.run() } }
            group.addTask { try await Self.first { try await self.services.run() } }
            group.addTask { try await Self.first { try await self.endpointSlices.run() } }
            group.addTask { try await Self.first { try await self.nodes.run() } }
        }
    }

    /// Runs `work` with a priority that has threads of its own: a change on its way to the kernel does not queue behind
    /// whatever else the process does. A group's child would get its parent's priority, whatever it asks for.
    package static func first(_ work: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task(priority: .high, operation: work)
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
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

    /// The newest revision at which an object of these kinds changed; nil where the server's versions are no numbers.
    package var revision: Int64? {
        [
            pods.lastChange, namespaces.lastChange, networkPolicies.lastChange, clusterNetworkPolicies.lastChange,
            services.lastChange, endpointSlices.lastChange, nodes.lastChange,
        ].compactMap { $0 }.max()
    }

    /// Up to which revision nothing is missing, by kind.
    package var progress: [APIResource: Int64] {
        [
            (APIResource.pods, pods.progress), (.namespaces, namespaces.progress),
            (.networkPolicies, networkPolicies.progress), (.clusterNetworkPolicies, clusterNetworkPolicies.progress),
            (.services, services.progress), (.endpointSlices, endpointSlices.progress), (.nodes, nodes.progress),
        ].reduce(into: [:]) { $0[$1.0] = $1.1 }
    }

    /// An object whose present version could not be read.
    package struct Fault: Sendable {
        package let resource: APIResource
        package let key: ObjectKey
        package let reason: String
        package let resourceVersion: String
        /// The version that holds instead; nil where there is none.
        package let lastGood: String?

        /// What holds instead, in words.
        package var instead: String { Self.instead(of: lastGood) }

        package static func instead(of lastGood: String?) -> String {
            lastGood.map { "version \($0) stays in force" } ?? "no good version of it is known"
        }
    }

    /// Objects of any kind that could not be read, in order.
    package var faults: [Fault] {
        (faults(.pods, pods) + faults(.namespaces, namespaces) + faults(.networkPolicies, networkPolicies)
            + faults(.clusterNetworkPolicies, clusterNetworkPolicies) + faults(.services, services)
            + faults(.endpointSlices, endpointSlices) + faults(.nodes, nodes))
    }

    private func faults<Item>(_ resource: APIResource, _ cache: InformerCache<Item>) -> [Fault] {
        cache.faults.sorted { $0.key < $1.key }.map { key, fault in
            Fault(
                resource: resource, key: key, reason: fault.reason, resourceVersion: fault.resourceVersion,
                lastGood: cache.resourceVersion(of: key).flatMap { $0.isEmpty ? nil : $0 })
        }
    }
}
