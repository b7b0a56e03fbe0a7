import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle
import Synchronization

/// Binds pods to nodes, one after the other, by node selector and affinity, taints, host ports, room for CPU, memory
/// and pods. What finds no node gets a condition and an Event, and is looked at again when a node or a pod changes.
package final class Scheduler: ServiceLifecycle.Service, Sendable {
    package static let schedulerName = "default-scheduler"

    private let context: ControllerContext
    private let pods: Informer<SchedulingPod>
    private let nodes: Informer<SchedulingNode>
    private let events: EventRecorder
    private let feed = ChangeFeed()
    /// Bound by us, and not seen bound in the cache yet: the node, by the uid of the pod, as its name may be another
    /// pod's by now.
    private let assumed = Mutex<[String: String]>([:])
    /// Pods that wait for a node, as of the last notice.
    private let waiting = Mutex<Set<ObjectKey>>([])

    package init(_ context: ControllerContext) {
        self.context = context
        pods = Informer(.pods, client: context.client, logger: context.logger) { SchedulingPod($0) }
        nodes = Informer(.nodes, client: context.client, logger: context.logger) { SchedulingNode($0) }
        events = EventRecorder(client: context.client, clock: context.clock, component: Self.schedulerName)
    }

    package func run() async throws {
        pods.report(to: feed)
        nodes.report(to: feed)
        let loop = ControllerLoop<ObjectKey>(
            ControllerLoop.Plan(
                name: "scheduler",
                waitForSync: {
                    await self.pods.waitForSync()
                    await self.nodes.waitForSync()
                },
                keys: { self.keys($0) }, allKeys: { self.allWaiting() }, work: { try await self.schedule($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.pods.run() }
            group.addTask { try await self.nodes.run() }
            group.addTask { try await loop.run() }
        }
    }

    private func allWaiting() -> [ObjectKey] {
        let found = pods.cache.items.filter { $0.waits }.map { $0.key }
        waiting.withLock { $0 = Set(found) }
        return found
    }

    /// A pod that leaves or a node that changes may make room for any pod that waits.
    private func keys(_ notice: ChangeNotice) -> [ObjectKey] {
        guard notice.everything.isEmpty else { return allWaiting() }
        let changed = notice.names[.pods] ?? []
        var makesRoom = notice.concerns(.nodes)
        return waiting.withLock { waiting in
            for key in changed {
                let pod = pods.get(key)
                if pod?.isFinished ?? true { makesRoom = true }
                if pod?.waits ?? false { waiting.insert(key) } else { waiting.remove(key) }
            }
            return makesRoom ? Array(waiting) : changed.filter(waiting.contains)
        }
    }

    private func schedule(_ key: ObjectKey) async throws -> Duration? {
        // One cache for all that follows: an assumption is dropped only where the same cache shows the pod bound, or
        // its room would be given twice.
        let cache = pods.cache
        guard let pod = cache[key], let wish = pod.wish, wish.schedulerName == Self.schedulerName else { return nil }
        let pending = assumed.withLock { assumed in
            if !assumed.isEmpty {
                let waiting = Set(cache.items.lazy.filter(\.waits).map(\.uid))
                assumed = assumed.filter { waiting.contains($0.key) }
            }
            return assumed
        }
        guard pending[pod.uid] == nil else { return nil }
        let bound = cache.items.map { pod in pending[pod.uid].map { SchedulingPod(pod, boundTo: $0) } ?? pod }
        switch Scheduling(nodes: Array(nodes.cache.items), bound: bound).decide(pod) {
        case .bind(let node): try await bind(pod, to: node)
        case .unschedulable(let message) where message != wish.reportedMessage: try await refuse(key, message)
        case .unschedulable: break
        }
        return nil
    }

    private func bind(_ pod: SchedulingPod, to node: String) async throws(APIError) {
        let key = pod.key
        let reference = ObjectReference(.pods, namespace: key.namespace, name: key.name)
        let object: JSONValue
        do throws(APIError) {
            object = try await context.client.get(reference, subresource: "")
            guard (object[path: "spec", "nodeName"]?.string ?? "").isEmpty else { return }
            _ = try await context.client.create(
                reference, subresource: "binding",
                [
                    "apiVersion": "v1", "kind": "Binding",
                    "metadata": .members([
                        "name": .string(key.name), "namespace": .string(key.namespace),
                        "uid": .nonEmpty(pod.uid),
                    ]),
                    "target": ["apiVersion": "v1", "kind": "Node", "name": .string(node)],
                ])
        } catch  where error.isNotFound {
            return
        }
        assumed.withLock { $0[pod.uid] = node }
        await events.record(
            object, isWarning: false, reason: "Scheduled", "Successfully assigned \(key) to \(node)")
    }

    private func refuse(_ key: ObjectKey, _ message: String) async throws(APIError) {
        let reference = ObjectReference(.pods, namespace: key.namespace, name: key.name)
        do throws(APIError) {
            let object = try await context.client.get(reference, subresource: "")
            var conditions = object[path: "status", "conditions"]?.array ?? []
            conditions.removeAll { $0["type"]?.string == "PodScheduled" }
            conditions.append([
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": .string(message),
                "lastTransitionTime": .string(context.clock.timestamp),
            ])
            _ = try await context.client.mergePatch(
                reference, subresource: "status", ["status": ["conditions": .array(conditions)]])
            await events.record(object, isWarning: true, reason: "FailedScheduling", message)
        } catch  where error.isNotFound {
            return
        }
    }
}
