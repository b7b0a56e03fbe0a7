package import KubeObjects
package import NetTypes

/// The direct reading of the API, and so the oracle of the compiler, with which it shares nothing but the parsed
/// objects: it looks at one packet, goes through the policies one after the other, and says what decided.
package struct PolicyEvaluator: Sendable {
    /// Labels by name.
    package var namespaces: [String: [String: String]]
    package var policies: [NetworkPolicy]

    package init(namespaces: [String: [String: String]], policies: [NetworkPolicy]) {
        self.namespaces = namespaces
        self.policies = policies.sorted { $0.key < $1.key }
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
        /// The end is no pod, or no policy selects it in this direction.
        case notIsolated
        /// Rule number `rule` of the policy lets it through.
        case allowed(by: ObjectKey, rule: Int)
        /// These policies select the pod, and no rule of theirs lets it through. In order; the first is reported.
        case isolated(by: [ObjectKey])

        package var isAllowed: Bool {
            switch self {
            case .notIsolated, .allowed: true
            case .isolated: false
            }
        }
    }

    /// A step of the explanation: a policy or one of its rules, and why it held or did not.
    package struct Step: Hashable, Sendable {
        package let policy: ObjectKey
        /// Nil: the step is about which pods the policy selects.
        package let rule: Int?
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

    /// Judges both directions. `explaining` also collects every rule consulted; a rule after the first that lets the
    /// flow through is not consulted.
    package func judge(_ flow: Flow, explaining: Bool = false) -> Answer {
        Answer(
            egress: judge(.egress, flow, explaining), ingress: judge(.ingress, flow, explaining))
    }

    private func judge(_ direction: RuleInfo.Direction, _ flow: Flow, _ explaining: Bool) -> Judgement {
        let subject = direction == .egress ? flow.source : flow.destination
        let peer = direction == .egress ? flow.destination : flow.source
        var judgement = Judgement(decision: .notIsolated, steps: [])
        guard let pod = subject.pod, !pod.isHostNetwork else { return judgement }
        var isolating: [ObjectKey] = []
        for policy in policies where policy.metadata.namespace == pod.metadata.namespace {
            guard let rules = direction == .egress ? policy.egress : policy.ingress else { continue }
            let selects = policy.podSelector.matches(pod.metadata.labels)
            if explaining { judgement.steps.append(selection(policy, pod, selects)) }
            guard selects else { continue }
            isolating.append(policy.key)
            for (index, rule) in rules.enumerated() {
                let (matched, reason) = check(rule, policy, flow, peer, subject)
                if explaining {
                    judgement.steps.append(Step(policy: policy.key, rule: index, matched: matched, reason: reason))
                }
                if matched {
                    judgement.decision = .allowed(by: policy.key, rule: index)
                    return judgement
                }
            }
        }
        if !isolating.isEmpty { judgement.decision = .isolated(by: isolating) }
        return judgement
    }

    private func selection(_ policy: NetworkPolicy, _ pod: Pod, _ selects: Bool) -> Step {
        var reason = "selects \(pod.key): \(policy.podSelector)"
        if let failure = policy.podSelector.failure(pod.metadata.labels) {
            reason = "does not select \(pod.key): \(failure) (\(label(failure.key, pod.metadata.labels)))"
        }
        return Step(policy: policy.key, rule: nil, matched: selects, reason: reason)
    }

    private func label(_ key: String, _ labels: [String: String]) -> String {
        labels[key].map { "it has \(key)=\($0)" } ?? "it has no label \(key)"
    }

    // MARK: One rule

    private func check(
        _ rule: PolicyRule, _ policy: NetworkPolicy, _ flow: Flow, _ peer: End, _ subject: End
    ) -> (Bool, String) {
        if rule.ports.isEmpty {
            return checkPeers(rule, policy, peer)
        }
        var reasons: [String] = []
        for port in rule.ports {
            if let mismatch = mismatch(port, flow) {
                reasons.append(mismatch)
                continue
            }
            return checkPeers(rule, policy, peer)
        }
        return (false, reasons.joined(separator: "; "))
    }

    /// Why a port entry does not cover the flow; nil where it does. A name stands for the number that the pod at the
    /// destination gives it.
    private func mismatch(_ port: PolicyPort, _ flow: Flow) -> String? {
        let name = port.transport.kubernetesName
        guard port.transport.rawValue == flow.transport else { return "protocol is not \(name)" }
        switch port.target {
        case .all: return nil
        case .range(let range):
            if range.contains(flow.port) { return nil }
            let wanted = range.low == range.high ? "\(range.low)" : "\(range.low)-\(range.high)"
            return "port \(flow.port) is not \(name) \(wanted)"
        case .named(let wanted):
            guard let pod = flow.destination.pod, !pod.isHostNetwork else {
                return "the destination is no pod that could name a port \(wanted)"
            }
            guard let number = pod.port(named: wanted, port.transport) else {
                return "\(pod.key) has no \(name) port named \(wanted)"
            }
            return number == flow.port ? nil : "port \(flow.port) is not \(wanted) (\(number)) of \(pod.key)"
        }
    }

    private func checkPeers(_ rule: PolicyRule, _ policy: NetworkPolicy, _ peer: End) -> (Bool, String) {
        if rule.peers.isEmpty { return (true, "any peer") }
        var reasons: [String] = []
        for entry in rule.peers {
            let (matched, reason) = checkPeer(entry, policy, peer)
            if matched { return (true, reason) }
            reasons.append(reason)
        }
        return (false, reasons.joined(separator: "; "))
    }

    private func checkPeer(_ entry: PolicyPeer, _ policy: NetworkPolicy, _ peer: End) -> (Bool, String) {
        switch entry {
        case .block(let block):
            let matched = block.contains(peer.address)
            return (matched, "\(peer.address) is \(matched ? "" : "not ")in \(block)")
        case .pods(let namespaceSelector, let podSelector):
            guard let pod = peer.pod, !pod.isHostNetwork else { return (false, "\(peer.address) is no pod") }
            if let namespaceSelector {
                let labels = namespaces[pod.metadata.namespace] ?? [:]
                if let failure = namespaceSelector.failure(labels) {
                    return (
                        false, "namespace \(pod.metadata.namespace): not \(failure) (\(label(failure.key, labels)))"
                    )
                }
            } else if pod.metadata.namespace != policy.metadata.namespace {
                return (false, "\(pod.key) is not in namespace \(policy.metadata.namespace)")
            }
            if let failure = podSelector.failure(pod.metadata.labels) {
                return (false, "\(pod.key): not \(failure) (\(label(failure.key, pod.metadata.labels)))")
            }
            return (true, "\(pod.key) matches")
        }
    }
}
