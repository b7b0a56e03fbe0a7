import APIClient
import DaemonAPI
import Informers
import JSONText
import KubeObjects
import PolicyCompiler
import Reconcile

/// `wait`: answers when a policy, or everything up to a revision, is in force on every Ready node.
///
/// This node is asked itself. What another node enforces is what its NodeDataplane says.
extension LocalRequests {
    private static let waitSecondsMax: Int64 = 50
    private static let lookInterval = Duration.milliseconds(5)
    /// Other nodes' NodeDataplanes change at most once a second.
    private static let otherNodesInterval = Duration.milliseconds(250)

    /// `policy` (`NAMESPACE/NAME`, or `NAME` of a ClusterNetworkPolicy) or `revision`; `timeoutSeconds`: at most 50.
    /// Answers `policy` and `version`, or `revision`; and `generation` (this node's), `nodes` (that enforce it) and
    /// `notReady` (nodes that were not waited for).
    func wait(_ params: JSONValue) async throws -> JSONValue {
        let seconds = min(params["timeoutSeconds"]?.integer ?? 30, Self.waitSecondsMax)
        let deadline = ContinuousClock.now + .seconds(seconds)
        if let revision = params["revision"]?.integer {
            return try await wait(forRevision: revision, deadline, seconds)
        }
        return try await wait(forPolicy: params["policy"]?.string ?? "", deadline, seconds)
    }

    private func wait(forRevision revision: Int64, _ deadline: ContinuousClock.Instant, _ seconds: Int64)
        async throws -> JSONValue
    {
        while await engine.provenRevision ?? 0 < revision {
            guard ContinuousClock.now < deadline else {
                let behind = await engine.enforcement.behind(revision).map(\.name).joined(separator: ", ")
                let reached = await engine.provenRevision ?? 0
                throw DaemonError(
                    .stateMismatch,
                    "after \(seconds) s what is in force is proven up to revision \(reached), not \(revision)"
                        + (behind.isEmpty ? "" : "; not that far: \(behind)"))
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        let missing = await engine.report(faults: informers.snapshot().faults).notEnforced.filter {
            NotEnforced.isMissing($0.resourceVersion, upTo: revision)
        }
        if let first = missing.first {
            throw DaemonError(
                .stateMismatch,
                "revision \(revision) is not in force: "
                    + NotEnforced.sentence(first.json, others: missing.count - 1))
        }
        // What other nodes report stands still while nothing that they read changes: the newest of that is enough.
        let wanted = min(revision, await engine.enforcement.reported ?? revision)
        let nodes = try await waitForOthers(wanted, of: .everything(upTo: revision), deadline)
        return [
            "revision": .integer(revision), "generation": .integer(Int64(await engine.planner.generation)),
            "nodes": .array(nodes.waited.map { .string($0) }),
            "notReady": .array(nodes.notReady.map { .string($0) }),
        ]
    }

    /// The version is read from the API first, so that a write that was acknowledged before is never taken for the one
    /// before it. A version that does not fit or cannot be read ends the wait at once.
    private func wait(forPolicy name: String, _ deadline: ContinuousClock.Instant, _ seconds: Int64) async throws
        -> JSONValue
    {
        let reference = try Self.policy(named: name)
        let key = ObjectKey(reference.namespace, reference.name)
        let wanted: String
        let isDryRun: Bool
        do {
            let object = try await client.get(reference, subresource: "")
            wanted = object[path: "metadata", "resourceVersion"]?.string ?? ""
            isDryRun = ObjectMeta.isDryRun(object)
        } catch {
            throw DaemonError(.notFound, "there is no policy \(key)", cause: error.message)
        }
        if isDryRun { throw DaemonError(.stateMismatch, "policy \(key) is a dry run: it is never in force") }
        var standing = PolicyStanding.underWay
        while standing != .inForce {
            if let fault = fault(of: reference), Engine.reaches(fault.resourceVersion, wanted) {
                throw DaemonError(
                    .stateMismatch, "policy \(key) cannot be read: \(fault.reason); \(fault.instead)")
            }
            standing = await engine.standing(of: key, version: wanted)
            if case .refused(let reason) = standing {
                throw DaemonError(.stateMismatch, "policy \(key) is not enforced: \(reason)")
            }
            if standing == .inForce { break }
            guard ContinuousClock.now < deadline else {
                let found = await engine.policy.version(of: key) ?? "none"
                throw DaemonError(
                    .stateMismatch,
                    "version \(wanted) of policy \(key) is not in force after \(seconds) s; compiled is \(found)")
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        let generation = await engine.planner.generation
        let nodes = try await waitForOthers(Int64(wanted) ?? 0, of: .policy(reference), deadline)
        return [
            "policy": .string(key.description), "version": .string(wanted), "generation": .integer(Int64(generation)),
            "nodes": .array(nodes.waited.map { .string($0) }),
            "notReady": .array(nodes.notReady.map { .string($0) }),
        ]
    }

    private func fault(of reference: ObjectReference) -> ClusterSnapshot.Fault? {
        let key = ObjectKey(reference.namespace, reference.name)
        return informers.snapshot().faults.first { $0.resource == reference.resource && $0.key == key }
    }

    /// `NAMESPACE/NAME` is a NetworkPolicy, `NAME` a ClusterNetworkPolicy.
    static func policy(named name: String) throws(DaemonError) -> ObjectReference {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), !parts.contains("") else {
            throw DaemonError(
                .invalidConfiguration,
                "a policy is named NAMESPACE/NAME, a ClusterNetworkPolicy NAME; \"\(name)\" is neither")
        }
        return parts.count == 2
            ? ObjectReference(.networkPolicies, namespace: parts[0], name: parts[1])
            : ObjectReference(.clusterNetworkPolicies, name: parts[0])
    }

    // MARK: Other nodes

    /// Returns when the NodeDataplane of every other Ready node reports the revision.
    private func waitForOthers(
        _ revision: Int64, of subject: WaitedNodes.Subject, _ deadline: ContinuousClock.Instant
    ) async throws -> WaitedNodes {
        while true {
            let nodes = Array(informers.nodes.cache.items)
            // A node that is alone asks nobody.
            let isAlone = nodes.allSatisfy { $0.name == configuration.nodeName || !$0.isReady }
            let reports = isAlone ? [] : try await client.list(.nodeDataplanes, ListOptions()).items
            let found = WaitedNodes(
                revision, of: subject, own: configuration.nodeName, nodes: nodes, reports: reports)
            if let refusal = found.refusal { throw DaemonError(.stateMismatch, refusal) }
            if found.behind.isEmpty { return found }
            guard ContinuousClock.now < deadline else {
                throw DaemonError(
                    .stateMismatch,
                    "revision \(revision) is in force here; not on \(found.behind.joined(separator: ", "))"
                        + (found.notReady.isEmpty
                            ? "" : "; not Ready, not waited for: \(found.notReady.joined(separator: ", "))"))
            }
            try await Task.sleep(for: Self.otherNodesInterval)
        }
    }
}
