import KubeObjects
import NetTypes

/// Whether one selector, rule, peer or port entry holds, and why.
extension PolicyEvaluator {
    func selection(_ policy: NetworkPolicy, _ pod: Pod) -> String {
        if let failure = policy.podSelector.failure(pod.metadata.labels) {
            return "does not select \(pod.key): \(failure) (\(label(failure.key, pod.metadata.labels)))"
        }
        return "selects \(pod.key): \(policy.podSelector)"
    }

    func selection(_ policy: ClusterNetworkPolicy, _ pod: Pod) -> (Bool, String) {
        if let mismatch = mismatch(policy.namespaces, policy.pods, pod) {
            return (false, "does not select \(pod.key): \(mismatch)")
        }
        return (true, "selects \(pod.key): \(match(policy.namespaces, policy.pods))")
    }

    func check(_ rule: PolicyRule, _ policy: NetworkPolicy, _ question: Case) -> (Bool, String) {
        check(rule.ports, question) {
            if rule.peers.isEmpty { return (true, "any peer") }
            return firstMatch(rule.peers) { check($0, policy, question) }
        }
    }

    func check(_ rule: ClusterPolicyRule, _ question: Case) -> (Bool, String) {
        check(rule.ports, question) { firstMatch(rule.peers) { check($0, question) } }
    }

    private func firstMatch<Peer>(_ peers: [Peer], _ check: (Peer) -> (Bool, String)) -> (Bool, String) {
        var reasons: [String] = []
        for peer in peers {
            let (matched, reason) = check(peer)
            if matched { return (true, reason) }
            reasons.append(reason)
        }
        return (false, reasons.joined(separator: "; "))
    }

    // MARK: Ports

    private func check(_ ports: [PolicyPort], _ question: Case, _ peers: () -> (Bool, String)) -> (Bool, String) {
        if ports.isEmpty { return peers() }
        var reasons: [String] = []
        for port in ports {
            if let mismatch = mismatch(port, question.flow) {
                if !reasons.contains(mismatch) { reasons.append(mismatch) }
                continue
            }
            let (matched, reason) = peers()
            return (matched, matched ? "\(reason); \(text(port))" : reason)
        }
        return (false, reasons.joined(separator: "; "))
    }

    private func text(_ port: PolicyPort) -> String {
        let name = port.transport.kubernetesName
        switch port.target {
        case .all: return "\(name), any port"
        case .range(let range): return "\(name) \(text(range))"
        case .named(let wanted): return "\(name) port \(wanted)"
        }
    }

    private func text(_ range: PortRange) -> String {
        range.low == range.high ? "\(range.low)" : "\(range.low)-\(range.high)"
    }

    /// Why a port entry does not cover the flow; nil where it does. A name stands for the number that the pod at the
    /// destination gives it.
    private func mismatch(_ port: PolicyPort, _ flow: Flow) -> String? {
        let name = port.transport.kubernetesName
        guard port.transport.rawValue == flow.transport else { return "protocol is not \(name)" }
        switch port.target {
        case .all: return nil
        case .range(let range):
            return range.contains(flow.port) ? nil : "port \(flow.port) is not \(name) \(text(range))"
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

    // MARK: Peers

    private func check(_ entry: PolicyPeer, _ policy: NetworkPolicy, _ question: Case) -> (Bool, String) {
        switch entry {
        case .block(let block): return check(block, question)
        case .pods(let namespaces, let pods):
            guard let pod = question.peerPod else { return (false, "\(question.peer.address) is no pod") }
            if namespaces == nil && pod.metadata.namespace != policy.metadata.namespace {
                return (false, "\(pod.key) is not in namespace \(policy.metadata.namespace)")
            }
            if let mismatch = mismatch(namespaces ?? .everything, pods, pod) { return (false, mismatch) }
            return (true, "\(pod.key) matches \(match(namespaces ?? .everything, pods))")
        }
    }

    private func check(_ entry: ClusterPolicyPeer, _ question: Case) -> (Bool, String) {
        let address = question.peer.address
        switch entry {
        case .network(let cidr): return check(AddressBlock(cidr), question)
        case .pods(let namespaces, let pods):
            guard let pod = question.peerPod else { return (false, "\(address) is no pod") }
            if let mismatch = mismatch(namespaces, pods, pod) { return (false, mismatch) }
            return (true, "\(pod.key) matches \(match(namespaces, pods))")
        case .nodes(let selector):
            if unplaced.contains(.nodes(selector)) { return (false, "there is no room for the nodes \(selector)") }
            guard let node = nodes.first(where: { $0.addresses.contains(address) }) else {
                return (false, "\(address) is no node's address")
            }
            let owners = nodes.filter { $0.addresses.contains(address) }
            if let match = owners.first(where: { selector.matches($0.metadata.labels) }) {
                return (true, "\(address) is of node \(match.name), which matches \(selector)")
            }
            let failure = selector.failure(node.metadata.labels)
            let why = failure.map { "\($0) (\(label($0.key, node.metadata.labels)))" } ?? "\(selector)"
            return (false, "node \(node.name): not \(why)")
        }
    }

    private func check(_ block: AddressBlock, _ question: Case) -> (Bool, String) {
        if unplaced.contains(.block(block)) { return (false, "there is no room for \(block)") }
        let matched = block.contains(question.peer.address)
        return (matched, "\(question.peer.address) is \(matched ? "" : "not ")in \(block)")
    }

    /// The first requirement that a pod does not meet; nil where it meets all.
    private func mismatch(_ namespaces: LabelSelector, _ pods: LabelSelector, _ pod: Pod) -> String? {
        let labels = self.namespaces[pod.metadata.namespace] ?? [:]
        if let failure = namespaces.failure(labels) {
            return "namespace \(pod.metadata.namespace): not \(failure) (\(label(failure.key, labels)))"
        }
        if let failure = pods.failure(pod.metadata.labels) {
            return "\(pod.key): not \(failure) (\(label(failure.key, pod.metadata.labels)))"
        }
        return nil
    }

    private func match(_ namespaces: LabelSelector, _ pods: LabelSelector) -> String {
        if namespaces.isEverything { return "\(pods)" }
        return "\(pods) of namespaces \(namespaces)"
    }

    private func label(_ key: String, _ labels: [String: String]) -> String {
        labels[key].map { "it has \(key)=\($0)" } ?? "it has no label \(key)"
    }
}
