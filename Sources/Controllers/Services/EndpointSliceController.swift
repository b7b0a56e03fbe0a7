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

    /// Services whose slices a change may concern: of a pod those that select it now, and those that had it.
    private func keys(_ notice: ChangeNotice) -> [ObjectKey] {
        if !notice.everything.isEmpty || notice.concerns(.nodes) {
            for key in services.cache.keys { index.withLock { $0.update(key, services.get(key)) } }
            indexSlices()
            return services.cache.keys
        }
        var keys: Set<ObjectKey> = notice.names[.services] ?? []
        for key in keys { index.withLock { $0.update(key, services.get(key)) } }
        for key in notice.names[.pods] ?? [] {
            let pod = context.cluster.pods.get(key)
            index.withLock { keys.formUnion($0.services(for: key, labels: pod?.metadata.labels)) }
        }
        for key in notice.names[.endpointSlices] ?? [] {
            let service = slices.get(key)?.serviceKey
            keys.formUnion(written.withLock { $0.see(key, of: service) })
        }
        return Array(keys)
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
        let pods = context.cluster.pods.items(in: key.namespace).filter(service.matches)
        index.withLock { $0.select(pods.map(\.key), by: key) }
        let reconciliation = SliceReconciliation(service: service, nodes: Array(nodes.cache.items))
        let changes = reconciliation.changes(pods: pods.sorted { $0.key < $1.key }, existing: existing)
        try await write(changes, of: service)
        return changes.skipped.isEmpty ? nil : .seconds(1)
    }

    private func write(_ changes: SliceReconciliation.Changes, of service: SliceService) async throws(APIError) {
        let name = service.key.name
        for slice in changes.create {
            let reference = ObjectReference(.endpointSlices, namespace: slice.namespace, name: "")
            do throws(APIError) {
                let object = try await context.client.create(
                    reference, subresource: "", slice.object(serviceName: name))
                written.withLock { $0.record(PlannedSlice(object)) }
            } catch  where error.code == 403 || error.isNotFound {
                // The namespace is going.
                return
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
    }
}

extension PlannedSlice {
    var serviceKey: ObjectKey { ObjectKey(namespace, labels[Self.serviceNameLabel] ?? "") }
}

/// Which slices a Service has, and what of them was written and may not be in the cache yet: without that a second look
/// would write the same once more. A Service's slices are found without looking at those of others.
struct WrittenSlices {
    /// Which Service a slice belonged to when it was last seen, and the other way round.
    private var serviceOfSlice: [ObjectKey: ObjectKey] = [:]
    private var slicesOfService: [ObjectKey: Set<ObjectKey>] = [:]
    private var written: [ObjectKey: PlannedSlice] = [:]
    private var deleted: Set<ObjectKey> = []

    /// A slice is seen with this Service, or is gone from the cache (nil). Answers whom it concerns: who has it now, or
    /// else who had it.
    mutating func see(_ slice: ObjectKey, of service: ObjectKey?) -> [ObjectKey] {
        let former = serviceOfSlice[slice]
        if former != service { file(slice, under: service) }
        return (service ?? former).map { [$0] } ?? []
    }

    private mutating func file(_ slice: ObjectKey, under service: ObjectKey?) {
        if let former = serviceOfSlice[slice] {
            slicesOfService[former]?.remove(slice)
            if slicesOfService[former]?.isEmpty == true { slicesOfService[former] = nil }
        }
        serviceOfSlice[slice] = service
        if let service { slicesOfService[service, default: []].insert(slice) }
    }

    mutating func record(_ slice: PlannedSlice) {
        written[slice.key] = slice
        // It may be deleted before the cache ever shows it: whose it was has to be known then.
        file(slice.key, under: slice.serviceKey)
    }

    mutating func recordDeletion(_ key: ObjectKey) {
        written[key] = nil
        deleted.insert(key)
    }

    /// A Service's slices in order of their names: the cached ones with what was written since. `version` is how far
    /// the cache has come, at the least.
    mutating func slices(
        of service: ObjectKey, reflecting version: String, cached: (ObjectKey) -> PlannedSlice?
    ) -> [PlannedSlice] {
        if let reached = Int64(version) {
            written = written.filter { Int64($0.value.resourceVersion) ?? 0 > reached }
        }
        var result: [PlannedSlice] = []
        for key in slicesOfService[service] ?? [] {
            guard let slice = cached(key) else {
                deleted.remove(key)
                if let fresh = written[key] { result.append(fresh) }
                continue
            }
            if deleted.contains(key) { continue }
            let shown = written[key] ?? slice
            if shown.serviceKey == service { result.append(shown) }
        }
        return result.sorted { $0.name < $1.name }
    }
}

/// Finds the Services that select a pod without looking at all of them: each selector is filed under one of its pairs.
struct SelectorIndex {
    private struct Pair: Hashable {
        let namespace: String
        let name: String
        let value: String
    }

    private var services: [Pair: [ObjectKey: [String: String]]] = [:]
    private var pairs: [ObjectKey: Pair] = [:]
    /// Who has the pod in its slices.
    private var holders: [ObjectKey: Set<ObjectKey>] = [:]
    private var held: [ObjectKey: Set<ObjectKey>] = [:]

    mutating func update(_ key: ObjectKey, _ service: SliceService?) {
        if let pair = pairs.removeValue(forKey: key) {
            services[pair]?[key] = nil
            if services[pair]?.isEmpty == true { services[pair] = nil }
        }
        guard let service, let first = service.selector.min(by: { $0.key < $1.key }) else {
            select([], by: key)
            return
        }
        let pair = Pair(namespace: key.namespace, name: first.key, value: first.value)
        pairs[key] = pair
        services[pair, default: [:]][key] = service.selector
    }

    /// Remembers which pods a Service has.
    mutating func select(_ pods: [ObjectKey], by service: ObjectKey) {
        for pod in held[service] ?? [] {
            holders[pod]?.remove(service)
            if holders[pod]?.isEmpty == true { holders[pod] = nil }
        }
        held[service] = pods.isEmpty ? nil : Set(pods)
        for pod in pods { holders[pod, default: []].insert(service) }
    }

    /// Services that have the pod, and those that select these labels.
    func services(for pod: ObjectKey, labels: [String: String]?) -> Set<ObjectKey> {
        var found = holders[pod] ?? []
        for (name, value) in labels ?? [:] {
            for (service, selector) in services[Pair(namespace: pod.namespace, name: name, value: value)] ?? [:]
            where selector.allSatisfy({ labels?[$0.key] == $0.value }) {
                found.insert(service)
            }
        }
        return found
    }
}
