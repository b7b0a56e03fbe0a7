import APIClient
import BPFRuntime
import Informers
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler

/// From caches to the kernel: what changed, or everything.
extension Engine {
    /// The first compile: all objects and all attachments that were found, onto the ids of the journal. What the kernel
    /// still holds of endpoints that are gone is removed.
    func compileAll(_ snapshot: ClusterSnapshot, podCIDRs: [CIDR]) throws {
        var delta = RouteDelta()
        var attached: [ObjectKey] = []
        for attachment in adopted {
            delta.append(try routes.attach(attachment))
            if let key = attachment.owner.pod { attached.append(key) }
        }
        adopted = []
        var changed: [ObjectKey: Pod] = [:]
        for pod in snapshot.pods.items {
            changed[pod.key] = pod
            delta.append(try routes.update(pod))
        }
        var changes: [PolicyChange] = [.podCIDRs(podCIDRs)]
        changes += snapshot.namespaces.items.map { .namespace(name: $0.name, labels: $0.labels) }
        changes += snapshot.networkPolicies.items.map { .policy($0) }
        try take(delta, pods: changed, removed: [], extra: changes, revision: snapshot.revision)
        try submit(policy.finishAdoption(), revision: nil)
        let unclaimed = routes.finishAdoption()
        try journal.append(unclaimed.journal)
        try removeStrangers()
        try submit(PolicyDelta(), retiring: unclaimed.unclaimed.map { .endpoint($0) }, revision: nil)
        if enforcedRevision == nil { enforcedRevision = snapshot.revision ?? 0 }
    }

    /// What a notice names, as the caches have it now, in one batch: one flip.
    func compile(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) throws {
        var delta = RouteDelta()
        var changes: [PolicyChange] = []
        var changed: [ObjectKey: Pod] = [:]
        var removed: [ObjectKey] = []
        for key in notice.keys(of: .pods, known: Set(pods.keys), cached: snapshot.pods.keys) {
            if let pod = snapshot.pods[key] {
                changed[key] = pod
                delta.append(try routes.update(pod))
            } else {
                removed.append(key)
                delta.append(routes.removePod(key))
            }
        }
        for key in notice.keys(of: .namespaces, known: knownNamespaces, cached: snapshot.namespaces.keys) {
            if let namespace = snapshot.namespaces[key] {
                changes.append(.namespace(name: namespace.name, labels: namespace.labels))
            } else {
                changes.append(.namespaceRemoved(key.name))
            }
        }
        for key in notice.keys(of: .networkPolicies, known: knownPolicies, cached: snapshot.networkPolicies.keys) {
            changes.append(snapshot.networkPolicies[key].map { .policy($0) } ?? .policyRemoved(key))
        }
        try take(delta, pods: changed, removed: removed, extra: changes, revision: snapshot.revision)
    }

    private var knownNamespaces: Set<ObjectKey> { Set(policy.namespaceNames.map { ObjectKey("", $0) }) }
    private var knownPolicies: Set<ObjectKey> { Set(policy.policyKeys) }

    /// Addresses in the kernel that belong to no endpoint of ours.
    private func removeStrangers() throws {
        for entry in try datapath.entries(MapCatalog.endpointIDs) {
            let address = IPAddress(entry.key)
            guard routes.record(of: address)?.number != TaggedNumber(entry.value).number else { continue }
            try datapath.remove(MapCatalog.endpointIDs, entry.key)
        }
    }
}

extension RouteDelta {
    mutating func append(_ later: RouteDelta) {
        gone += later.gone
        born += later.born
        journal += later.journal
    }
}

extension ChangeNotice {
    /// Keys to look at: the named ones, or all that are known or cached.
    func keys(
        of resource: APIResource, known: @autoclosure () -> Set<ObjectKey>, cached: @autoclosure () -> [ObjectKey]
    )
        -> Set<ObjectKey>
    {
        if everything.contains(resource) { return known().union(cached()) }
        return names[resource] ?? []
    }
}
