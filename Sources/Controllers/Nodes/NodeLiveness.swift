import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle
import Synchronization

/// Says of a node that is silent that nobody knows how it is: neither its Lease nor its status has changed for
/// `NodeSigns.grace`, so its conditions become Unknown. A node that lives takes that back with its next report.
package final class NodeLiveness: ServiceLifecycle.Service, Sendable {
    /// What a node says of itself, and nobody else.
    private static let types = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]

    private struct State: Sendable {
        let heartbeat: String?
        let isUnknown: Bool

        init(_ object: JSONValue) {
            let ready = (object[path: "status", "conditions"]?.array ?? []).first { $0["type"]?.string == "Ready" }
            heartbeat = ready?["lastHeartbeatTime"]?.string
            isUnknown = ready?["status"]?.string == "Unknown"
        }
    }

    private let context: ControllerContext
    private let nodes: Informer<State>
    /// Times of renewal, by nodes' names.
    private let leases: Informer<String>
    private let events: EventRecorder
    private let feed = ChangeFeed()
    private let signs = Mutex(NodeSigns())

    package init(_ context: ControllerContext) {
        self.context = context
        nodes = Informer(.nodes, client: context.client, logger: context.logger) { State($0) }
        leases = Informer(
            .leases, ListOptions(namespace: NodeRegistration.leaseNamespace), client: context.client,
            logger: context.logger
        ) { Self.renewal($0) }
        events = EventRecorder(client: context.client, clock: context.clock, component: "node-controller")
    }

    /// Nodes that are listened for, by name.
    var known: [String] { signs.withLock { $0.known } }
    /// When a node was last heard of.
    func heard(_ name: String) -> Duration? { signs.withLock { $0.lastHeard(name) } }

    private static func renewal(_ lease: JSONValue) -> String? { lease[path: "spec", "renewTime"]?.string }

    package func run() async throws {
        nodes.report(to: feed)
        leases.report(to: feed)
        let loop = ControllerLoop<String>(
            ControllerLoop.Plan(
                name: "node liveness",
                waitForSync: {
                    await self.nodes.waitForSync()
                    await self.leases.waitForSync()
                },
                keys: { notice in notice.names.values.flatMap { $0.map(\.name) } },
                allKeys: { self.nodes.cache.keys.map(\.name) }, work: { try await self.look($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.nodes.run() }
            group.addTask { try await self.leases.run() }
            group.addTask { try await loop.run() }
        }
    }

    private func look(_ name: String) async throws(APIError) -> Duration? {
        guard let node = nodes.get(ObjectKey("", name)) else {
            signs.withLock { $0.forget(name) }
            return nil
        }
        let key = ObjectKey(NodeRegistration.leaseNamespace, name)
        if let rest = listen(name, renewed: leases.get(key), reported: node.heartbeat) { return rest }
        if node.isUnknown { return nil }
        do throws(APIError) {
            return try await giveUp(name)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    private func listen(_ name: String, renewed: String?, reported: String?) -> Duration? {
        let now = context.clock.now()
        return signs.withLock { $0.look(name, NodeSigns.Sign(renewed: renewed, reported: reported), now: now) }
    }

    /// Asks the API once more, for a watch may be behind, and writes.
    private func giveUp(_ name: String) async throws(APIError) -> Duration? {
        let reference = ObjectReference(.nodes, name: name)
        let object = try await context.client.get(reference, subresource: "")
        if let rest = listen(name, renewed: try await renewal(of: name), reported: State(object).heartbeat) {
            return rest
        }
        let patch: JSONValue = [
            "metadata": ["resourceVersion": object[path: "metadata", "resourceVersion"] ?? .null],
            "status": ["conditions": .array(conditions(object))],
        ]
        _ = try await context.client.mergePatch(reference, subresource: "status", patch)
        context.logger.warning("a node is silent", metadata: ["node": "\(name)"])
        await events.record(
            object, isWarning: false, reason: "NodeNotReady", "Node \(name) status is now: NodeNotReady")
        return nil
    }

    private func renewal(of name: String) async throws(APIError) -> String? {
        let lease = ObjectReference(.leases, namespace: NodeRegistration.leaseNamespace, name: name)
        do throws(APIError) {
            return Self.renewal(try await context.client.get(lease, subresource: ""))
        } catch  where error.isNotFound {
            return nil
        }
    }

    /// The node's own conditions as Unknown, with the words of Kubernetes; those of others as they are.
    private func conditions(_ node: JSONValue) -> [JSONValue] {
        let old = node[path: "status", "conditions"]?.array ?? []
        let now = JSONValue.string(context.clock.timestamp)
        let unknown = Self.types.map { type -> JSONValue in
            let before = old.first { $0["type"]?.string == type }
            if let before, before["status"]?.string == "Unknown" { return before }
            return [
                "type": .string(type), "status": "Unknown",
                "reason": before == nil ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
                "message": before == nil
                    ? "Kubelet never posted node status." : "Kubelet stopped posting node status.",
                "lastHeartbeatTime": before?["lastHeartbeatTime"] ?? node[path: "metadata", "creationTimestamp"] ?? now,
                "lastTransitionTime": now,
            ]
        }
        return old.filter { !Self.types.contains($0["type"]?.string ?? "") } + unknown
    }
}
