package import KubeObjects
import NetTypes

extension PolicyEvaluator {
    /// One edit of one object after which a flow is answered the other way. Found by trying: every edit is made on a
    /// copy of the objects and judged again, so what is offered is known to work.
    package struct Change: Hashable, Sendable {
        /// What to do, and to which object.
        package let text: String
        package let direction: RuleInfo.Direction
        /// What decides the direction after it; nil where that is not known, as a policy has to be mended first.
        package let decision: Decision?
        /// Of the flows that were tried beside it, those that the edit turns too; nil where none was tried.
        package let spread: Spread?
    }

    /// The label that the API server sets: nobody changes it.
    private static let namespaceNameLabel = "kubernetes.io/metadata.name"

    /// How many edits of a direction are tried at most, the smallest first.
    static let editsMax = 512

    /// How many edits that turn the answer are compared by what else they do.
    static let comparedMax = 16

    /// An edit that turns a direction of the flow.
    private struct Candidate {
        let edit: Edit
        let decision: Decision
    }

    /// Of a flow that is denied: for each direction that denies it, the edit that opens it and turns the fewest other
    /// flows, the smallest of these; all of them are needed. Of one that is allowed: the one that closes either
    /// direction. Empty where none was found.
    /// - Parameter pods: those of the cluster, for what else an edit does.
    package func smallestChanges(_ flow: Flow, among pods: some Sequence<Pod> = EmptyCollection<Pod>()) -> [Change] {
        let answer = judge(flow)
        let sample = FlowSample(around: flow, pods, self)
        let directions: [RuleInfo.Direction] = [.egress, .ingress]
        let found = directions.filter { answer.isAllowed || !answer[$0].isAllowed }
            .compactMap { smallest($0, flow, allowing: !answer.isAllowed, sample) }
        if !answer.isAllowed { return found.map(\.change) }
        return found.min { ($0.change.spread?.count ?? 0, $0.size) < ($1.change.spread?.count ?? 0, $1.size) }
            .map { [$0.change] } ?? []
    }

    private func smallest(
        _ direction: RuleInfo.Direction, _ flow: Flow, allowing: Bool, _ sample: FlowSample
    ) -> (size: Int, change: Change)? {
        guard let pod = flow.subject(of: direction).policedPod else { return nil }
        if allowing, let remedy = remedy(direction, flow, judge(flow)[direction]) {
            return (0, Change(text: remedy, direction: direction, decision: nil, spread: nil))
        }
        var best: (spread: Spread, candidate: Candidate)?
        for candidate in candidates(direction, flow, pod, allowing: allowing) {
            let spread = sample.spread(of: candidate.edit)
            if best.map({ spread.count < $0.spread.count }) ?? true { best = (spread, candidate) }
            if spread.count == 0 { break }
        }
        guard let (spread, candidate) = best else { return nil }
        let change = Change(
            text: candidate.edit.text(flow), direction: direction, decision: candidate.decision, spread: spread)
        return (candidate.edit.size, change)
    }

    /// Edits that turn the direction, the smallest first: the first `comparedMax`, and the first rule of its own.
    private func candidates(
        _ direction: RuleInfo.Direction, _ flow: Flow, _ pod: Pod, allowing: Bool
    ) -> [Candidate] {
        let near = with(policies.filter { $0.metadata.namespace == pod.metadata.namespace }, clusterPolicies)
        let edits = near.edits(direction, flow, pod, allowing: allowing).enumerated()
            .sorted { ($0.element.size, $0.offset) < ($1.element.size, $1.offset) }.map(\.element)
        func candidate(_ edit: Edit) -> Candidate? {
            let (world, moved) = edit.applied(to: near, flow)
            let decision = world.judge(moved)[direction]
            return decision.isAllowed == allowing ? Candidate(edit: edit, decision: decision) : nil
        }
        var found = Array(edits.prefix(Self.editsMax).lazy.compactMap(candidate).prefix(Self.comparedMax))
        if !found.contains(where: \.edit.isOwnRule) {
            found += edits.lazy.filter(\.isOwnRule).prefix(Self.comparedMax).compactMap(candidate).prefix(1)
        }
        return found
    }

    /// What might turn a direction of a flow: labels that a selector asks for, ports and peers of rules, rules.
    private func edits(
        _ direction: RuleInfo.Direction, _ flow: Flow, _ pod: Pod, allowing: Bool
    ) -> [Edit] {
        let peer = flow.peer(of: direction)
        var found: [Edit] = []
        func editRule(_ policy: ObjectKey, _ index: Int) {
            let place = Edit.Place(policy: policy, direction: direction, rule: index)
            found += [.addPort(place), .addPeer(place), .removeRule(place)]
        }
        // What stands in for a policy is nothing to edit.
        for policy in policies where standIns[policy.key] == nil {
            guard let rules = direction == .egress ? policy.egress : policy.ingress else { continue }
            found += labels(.everything, policy.podSelector, pod, selecting: true)
            for (index, rule) in rules.enumerated() {
                editRule(policy.key, index)
                for case .pods(let namespaces, let pods) in rule.peers {
                    found += labels(namespaces ?? .everything, pods, peer.policedPod)
                }
            }
            if allowing { found.append(.addRule(policy.key, direction, .accept)) }
        }
        for policy in clusterPolicies where standIns[policy.key] == nil {
            let rules = direction == .egress ? policy.egress : policy.ingress
            if rules.isEmpty { continue }
            found += labels(policy.namespaces, policy.pods, pod, selecting: true)
            for (index, rule) in rules.enumerated() {
                editRule(policy.key, index)
                for case .pods(let namespaces, let pods) in rule.peers {
                    found += labels(namespaces, pods, peer.policedPod)
                }
            }
            found.append(.addRule(policy.key, direction, allowing ? .accept : .deny))
        }
        if !allowing { found.append(.isolate(direction)) }
        return found
    }

    /// One edit for each label that a selector asks for, so that the requirement turns.
    private func labels(
        _ namespaces: LabelSelector, _ pods: LabelSelector, _ pod: Pod?, selecting: Bool = false
    ) -> [Edit] {
        guard let pod else { return [] }
        let name = pod.metadata.namespace
        let (own, home) = (pod.metadata.labels, self.namespaces[name] ?? [:])
        func role(_ key: String, _ labels: [String: String]) -> Edit.LabelRole {
            Edit.LabelRole(selecting: selecting, replacing: labels[key] != nil)
        }
        return pods.requirements.map { .labelPod(pod.key, $0.key, $0.turned(own), role($0.key, own)) }
            + namespaces.requirements.filter { $0.key != Self.namespaceNameLabel }
            .map { .labelNamespace(name, $0.key, $0.turned(home), role($0.key, home)) }
    }
}

extension PolicyEvaluator.Answer {
    package subscript(direction: RuleInfo.Direction) -> PolicyEvaluator.Decision {
        direction == .egress ? egress.decision : ingress.decision
    }
}

extension LabelSelector.Requirement {
    /// The value that turns the requirement for an object with these labels; nil: the label is to go.
    fileprivate func turned(_ labels: [String: String]) -> String? {
        let holds = matches(labels)
        switch operation {
        case .isIn: return holds ? nil : values.first
        case .isNotIn: return holds ? values.first : nil
        case .exists: return holds ? nil : "true"
        case .doesNotExist: return holds ? "true" : nil
        }
    }
}
