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

    /// Writes what is not written yet. False where a write failed.
    private func report(_ written: inout [String: PolicyCondition]) async throws -> Bool {
        let policies = informers.snapshot().clusterNetworkPolicies
        var isComplete = true
        let present = Set(policies.items.map(\.metadata.uid))
        written = written.filter { present.contains($0.key) }
        for policy in policies.items {
            // Of a version that cannot be read `status.conditions` may be what cannot be read.
            if policies.faults[policy.key] != nil { continue }
            guard let wanted = await engine.condition(of: policy, nodeName: nodeName) else { continue }
            if policy.condition == wanted || written[policy.metadata.uid] == wanted { continue }
            do {
                _ = try await client.patch(
                    ObjectReference(.clusterNetworkPolicies, name: policy.key.name), subresource: "status",
                    type: .apply,
                    fieldManager: Self.fieldManager, force: true, body(policy.key.name, wanted))
                written[policy.metadata.uid] = wanted
            } catch {
                try Task.checkCancellation()
                if error.isNotFound { continue }
                logger.warning(
                    "a policy's status was not written", metadata: ["policy": "\(policy.key)", "why": "\(error)"])
                isComplete = false
            }
        }
        return isComplete
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
