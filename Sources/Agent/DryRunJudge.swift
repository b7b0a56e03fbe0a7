import Flows
import Informers
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler

/// Judges new flows by the policies in force and once more with the dry runs among them (`docs/decisions/0008`).
struct DryRunJudge {
    /// What the evaluators were made of: looked at again when one of these changes.
    struct Versions: Hashable {
        let all: [String]

        init(_ snapshot: ClusterSnapshot) {
            all = [
                snapshot.networkPolicies.resourceVersion, snapshot.clusterNetworkPolicies.resourceVersion,
                snapshot.namespaces.resourceVersion, snapshot.nodes.resourceVersion,
            ]
        }
    }

    let versions: Versions
    private let pods: InformerCache<Pod>
    /// Nil where no policy is a dry run.
    private let sets: (inForce: PolicyEvaluator, tried: PolicyEvaluator)?

    init(_ snapshot: ClusterSnapshot, podCIDRs: [CIDR], nodeAddresses: [IPAddress]) {
        versions = Versions(snapshot)
        pods = snapshot.pods
        let policies = Array(snapshot.networkPolicies.items)
        let cluster = Array(snapshot.clusterNetworkPolicies.items)
        let hasDryRun =
            policies.contains { $0.metadata.isDryRun } || cluster.contains { $0.metadata.isDryRun }
        guard hasDryRun else {
            sets = nil
            return
        }
        let namespaces = Dictionary(
            snapshot.namespaces.items.map { ($0.name, $0.metadata.labels) }, uniquingKeysWith: { $1 })
        func evaluator(_ isTaken: (ObjectMeta) -> Bool) -> PolicyEvaluator {
            PolicyEvaluator(
                namespaces: namespaces, policies: policies.filter { isTaken($0.metadata) },
                clusterPolicies: cluster.filter { isTaken($0.metadata) }, nodes: Array(snapshot.nodes.items),
                podCIDRs: podCIDRs, nodeAddresses: nodeAddresses)
        }
        sets = (evaluator { !$0.isDryRun }, evaluator { _ in true })
    }

    private init(_ other: DryRunJudge, pods: InformerCache<Pod>) {
        versions = other.versions
        sets = other.sets
        self.pods = pods
    }

    /// This one with pods as they are now.
    func with(_ snapshot: ClusterSnapshot) -> DryRunJudge { DryRunJudge(self, pods: snapshot.pods) }

    /// Nil where the dry runs make no difference, and where the policies in force do not say what the kernel said: the
    /// flow is older than the objects.
    func trial(of record: FlowRecord) -> FlowTrial? {
        guard let sets else { return nil }
        let event = record.event
        let wasAllowed: Bool
        switch event.kind {
        case .flow: wasAllowed = true
        case .drop where event.reason == .policy: wasAllowed = false
        case .drop, .close, .reset: return nil
        }
        guard let source = end(event.source, record.sourcePod),
            let destination = end(event.destination, record.destinationPod)
        else { return nil }
        let flow = PolicyEvaluator.Flow(
            source: source, destination: destination, transport: event.transport, port: event.destination.port)
        guard sets.inForce.judge(flow).isAllowed == wasAllowed else { return nil }
        let tried = sets.tried.judge(flow)
        if tried.isAllowed == wasAllowed { return nil }
        return FlowTrial(wasAllowed ? .wouldDeny : .wouldAllow, by: Self.rule(tried))
    }

    private func end(_ end: FlowEvent.End, _ key: ObjectKey?) -> PolicyEvaluator.End? {
        guard let key else { return PolicyEvaluator.End(end.address) }
        return pods[key].map { PolicyEvaluator.End(end.address, pod: $0) }
    }

    /// Of a denied flow the side that denies; of an allowed one the side that a policy decides, the receiver's first.
    private static func rule(_ answer: PolicyEvaluator.Answer) -> FlowRule? {
        let sides: [(VerdictDirection, PolicyEvaluator.Decision)] = [
            (.egress, answer.egress.decision), (.ingress, answer.ingress.decision),
        ]
        let deciding = answer.isAllowed ? sides.reversed() : sides.filter { !$0.1.isAllowed }
        for (direction, decision) in deciding {
            let (policy, index): (ObjectKey?, Int?) =
                switch decision {
                case .itself, .ownNode, .notIsolated: (nil, nil)
                case .allowed(let policy, let rule), .denied(let policy, let rule): (policy, rule)
                case .isolated(let policies): (policies.first, nil)
                case .unknownPeer(let policy): (policy, nil)
                case .closed: (nil, nil)
                }
            guard let policy else { continue }
            let kind = policy.namespace.isEmpty ? "ClusterNetworkPolicy" : "NetworkPolicy"
            return FlowRule(policy: policy, kind: kind, direction: direction, index: index)
        }
        return nil
    }
}
