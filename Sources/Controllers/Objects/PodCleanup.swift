import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Removes pods that nobody else will: those bound to a node that is gone, those that are being deleted and were never
/// bound, and the oldest finished ones above a limit.
package final class PodCleanup: ServiceLifecycle.Service, Sendable {
    package static let finishedPodsMax = 12_500
    /// A node that was replaced comes back within this time.
    static let missingNodeGrace = Duration.seconds(40)
    static let interval = Duration.seconds(20)

    private let context: ControllerContext
    private let finishedMax: Int

    package init(_ context: ControllerContext, finishedMax: Int = PodCleanup.finishedPodsMax) {
        self.context = context
        self.finishedMax = finishedMax
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        await context.cluster.pods.waitForSync()
        await context.cluster.nodes.waitForSync()
        var missingSince: [String: Duration] = [:]
        while !Task.isCancelled {
            do throws(APIError) {
                try await clean(&missingSince)
            } catch {
                context.logger.info("pods could not be cleaned up", metadata: ["error": "\(error.message)"])
            }
            do { try await context.clock.sleep(Self.interval) } catch { return }
        }
    }

    private func clean(_ missingSince: inout [String: Duration]) async throws(APIError) {
        let (unbound, missing, finished) = await look()
        let now = context.clock.now()
        missingSince = missingSince.filter { missing[$0.key] != nil }
        for node in missing.keys where missingSince[node] == nil { missingSince[node] = now }
        for (node, since) in missingSince where now - since >= Self.missingNodeGrace {
            guard try await isGone(node) else { continue }
            for pod in missing[node] ?? [] { try await remove(pod) }
        }
        for pod in unbound { try await remove(pod) }
        guard finished.count > finishedMax else { return }
        let oldestFirst = finished.sorted {
            (Int64($0.metadata.resourceVersion) ?? 0, $0.key) < (Int64($1.metadata.resourceVersion) ?? 0, $1.key)
        }
        for pod in oldestFirst.prefix(finished.count - finishedMax) { try await remove(pod) }
    }

    /// Looks at all pods once, a namespace at a time: whatever else the daemon does goes on in between, and no state of
    /// the cache is held over it, of which a change would have to make a copy.
    private func look() async -> (unbound: [Pod], ofMissingNodes: [String: [Pod]], finished: [Pod]) {
        let nodes = Set(context.cluster.nodes.cache.items.map(\.name))
        var found: (unbound: [Pod], ofMissingNodes: [String: [Pod]], finished: [Pod]) = ([], [:], [])
        for namespace in context.cluster.pods.cache.namespaceNames {
            // Of the cache's state, not within its lock.
            for pod in context.cluster.pods.cache.items(in: namespace) {
                if pod.nodeName.isEmpty {
                    if pod.metadata.isDeleting { found.unbound.append(pod) }
                } else if !nodes.contains(pod.nodeName) {
                    found.ofMissingNodes[pod.nodeName, default: []].append(pod)
                }
                if pod.phase.isTerminal, !pod.metadata.isDeleting { found.finished.append(pod) }
            }
            await Task.yield()
        }
        return found
    }

    private func isGone(_ node: String) async throws(APIError) -> Bool {
        do throws(APIError) {
            _ = try await context.client.get(ObjectReference(.nodes, name: node), subresource: "")
            return false
        } catch {
            guard error.isNotFound else { throw error }
            return true
        }
    }

    /// At once, without a grace period: there is nobody who would wait for the containers.
    private func remove(_ pod: Pod) async throws(APIError) {
        let options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
            "preconditions": ["uid": .string(pod.metadata.uid)],
        ]
        let reference = ObjectReference(.pods, namespace: pod.metadata.namespace, name: pod.metadata.name)
        do throws(APIError) {
            _ = try await context.client.delete(reference, options: options)
        } catch {
            guard error.isNotFound || error.isConflict else { throw error }
        }
    }
}
