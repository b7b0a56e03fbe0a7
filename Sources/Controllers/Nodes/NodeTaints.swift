import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Keeps pods off nodes that cannot run them: sets and takes off the taints that stand for a node's condition and for
/// being cordoned. A new node comes with "not ready", and is free of it once it reports that it is; one that is silent
/// is "unreachable". Nothing is evicted: no taint has the effect NoExecute.
package final class NodeTaints: ServiceLifecycle.Service, Sendable {
    static let notReady = "node.kubernetes.io/not-ready"
    static let unreachable = "node.kubernetes.io/unreachable"
    static let unschedulable = "node.kubernetes.io/unschedulable"

    /// What decides on a node's taints.
    struct State: Hashable, Sendable {
        /// Of the condition Ready; nil where the node has none.
        let readiness: String?
        let isUnschedulable: Bool
        let taints: [JSONValue]

        init(_ object: JSONValue) {
            let conditions = object[path: "status", "conditions"]?.array ?? []
            readiness = conditions.first { $0["type"]?.string == "Ready" }?["status"]?.string
            isUnschedulable = object[path: "spec", "unschedulable"]?.bool ?? false
            taints = object[path: "spec", "taints"]?.array ?? []
        }

        /// Taints of others stay as they are; ours are there where their reason is.
        func wanted(now: String) -> [JSONValue] {
            let ours = [
                (key: NodeTaints.notReady, isDue: readiness != "True" && readiness != "Unknown"),
                (key: NodeTaints.unreachable, isDue: readiness == "Unknown"),
                (key: NodeTaints.unschedulable, isDue: isUnschedulable),
            ]
            var wanted = taints.filter { taint in ours.first { $0.key == taint["key"]?.string }?.isDue ?? true }
            for (key, isDue) in ours
            where isDue && !wanted.contains(where: { $0["key"]?.string == key && $0["effect"] == "NoSchedule" }) {
                wanted.append(["key": .string(key), "effect": "NoSchedule", "timeAdded": .string(now)])
            }
            return wanted
        }
    }

    private let context: ControllerContext
    private let nodes: Informer<State>
    private let feed = ChangeFeed()

    package init(_ context: ControllerContext) {
        self.context = context
        nodes = Informer(.nodes, client: context.client, logger: context.logger) { State($0) }
    }

    package func run() async throws {
        nodes.report(to: feed)
        let loop = ControllerLoop<ObjectKey>(
            ControllerLoop.Plan(
                name: "node taints", waitForSync: { await self.nodes.waitForSync() },
                keys: { Array($0.names[.nodes] ?? []) }, allKeys: { self.nodes.cache.keys },
                work: { try await self.adjust($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.nodes.run() }
            group.addTask { try await loop.run() }
        }
    }

    private func adjust(_ key: ObjectKey) async throws(APIError) -> Duration? {
        let now = context.clock.timestamp
        guard let known = nodes.get(key), known.wanted(now: now) != known.taints else { return nil }
        let reference = ObjectReference(.nodes, name: key.name)
        do throws(APIError) {
            let object = try await context.client.get(reference, subresource: "")
            let state = State(object)
            let wanted = state.wanted(now: now)
            guard wanted != state.taints else { return nil }
            let patch: JSONValue = [
                "metadata": ["resourceVersion": object[path: "metadata", "resourceVersion"] ?? .null],
                "spec": ["taints": wanted.isEmpty ? .null : .array(wanted)],
            ]
            _ = try await context.client.mergePatch(reference, patch)
        } catch {
            guard error.isNotFound else { throw error }
        }
        return nil
    }
}
