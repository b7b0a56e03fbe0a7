package import KubeObjects
package import MapLayout
package import NetTypes

/// The direct reading of the API, and so the oracle of the compiler, with which it shares nothing but the parsed
/// objects: it looks at one packet, goes through the policies one after the other, and says what decided.
package struct PolicyEvaluator: Sendable {
    /// Labels by name.
    package var namespaces: [String: [String: String]]
    /// By key.
    package let policies: [NetworkPolicy]
    /// In the order in which they are asked.
    package let clusterPolicies: [ClusterNetworkPolicy]
    package var nodes: [Node]
    /// Where pods of the cluster get their addresses: an address in there that is no pod's is a pod not known yet.
    package var podCIDRs: [CIDR]
    /// Of the node whose kernel is asked: it and its pods always reach each other.
    package var nodeAddresses: [IPAddress]
    /// Of the policies above, those that are not in force as they were written.
    package var standIns: [ObjectKey: StandIn] = [:]
    /// Directions of pods in which nothing passes, whatever the policies say: there was no room for their rules.
    package var closures: [ObjectKey: [RuleInfo.Direction: Closure]] = [:]

    /// Blocks and nodes that no address counts as in: there was no room for their networks.
    var unplaced: Set<OrderedPeer> = []

    package init(
        namespaces: [String: [String: String]], policies: [NetworkPolicy],
        clusterPolicies: [ClusterNetworkPolicy] = [], nodes: [Node] = [], podCIDRs: [CIDR] = [],
        nodeAddresses: [IPAddress] = []
    ) {
        self.namespaces = namespaces
        self.policies = policies.sorted { $0.key < $1.key }
        self.clusterPolicies = clusterPolicies.sorted { ($0.priority, $0.key.name) < ($1.priority, $1.key.name) }
        self.nodes = nodes
        self.podCIDRs = podCIDRs
        self.nodeAddresses = nodeAddresses
    }

    /// One end of a flow: an address, and the pod that has it, where one has. A pod of the host network has no address
    /// of its own, and stands here without its pod.
    package struct End: Sendable {
        package let address: IPAddress
        package let pod: Pod?

        package init(_ address: IPAddress, pod: Pod? = nil) {
            self.address = address
            self.pod = pod
        }
    }

    /// The first packet of a flow; the destination after service translation.
    package struct Flow: Sendable {
        package let source: End
        package let destination: End
        /// IANA number.
        package let transport: UInt8
        package let port: UInt16

        package init(source: End, destination: End, transport: UInt8, port: UInt16) {
            self.source = source
            self.destination = destination
            self.transport = transport
            self.port = port
        }
    }

    package enum Decision: Hashable, Sendable {
        /// A pod and itself: always allowed.
        case itself
        /// A pod and its own node: always allowed.
        case ownNode
        /// The end is no pod, or no policy decides in this direction.
        case notIsolated
        /// Rule number `rule` of the policy lets it through.
        case allowed(by: ObjectKey, rule: Int)
        /// Rule number `rule` of the ClusterNetworkPolicy denies it.
        case denied(by: ObjectKey, rule: Int)
        /// These policies select the pod, and no rule of theirs lets it through. In order; the first is reported.
        case isolated(by: [ObjectKey])
        /// The peer has a pod's address and is not known, and this policy denies or passes by pod.
        case unknownPeer(by: ObjectKey)
        /// Nothing passes in this direction, for want of what was written; why, in words, and the policy whose stand-in
        /// decided (nil: the pod has no room for its own).
        case closed(String, by: ObjectKey? = nil)

        package var isAllowed: Bool {
            switch self {
            case .itself, .ownNode, .notIsolated, .allowed: true
            case .denied, .isolated, .unknownPeer, .closed: false
            }
        }
    }

    /// A step of the explanation: a policy or one of its rules, and why it held or did not.
    package struct Step: Hashable, Sendable {
        package let policy: ObjectKey
        package let tier: RuleTier
        /// Nil in the NetworkPolicy tier.
        package let priority: Int?
        /// Nil: the step is about which pods the policy selects.
        package let rule: Int?
        /// Of the rule; empty where it has none.
        package let name: String
        /// Nil where `rule` is.
        package let action: ClusterPolicyAction?
        package let matched: Bool
        package let reason: String
    }

    package struct Judgement: Sendable {
        package var decision: Decision
        package var steps: [Step]
    }

    package struct Answer: Sendable {
        package let egress: Judgement
        package let ingress: Judgement
        package var isAllowed: Bool { egress.decision.isAllowed && ingress.decision.isAllowed }
    }

    /// Judges both directions. `explaining` also collects every rule consulted; a rule after the one that decides is
    /// not consulted.
    package func judge(_ flow: Flow, explaining: Bool = false) -> Answer {
        Answer(
            egress: judge(.egress, flow, explaining), ingress: judge(.ingress, flow, explaining))
    }

    /// One direction of one flow: the pod whose policies are asked, and the end that they are asked about.
    struct Case {
        let direction: RuleInfo.Direction
        let flow: Flow
        let pod: Pod
        let peer: End
        /// The pod of the peer, unless it is of the host network.
        var peerPod: Pod? { peer.pod.flatMap { $0.isHostNetwork ? nil : $0 } }
    }

    private func judge(_ direction: RuleInfo.Direction, _ flow: Flow, _ explaining: Bool) -> Judgement {
        let subject = direction == .egress ? flow.source : flow.destination
        let peer = direction == .egress ? flow.destination : flow.source
        guard let pod = subject.pod, !pod.isHostNetwork else { return Judgement(decision: .notIsolated, steps: []) }
        if let other = peer.pod, !other.isHostNetwork, other.key == pod.key {
            return Judgement(decision: .itself, steps: [])
        }
        if nodeAddresses.contains(peer.address) { return Judgement(decision: .ownNode, steps: []) }
        if let closure = closures[pod.key]?[direction] {
            return Judgement(decision: .closed(closure.reason), steps: [])
        }
        let question = Case(direction: direction, flow: flow, pod: pod, peer: peer)
        var steps: [Step] = []
        let decision =
            unknown(question, &steps) ?? ask(.admin, question, &steps) ?? askNamespaced(question, &steps)
            ?? ask(.baseline, question, &steps)
        return Judgement(decision: decision ?? .notIsolated, steps: explaining ? steps : [])
    }

    // MARK: Cluster policies

    private func rules(_ policy: ClusterNetworkPolicy, _ question: Case) -> [ClusterPolicyRule] {
        question.direction == .egress ? policy.egress : policy.ingress
    }

    /// The policies of a tier that say something in the direction.
    private func speaking(_ tier: ClusterNetworkPolicy.Tier, _ question: Case) -> [ClusterNetworkPolicy] {
        clusterPolicies.filter { $0.tier == tier && !rules($0, question).isEmpty }
    }

    /// Nil where the tier does not decide.
    private func ask(_ tier: ClusterNetworkPolicy.Tier, _ question: Case, _ steps: inout [Step]) -> Decision? {
        for policy in speaking(tier, question) {
            let (selects, reason) = selection(policy, question.pod)
            steps.append(step(policy, nil, selects, selects ? noted(reason, policy.key) : reason))
            guard selects else { continue }
            if let standIn = standIns[policy.key], standIn.version == nil {
                return .closed(standIn.text(policy.key), by: policy.key)
            }
            for (index, rule) in rules(policy, question).enumerated() {
                let (matched, reason) = check(rule, question)
                steps.append(step(policy, (index, rule), matched, reason))
                guard matched else { continue }
                switch rule.action {
                case .accept: return .allowed(by: policy.key, rule: index)
                case .deny: return .denied(by: policy.key, rule: index)
                case .pass: return nil
                }
            }
        }
        return nil
    }

    /// Whether the peer could be a pod that a rule denies, and nobody knows yet.
    private func unknown(_ question: Case, _ steps: inout [Step]) -> Decision? {
        let address = question.peer.address
        guard question.peerPod == nil, podCIDRs.contains(where: { $0.contains(address) }) else { return nil }
        let isolated = policies.contains { policy in
            (question.direction == .egress ? policy.egress : policy.ingress) != nil && selects(policy, question.pod)
        }
        let asked = speaking(.admin, question) + (isolated ? [] : speaking(.baseline, question))
        for policy in asked where selection(policy, question.pod).0 {
            guard rules(policy, question).contains(where: \.refusesPods) else { continue }
            let reason =
                "\(address) is an address of pods, and no pod that is known has it: the rules that deny or pass by pod "
                + "cannot be asked"
            steps.append(step(policy, nil, true, reason))
            return .unknownPeer(by: policy.key)
        }
        return nil
    }

    private func step(
        _ policy: ClusterNetworkPolicy, _ rule: (index: Int, rule: ClusterPolicyRule)?, _ matched: Bool,
        _ reason: String
    ) -> Step {
        let tier: RuleTier =
            switch policy.tier {
            case .admin: .admin
            case .baseline: .baseline
            }
        return Step(
            policy: policy.key, tier: tier, priority: policy.priority, rule: rule?.index, name: rule?.rule.name ?? "",
            action: rule?.rule.action, matched: matched, reason: reason)
    }

    // MARK: NetworkPolicy

    private func askNamespaced(_ question: Case, _ steps: inout [Step]) -> Decision? {
        let pod = question.pod
        var isolating: [ObjectKey] = []
        for policy in policies where policy.metadata.namespace == pod.metadata.namespace {
            guard let rules = question.direction == .egress ? policy.egress : policy.ingress else { continue }
            let selects = selects(policy, pod)
            let reason = selection(policy, pod)
            steps.append(step(policy, nil, selects, selects ? noted(reason, policy.key) : reason))
            guard selects else { continue }
            isolating.append(policy.key)
            for (index, rule) in rules.enumerated() {
                let (matched, reason) = check(rule, policy, question)
                steps.append(step(policy, index, matched, reason))
                if matched { return .allowed(by: policy.key, rule: index) }
            }
        }
        return isolating.isEmpty ? nil : .isolated(by: isolating)
    }

    private func selects(_ policy: NetworkPolicy, _ pod: Pod) -> Bool {
        policy.metadata.namespace == pod.metadata.namespace && policy.podSelector.matches(pod.metadata.labels)
    }

    private func step(_ policy: NetworkPolicy, _ rule: Int?, _ matched: Bool, _ reason: String) -> Step {
        Step(
            policy: policy.key, tier: .networkPolicy, priority: nil, rule: rule, name: "",
            action: rule == nil ? nil : .accept, matched: matched, reason: reason)
    }
}
