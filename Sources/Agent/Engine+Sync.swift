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
        firstCompile = .now
        enforcement.notice(snapshot.progress)
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
            delta.append(routes.update(pod))
        }
        try removeStrangeAddresses()
        noteFaults(snapshot)
        let (standing, later) = byStanding(policyChanges(.all, snapshot))
        try take(
            delta, pods: changed, removed: [], extra: [.podCIDRs(podCIDRs)] + standing,
            revision: snapshot.revision ?? 0
        ) { first in
            if let inherited { first = first.adopting(inherited) }
            // One flip in any case: at generation 0 the next daemon would take these maps for empty ones.
            first.blocksCoverPods = first.blocksCoverPods ?? false
            first.append(policy.finishAdoption())
            if !later.isEmpty { first.append(policy.apply(later)) }
        }
        forgetFormerPolicies()

        try submit(services.apply(serviceChanges(.all, snapshot)))
        try submit(services.finishAdoption())

        let unclaimed = routes.finishAdoption()
        persist(unclaimed.journal)
        for (attachment, cookie) in attached {
            guard let address = attachment.addresses.first, let record = routes.record(of: address) else { continue }
            try bindNamespace(cookie: cookie, endpoint: record.number)
        }
        try removeStrangeNamespaces()
        try perform(
            planner.submit(KernelPlanner.Change(retired: unclaimed.unclaimed.map { RetiredKernelNumber.endpoint($0) })))
        enforcement.compile(lastChange: snapshot.revision)
        settle()
    }

    /// What a notice names, as the caches have it now, in one batch: one flip.
    func compile(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) throws {
        beginSteps(notice, snapshot)
        noteFaults(snapshot)
        var delta = RouteDelta()
        var changed: [ObjectKey: Pod] = [:]
        var removed: [ObjectKey] = []
        for key in notice.keys(of: .pods, Set(workloads.keys), snapshot.pods.keys) {
            if let pod = snapshot.pods[key] {
                changed[key] = pod
                delta.append(routes.update(pod))
            } else {
                removed.append(key)
                delta.append(routes.removePod(key))
            }
        }
        let placed = routes.retry()
        for key in placed.born.compactMap(\.owner.pod) { changed[key] = snapshot.pods[key] }
        delta.append(placed)
        try take(
            delta, pods: changed, removed: removed, extra: policyChanges(notice, snapshot), revision: snapshot.revision)
        let ofServices = serviceChanges(notice, snapshot)
        if !ofServices.isEmpty { try submit(services.apply(ofServices)) }
    }

    /// Of the names in a notice, the versions that a compile takes.
    private func beginSteps(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) {
        guard let start = firstCompile else { return }
        func begin<Item>(_ resource: APIResource, _ cache: InformerCache<Item>, _ lane: StepLog.Lane) {
            guard let names = notice.names[resource] else { return }
            steps.begin(resource, names, cache, lane, start: start)
        }
        begin(.pods, snapshot.pods, .policy)
        begin(.namespaces, snapshot.namespaces, .policy)
        begin(.networkPolicies, snapshot.networkPolicies, .policy)
        begin(.clusterNetworkPolicies, snapshot.clusterNetworkPolicies, .policy)
        begin(.nodes, snapshot.nodes, .policy)
        begin(.services, snapshot.services, .services)
        begin(.endpointSlices, snapshot.endpointSlices, .services)
    }

    /// As `compile`; an error is kept for `status`, and everything of the notice's kinds is compiled again with the
    /// next one. Throws where the kernel refused a write: the compilers are then ahead of the maps, and only a new
    /// daemon, which starts from what is in force, brings them together.
    func compileOrRetry(_ notice: ChangeNotice, _ informers: ClusterInformers) throws(DatapathError) {
        enforcement.notice(notice.progress)
        var due = notice
        due.everything.formUnion(owed)
        do {
            var lastChange: Int64?
            if !due.namesNothing {
                let snapshot = informers.snapshot()
                try compile(due, snapshot)
                lastChange = snapshot.revision
                owed = []
                lastError = nil
            }
            let before = enforcement.reported
            enforcement.compile(lastChange: lastChange)
            settle()
            if enforcement.reported != before { signalReport() }
        } catch let error as DatapathError {
            fail(error, "the kernel refused a change")
            throw error
        } catch {
            owed = due.everything.union(due.names.keys)
            fail(error, "a change is not in force")
        }
    }

    // MARK: Changes by kind

    private func policyChanges(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) -> [PolicyChange] {
        var all: [PolicyChange] = []
        all += Self.changes(of: .namespaces, notice, snapshot.namespaces, &knownNamespaces) { key, namespace in
            namespace.map { .namespace(name: $0.name, labels: $0.metadata.labels) } ?? .namespaceRemoved(key.name)
        }
        all += Self.changes(of: .networkPolicies, notice, snapshot.networkPolicies, &knownPolicies) { key, policy in
            Self.change(of: key, policy.map { .policy($0) })
        }
        let ordered = snapshot.clusterNetworkPolicies
        all += Self.changes(of: .clusterNetworkPolicies, notice, ordered, &knownClusterPolicies) { key, policy in
            Self.change(of: key, policy.map { .clusterPolicy($0) })
        }
        all += Self.changes(of: .nodes, notice, snapshot.nodes, &knownNodes) { key, node in
            node.map { .node($0) } ?? .nodeRemoved(key.name)
        }
        return all
    }

    private func serviceChanges(_ notice: ChangeNotice, _ snapshot: ClusterSnapshot) -> [ServiceChange] {
        var all: [ServiceChange] = []
        all += Self.changes(of: .services, notice, snapshot.services, &knownServices) { key, service in
            service.map { .service($0) } ?? .serviceRemoved(key)
        }
        all += Self.changes(of: .endpointSlices, notice, snapshot.endpointSlices, &knownSlices) { key, slice in
            slice.map { .slice($0) } ?? .sliceRemoved(key)
        }
        return all
    }

    /// What became of each object of a kind that the notice names; nil to `change` where it is gone. Afterwards `known`
    /// holds those that are there.
    private static func changes<Item, Change>(
        of resource: APIResource, _ notice: ChangeNotice, _ cache: InformerCache<Item>, _ known: inout Set<ObjectKey>,
        _ change: (ObjectKey, Item?) -> Change
    ) -> [Change] {
        notice.keys(of: resource, known, cache.keys).map { key in
            let item = cache[key]
            if item == nil { known.remove(key) } else { known.insert(key) }
            return change(key, item)
        }
    }

    /// Addresses in the kernel that belong to no endpoint of ours, or to another than before. They go first, like those
    /// of any endpoint that dies: the next generation does not know its number.
    private func removeStrangeAddresses() throws {
        for entry in try datapath.entries(MapCatalog.endpointIDs) {
            let address = IPAddress(entry.key)
            guard routes.record(of: address)?.number != TaggedNumber(entry.value).number else { continue }
            try writer.remove(MapCatalog.endpointIDs, entry.key)
        }
    }

    private func removeStrangeNamespaces() throws {
        for entry in try datapath.entries(MapCatalog.podNamespaces)
        where entry.value != 0 && namespaces[entry.key] == nil {
            try writer.remove(MapCatalog.podNamespaces, entry.key)
        }
    }
}

extension ChangeNotice {
    /// Every object of the kinds that the compilers read, but pods: those are placed one by one.
    fileprivate static let all: ChangeNotice = {
        var notice = ChangeNotice()
        notice.everything = [
            .namespaces, .networkPolicies, .clusterNetworkPolicies, .nodes, .services, .endpointSlices,
        ]
        return notice
    }()

    /// Keys to look at: the named ones, or all that are known or cached.
    func keys(
        of resource: APIResource, _ known: @autoclosure () -> Set<ObjectKey>, _ cached: @autoclosure () -> [ObjectKey]
    ) -> Set<ObjectKey> {
        if everything.contains(resource) { return known().union(cached()) }
        return names[resource] ?? []
    }
}
