import APIClient
import Flows
import Informers
import JSONText
import KubeObjects
import Logging
import PolicyCompiler

/// Says in the status of each ClusterNetworkPolicy whether this node enforces it (condition `Enforced`): one write for
/// each change of the answer, none because of its own.
struct ClusterPolicyReporter {
    static let fieldManager = "martlet-agent"
    static let retryInterval = Duration.seconds(1)

    let client: any APIClient
    let engine: Engine
    let informers: ClusterInformers
    let nodeName: String
    let logger: Logger

    /// Looks again for each signal, until the stream ends or the task is cancelled.
    func run(_ signals: AsyncStream<Void>) async throws {
        // By uid: another policy may come by the name.
        var written: [String: PolicyCondition] = [:]
        for await _ in signals {
            while try await !report(&written) { try await Task.sleep(for: Self.retryInterval) }
        }
    }

    /// What is to be said of one policy.
    private struct Report {
        let name: String
        let uid: String
        /// What its status says now.
        let present: PolicyCondition?
        let wanted: PolicyCondition
    }

    /// Writes what is not written yet. False where a write failed.
    private func report(_ written: inout [String: PolicyCondition]) async throws -> Bool {
        let snapshot = informers.snapshot()
        let policies = snapshot.clusterNetworkPolicies
        var reports: [Report] = []
        for policy in policies.items where policies.faults[policy.key] == nil {
            guard let wanted = await engine.condition(of: policy, nodeName: nodeName) else { continue }
            reports.append(
                Report(
                    name: policy.key.name, uid: policy.metadata.uid, present: policy.condition, wanted: wanted))
        }
        var isComplete = true
        for fault in snapshot.faults where fault.resource == .clusterNetworkPolicies {
            do {
                let object = try await client.get(
                    ObjectReference(.clusterNetworkPolicies, name: fault.key.name), subresource: "")
                reports.append(unreadable(object, fault))
            } catch {
                try Task.checkCancellation()
                if !error.isNotFound { isComplete = false }
            }
        }
        let present = Set(policies.items.map(\.metadata.uid) + reports.map(\.uid))
        written = written.filter { present.contains($0.key) }
        for report in reports where report.present != report.wanted && written[report.uid] != report.wanted {
            do {
                _ = try await client.patch(
                    ObjectReference(.clusterNetworkPolicies, name: report.name), subresource: "status",
                    type: .apply, fieldManager: Self.fieldManager, force: true, body(report.name, report.wanted))
                written[report.uid] = report.wanted
            } catch {
                try Task.checkCancellation()
                if error.isNotFound { continue }
                logger.warning(
                    "a policy's status was not written", metadata: ["policy": "\(report.name)", "why": "\(error)"])
                isComplete = false
            }
        }
        return isComplete
    }

    /// Of a version that cannot be read. What the cache has is another one, or stands in for it.
    private func unreadable(_ object: JSONValue, _ fault: ClusterSnapshot.Fault) -> Report {
        let metadata = object["metadata"]
        let wanted = PolicyCondition(
            isTrue: false, reason: "Unreadable", message: "node \(nodeName): \(fault.reason); \(fault.instead)",
            generation: metadata?["generation"]?.integer ?? 0)
        return Report(
            name: fault.key.name, uid: metadata?["uid"]?.string ?? "",
            present: try? PolicyCondition(status: FieldReader(object)["status"]), wanted: wanted)
    }

    private func body(_ name: String, _ condition: PolicyCondition) -> JSONValue {
        let now = TimeText.seconds(unixNanoseconds: UInt64(SystemClock.unixNanoseconds))
        return [
            "apiVersion": .string(APIResource.clusterNetworkPolicies.apiVersion),
            "kind": .string(APIResource.clusterNetworkPolicies.kind), "metadata": ["name": .string(name)],
            "status": ["conditions": [condition.json(time: now)]],
        ]
    }
}

extension Engine {
    /// What is to be said of a policy; nil while the newest version of it is on its way into the kernel.
    func condition(of policy: ClusterNetworkPolicy, nodeName: String) -> PolicyCondition? {
        if policy.metadata.isDryRun {
            return PolicyCondition(
                isTrue: false, reason: "DryRun", message: "node \(nodeName): judged beside the others, not enforced",
                generation: policy.generation)
        }
        switch standing(of: policy.key, version: policy.metadata.resourceVersion) {
        case .underWay: return nil
        case .refused(let reason):
            return PolicyCondition(
                isTrue: false, reason: "NotEnforceable", message: "node \(nodeName): \(reason)",
                generation: policy.generation)
        case .inForce:
            return PolicyCondition(
                isTrue: true, reason: "InForce", message: "in force on node \(nodeName)",
                generation: policy.generation)
        }
    }
}
