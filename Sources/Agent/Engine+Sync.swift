import APIClient
import BPFRuntime
import Informers
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Reconcile
import RouteCompiler
import ServiceCompiler

/// From caches to the kernel: what changed, or everything.
extension Engine {
    /// The first compile: all objects and all attachments that were found, onto the ids of the journal. What an earlier
    /// daemon left in force stays so until one flip puts all that differs in its place. What the kernel still holds of
    /// endpoints that are gone is removed.
    func compileAll(_ snapshot: ClusterSnapshot, podCIDRs: [CIDR]) throws {
        let inherited = planner.generation == 0 ? nil : try datapath.image()
        if let inherited {
            policy.reserve(inForce: inherited)
            routes.reserve(inForce: inherited.endpointOfAddress.values)
        }
        var delta = RouteDelta()
        let attached = adopted
        adopted = []
        for (attachment, _) in attached { delta.append(try routes.attach(attachment)) }
        var changed: [ObjectKey: Pod] = [:]
        for pod in snapshot.pods.items {
            changed[pod.key] = pod
            delta.append(try routes.update(pod))
        }
        try removeStrangeAddresses()
        let changes =
            namespaceChanges(snapshot.namespaces.keys, snapshot)
            + policyChanges(snapshot.networkPolicies.keys, snapshot)
            + clusterPolicyChanges(snapshot.clusterNetworkPolicies.keys, snapshot)
            + nodeChanges(snapshot.nodes.keys, snapshot)
        try take(
            delta, pods: changed, removed: [], extra: [.podCIDRs(podCIDRs)] + changes,
            revision: snapshot.revision ?? 0
        ) { first in
            if let inherited { first = first.adopting(inherited) }
            first.append(policy.finishAdoption())
        }

        try submit(
            services.apply(
                serviceChanges(snapshot.services.keys, snapshot) + sliceChanges(snapshot.endpointSlices.keys, snapshot))
        )
        try submit(services.finishAdoption())

        let unclaimed = routes.finishAdoption()
        try journal.append(unclaimed.journal)
        for (attachment, cookie) in attached {
            guard let address = attachment.addresses.first, let record = routes.record(of: address) else { continue }
            try bindNamespace(cookie: cookie, endpoint: record.number)
        }
        try removeStrangeNamespaces()
        try perform(
            planner.submit(KernelPlanner.Change(retired: unclaimed.unclaimed.map { RetiredKernelNumber.endpoint($0) })))
    }

    /// What a notice names, as the caches have it now, in one batch: one flip.
    func compile(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) throws {
        var delta = RouteDelta()
        var changed: [ObjectKey: Pod] = [:]
        var removed: [ObjectKey] = []
        for key in notice.keys(of: .pods, Set(pods.keys), snapshot.pods.keys) {
            if let pod = snapshot.pods[key] {
                changed[key] = pod
                delta.append(try routes.update(pod))
            } else {
                removed.append(key)
                delta.append(routes.removePod(key))
            }
        }
        let namespaces = notice.keys(of: .namespaces, knownNamespaces, snapshot.namespaces.keys)
        let policies = notice.keys(of: .networkPolicies, knownPolicies, snapshot.networkPolicies.keys)
        let clusterPolicies = notice.keys(
            of: .clusterNetworkPolicies, knownClusterPolicies, snapshot.clusterNetworkPolicies.keys)
        let nodes = notice.keys(of: .nodes, knownNodes, snapshot.nodes.keys)
        let changes =
            namespaceChanges(namespaces, snapshot) + policyChanges(policies, snapshot)
            + clusterPolicyChanges(clusterPolicies, snapshot) + nodeChanges(nodes, snapshot)
        try take(delta, pods: changed, removed: removed, extra: changes, revision: snapshot.revision)

        let services = notice.keys(of: .services, knownServices, snapshot.services.keys)
        let slices = notice.keys(of: .endpointSlices, knownSlices, snapshot.endpointSlices.keys)
        let ofServices = serviceChanges(services, snapshot) + sliceChanges(slices, snapshot)
        if !ofServices.isEmpty { try submit(self.services.apply(ofServices)) }
    }

    /// As `compile`; an error is kept for `status`, and everything of the notice's kinds is compiled again with the
    /// next one.
    func compileOrRetry(_ notice: ChangeNotice, _ informers: ClusterInformers) {
        var due = notice
        due.everything.formUnion(owed)
        do {
            try compile(due, informers.snapshot())
            owed = []
            lastError = nil
        } catch {
            owed = due.everything.union(due.names.keys)
            fail(error, "a change is not in force")
        }
    }

    // MARK: Changes by kind

    private func namespaceChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [PolicyChange] {
        keys.map { key in
            guard let namespace = snapshot.namespaces[key] else {
                knownNamespaces.remove(key)
                return .namespaceRemoved(key.name)
            }
            knownNamespaces.insert(key)
            return .namespace(name: namespace.name, labels: namespace.metadata.labels)
        }
    }

    private func policyChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [PolicyChange] {
        keys.map { key in
            guard let policy = snapshot.networkPolicies[key] else {
                knownPolicies.remove(key)
                return .policyRemoved(key)
            }
            knownPolicies.insert(key)
            return .policy(policy)
        }
    }

    private func clusterPolicyChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [PolicyChange] {
        keys.map { key in
            guard let policy = snapshot.clusterNetworkPolicies[key] else {
                knownClusterPolicies.remove(key)
                return .policyRemoved(key)
            }
            knownClusterPolicies.insert(key)
            return .clusterPolicy(policy)
        }
    }

    private func nodeChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [PolicyChange] {
        keys.map { key in
            guard let node = snapshot.nodes[key] else {
                knownNodes.remove(key)
                return .nodeRemoved(key.name)
            }
            knownNodes.insert(key)
            return .node(node)
        }
    }

    private func serviceChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [ServiceChange] {
        keys.map { key in
            guard let service = snapshot.services[key] else {
                knownServices.remove(key)
                return .serviceRemoved(key)
            }
            knownServices.insert(key)
            return .service(service)
        }
    }

    private func sliceChanges(_ keys: some Sequence<ObjectKey>, _ snapshot: ClusterSnapshot) -> [ServiceChange] {
        keys.map { key in
            guard let slice = snapshot.endpointSlices[key] else {
                knownSlices.remove(key)
                return .sliceRemoved(key)
            }
            knownSlices.insert(key)
            return .slice(slice)
        }
    }

    /// Addresses in the kernel that belong to no endpoint of ours, or to another than before. They go first, like those
    /// of any endpoint that dies: the next generation does not know its number.
    private func removeStrangeAddresses() throws {
        for entry in try datapath.entries(MapCatalog.endpointIDs) {
            let address = IPAddress(entry.key)
            guard routes.record(of: address)?.number != TaggedNumber(entry.value).number else { continue }
            try datapath.remove(MapCatalog.endpointIDs, entry.key)
        }
    }

    private func removeStrangeNamespaces() throws {
        for entry in try datapath.entries(MapCatalog.podNamespaces)
        where entry.value != 0 && namespaces[entry.key] == nil {
            try datapath.remove(MapCatalog.podNamespaces, entry.key)
        }
    }
}

extension ChangeNotice {
    /// Keys to look at: the named ones, or all that are known or cached.
    func keys(
        of resource: APIResource, _ known: @autoclosure () -> Set<ObjectKey>, _ cached: @autoclosure () -> [ObjectKey]
    ) -> Set<ObjectKey> {
        if everything.contains(resource) { return known().union(cached()) }
        return names[resource] ?? []
    }
}
