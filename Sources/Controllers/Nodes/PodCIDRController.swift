import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import NetTypes
import ServiceLifecycle

/// Gives each Node that has none its pod blocks. A Node keeps what it has: the field cannot change.
package final class PodCIDRController: ServiceLifecycle.Service, Sendable {
    private let context: ControllerContext
    private let allocation: PodCIDRAllocation
    private let events: EventRecorder
    private let feed = ChangeFeed()

    package init(_ context: ControllerContext, allocation: PodCIDRAllocation) {
        self.context = context
        self.allocation = allocation
        events = EventRecorder(client: context.client, clock: context.clock, component: "node-ipam-controller")
    }

    package func run() async throws {
        let nodes = context.cluster.nodes
        nodes.report(to: feed)
        let loop = ControllerLoop<ObjectKey>(
            ControllerLoop.Plan(
                name: "pod blocks", waitForSync: { await nodes.waitForSync() },
                keys: { Array($0.names[.nodes] ?? []) }, allKeys: { nodes.cache.keys },
                work: { try await self.assign($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await loop.run()
    }

    private func assign(_ key: ObjectKey) async throws -> Duration? {
        guard let node = context.cluster.nodes.get(key), node.podCIDRs.isEmpty else { return nil }
        // From the API, not the cache: two nodes must not get one block because a watch is behind.
        let list = try await context.client.list(.nodes, ListOptions())
        let nodes = list.items.compactMap { try? Node($0) }
        guard let present = nodes.first(where: { $0.name == node.name }), present.podCIDRs.isEmpty else { return nil }
        let reference = ObjectReference(.nodes, name: node.name)
        guard let blocks = allocation.allocate(used: nodes.flatMap(\.podCIDRs)), let first = blocks.first else {
            if !allocation.clusterCIDRs.isEmpty {
                let object = try await context.client.get(reference, subresource: "")
                await events.record(
                    object, isWarning: true, reason: "CIDRNotAvailable",
                    "no pod block is free in \(allocation.clusterCIDRs.map(\.description).joined(separator: ", "))")
            }
            return .seconds(30)
        }
        _ = try await context.client.mergePatch(
            reference,
            ["spec": ["podCIDR": .string("\(first)"), "podCIDRs": .strings(blocks.map(\.description))]])
        return nil
    }
}
