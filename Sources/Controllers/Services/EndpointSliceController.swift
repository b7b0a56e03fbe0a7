import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps the EndpointSlices of every Service that has a selector.
package final class EndpointSliceController: ServiceLifecycle.Service, Sendable {
    private let context: ControllerContext
    private let services: Informer<SliceService>
    private let nodes: Informer<SliceNode>
    private let slices: Informer<PlannedSlice>
    private let feed = ChangeFeed()
    private let index = Mutex(SelectorIndex())
    /// What slices are made from: the cache may be ahead of the notice by which all Services are told.
    private let seenNodes = Mutex<[ObjectKey: SliceNode]>([:])
    private let written = Mutex(WrittenSlices())

    package init(_ context: ControllerContext) {
        self.context = context
        services = Informer(.services, client: context.client, logger: context.logger) { SliceService($0) }
        nodes = Informer(.nodes, client: context.client, logger: context.logger) { SliceNode($0) }
        let ours = "\(PlannedSlice.managedByLabel)=\(PlannedSlice.controllerName)"
        slices = Informer(
            .endpointSlices, ListOptions(labelSelector: ours), client: context.client, logger: context.logger
        ) { PlannedSlice($0) }
    }

    package func run() async throws {
        services.report(to: feed)
        nodes.report(to: feed)
        slices.report(to: feed)
        context.cluster.pods.report(to: feed)
        let loop = ControllerLoop<ObjectKey>(
            ControllerLoop.Plan(
                name: "endpoint slices",
                waitForSync: {
                    await self.services.waitForSync()
                    await self.nodes.waitForSync()
                    await self.slices.waitForSync()
                    await self.context.cluster.pods.waitForSync()
                },
                keys: { self.keys($0) },
                allKeys: {
                    self.indexSlices()
                    self.seeNodes()
                    return Array(Set(self.services.cache.keys + self.slices.cache.items.map(\.serviceKey)))
                },
                work: { try await self.reconcile($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.services.run() }
            group.addTask { try await self.nodes.run() }
            group.addTask { try await self.slices.run() }
            group.addTask { try await loop.run() }
        }
    }

    /// Services whose slices a change concerns: of a pod those that it left and those that it joined, and all that have
    /// it where their slices tell of what changed.
    func keys(_ notice: ChangeNotice) -> [ObjectKey] {
        let isOfAll = !notice.everything.isEmpty || hasOtherNodes(notice)
        var keys = notice.names[.services] ?? []
        var pods = notice.names[.pods] ?? []
        if isOfAll {
            keys.formUnion(services.cache.keys)
            index.withLock { index in
                keys.formUnion(index.services)
                pods.formUnion(index.pods)
            }
            indexSlices()
        }
        for key in keys { index.withLock { $0.update(key, services.get(key)) } }
        for key in pods {
            index.withLock { keys.formUnion($0.see(key, context.cluster.pods.get(key))) }
        }
        for key in notice.names[.endpointSlices] ?? [] {
            let service = slices.get(key)?.serviceKey
            keys.formUnion(written.withLock { $0.see(key, of: service) })
        }
        return Array(keys)
    }

    /// Whether slices tell of what changed in these Nodes: each reports its status all the time.
    private func hasOtherNodes(_ notice: ChangeNotice) -> Bool {
        seenNodes.withLock { seen in
            let nodes = nodes.cache
            var keys = notice.names[.nodes] ?? []
            if notice.everything.contains(.nodes) { keys.formUnion(nodes.keys + seen.keys) }
            var isOther = false
            for key in keys where seen[key] != nodes[key] {
                seen[key] = nodes[key]
                isOther = true
            }
            return isOther
        }
    }

    /// Sees every Node, whatever a notice names: all Services are to be looked at.
    private func seeNodes() {
        seenNodes.withLock { seen in
            seen = Dictionary(uniqueKeysWithValues: nodes.cache.items.map { (ObjectKey("", $0.name), $0) })
        }
    }

    /// Files every slice in the cache under its Service.
    private func indexSlices() {
        let cached = slices.cache.items.map { ($0.key, $0.serviceKey) }
        written.withLock { written in for (key, service) in cached { _ = written.see(key, of: service) } }
    }

    private func reconcile(_ key: ObjectKey) async throws -> Duration? {
        guard let service = services.get(key), service.isManaged else {
            // A Service that is gone takes its slices along by ownership; one that lost its selector keeps them.
            return nil
        }
        let version = slices.cache.resourceVersion
        let existing = written.withLock { written in
            written.slices(of: key, reflecting: version) { self.slices.get($0) }
        }
        let pods = index.withLock { index in
            let pods = context.cluster.pods.items(in: key.namespace).filter(service.matches)
            index.select(pods, by: key)
            return pods
        }
        let reconciliation = SliceReconciliation(service: service, nodes: seenNodes.withLock { Array($0.values) })
        let changes = reconciliation.changes(pods: pods.sorted { $0.key < $1.key }, existing: existing)
        if try await write(changes, of: service) { return .zero }
        return changes.skipped.isEmpty ? nil : .seconds(1)
    }

    /// Answers whether a new slice is gone already: what told of its end came before anybody knew whose it was.
    private func write(_ changes: SliceReconciliation.Changes, of service: SliceService)
        async throws(APIError) -> Bool
    {
        let name = service.key.name
        var isGone = false
        for slice in changes.create {
            let reference = ObjectReference(.endpointSlices, namespace: slice.namespace, name: "")
            do throws(APIError) {
                let object = try await context.client.create(
                    reference, subresource: "", slice.object(serviceName: name))
                let made = PlannedSlice(object)
                written.withLock { $0.record(made) }
                let (seen, version) = (Int64(slices.cache.resourceVersion) ?? 0, Int64(made.resourceVersion) ?? 0)
                isGone = isGone || (seen >= version && slices.get(made.key) == nil)
            } catch  where error.code == 403 || error.isNotFound {
                // The namespace is going.
                return false
            }
        }
        for slice in changes.update {
            let reference = ObjectReference(.endpointSlices, namespace: slice.namespace, name: slice.name)
            let object = try await context.client.update(
                reference, subresource: "", slice.object(serviceName: name))
            written.withLock { $0.record(PlannedSlice(object)) }
        }
        for slice in changes.delete {
            let reference = ObjectReference(.endpointSlices, namespace: slice.namespace, name: slice.name)
            try await context.client.deleteIfPresent(reference, uid: "")
            written.withLock { $0.recordDeletion(slice.key) }
        }
        return isGone
    }
}

extension PlannedSlice {
    var serviceKey: ObjectKey { ObjectKey(namespace, labels[Self.serviceNameLabel] ?? "") }
}
