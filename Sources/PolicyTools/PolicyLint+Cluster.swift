import JSONText
import KubeObjects
import NetTypes

/// ClusterNetworkPolicy: rules in an order, of which the first that matches decides.
extension PolicyLint {
    typealias ClusterReport = Report<PolicyWorld.ClusterEntry>

    func cluster(_ report: inout ClusterReport) {
        let policy = report.policy
        subject(&report)
        if policy.ingress.isEmpty, policy.egress.isEmpty {
            report.add(
                .warning, .noRules, "spec", "it has no rule in either direction and decides nothing",
                "add rules, or remove it")
        }
        samePlace(&report)
        for direction in [Direction.ingress, .egress] {
            for (index, rule) in Self.rules(of: policy, direction).enumerated() {
                let field = "spec.\(direction.field)[\(index)]"
                let text = report.entry.body[path: "spec", direction.field]?[index]
                peers(rule, paths: Self.paths(text?[direction.peers], "\(field).\(direction.peers)"), &report)
                networksOverPods(rule, index, field, direction, &report)
                ownNode(rule, field, direction, &report)
                names(rule, field, direction, &report)
                if let by = decided(rule, index, policy, direction, &report.budget) {
                    report.add(
                        .warning, .shadowed, field, "is never asked: \(by) all that it matches",
                        "remove it, or put it before the other")
                }
            }
        }
    }

    // MARK: Who

    private func subject(_ report: inout ClusterReport) {
        let policy = report.policy
        if let key = policy.namespaces.contradiction ?? policy.pods.contradiction {
            report.add(
                .error, .neverMatches, "spec.subject", "nothing can satisfy what it asks of label \(key)",
                "keep one of the requirements; alternatives are the values of one In")
            return
        }
        guard hasPods else { return }
        let isIdle = pods.isIdle(.pods(namespaces: policy.namespaces, pods: policy.pods), in: "")
        let selectedHosts = hosts.pods(policy.namespaces, policy.pods)
        if !ofHostNetwork(selectedHosts, isAll: isIdle, "spec.subject", &report), isIdle {
            report.add(
                .warning, .selectsNothing, "spec.subject",
                "no pod has \(policy.pods) in a namespace with \(policy.namespaces)",
                "compare with the labels of pods and namespaces; the policy holds for none until one comes")
        }
    }

    /// Two at one place of the order.
    private func samePlace(_ report: inout ClusterReport) {
        let policy = report.policy
        let twin = world.clusterPolicies.first { other in
            other.key.name < policy.key.name && other.tier == policy.tier && other.priority == policy.priority
                && [Direction.ingress, .egress].contains {
                    !Self.rules(of: other, $0).isEmpty && !Self.rules(of: policy, $0).isEmpty
                }
        }
        guard let twin else { return }
        report.add(
            .note, .samePriority, "spec.priority",
            "\(twin.key) has priority \(policy.priority) in tier \(policy.tier.rawValue) too: the API leaves open "
                + "which is asked first (here the name decides)",
            "give them different priorities")
    }

    // MARK: Peers

    /// The path of each peer: `networks` is one entry of the text and a peer for each block.
    private static func paths(_ entries: JSONValue?, _ field: String) -> [String] {
        (entries?.array ?? []).enumerated().flatMap { index, entry -> [String] in
            let kind = entry.object?.keys.first ?? ""
            let count = kind == "networks" ? entry[kind]?.array?.count ?? 0 : 1
            return (0..<count).map { "\(field)[\(index)].\(kind)" + (kind == "networks" ? "[\($0)]" : "") }
        }
    }

    private func peers(_ rule: ClusterPolicyRule, paths: [String], _ report: inout ClusterReport) {
        for (index, (peer, field)) in zip(rule.peers, paths).enumerated() {
            switch peer {
            case .pods(let namespaces, let pods):
                if let key = namespaces.contradiction ?? pods.contradiction {
                    report.add(
                        .error, .neverMatches, field, "no object can satisfy what it asks of label \(key)",
                        "keep one of the requirements; alternatives are the values of one In")
                } else if hasPods, self.pods.isIdle(.pods(namespaces: namespaces, pods: pods), in: "") {
                    let hosts = self.hosts.pods(namespaces, pods)
                    if peersOfHostNetwork(hosts, "nodes, by the labels of the nodes", field, &report) { break }
                    report.add(
                        .warning, .peerSelectsNothing, field,
                        "no pod has \(pods) in a namespace with \(namespaces)",
                        "compare with the labels of pods and namespaces")
                }
            case .nodes(let selector):
                if let key = selector.contradiction {
                    report.add(
                        .error, .neverMatches, field, "no node can satisfy what it asks of label \(key)",
                        "keep one of the requirements; alternatives are the values of one In")
                } else if !world.nodes.isEmpty, !world.nodes.contains(where: { selector.matches($0.metadata.labels) }) {
                    report.add(
                        .warning, .peerSelectsNothing, field, "no node has \(selector)",
                        "compare with the labels of the nodes")
                }
            case .network(let cidr):
                services(cidr, field, &report)
                let wider = rule.peers.enumerated().first { number, other in
                    guard case .network(let wide) = other, number != index else { return false }
                    return wide.contains(cidr) && (wide != cidr || number < index)
                }
                guard case .network(let wide)? = wider?.element else { continue }
                report.add(.note, .overlappingBlocks, field, "\(cidr) lies within \(wide)", "remove it")
            }
        }
    }

    /// A pod and the node that it runs on reach each other whatever policies say.
    private func ownNode(
        _ rule: ClusterPolicyRule, _ field: String, _ direction: Direction, _ report: inout ClusterReport
    ) {
        let meansNodes = rule.peers.contains { peer in
            if case .nodes = peer { return true }
            return false
        }
        guard rule.action == .deny, direction == .egress, meansNodes else { return }
        report.add(
            .warning, .ownNode, "\(field).to",
            "of the nodes it denies the others alone: a pod always reaches the node that it runs on",
            "close on the node itself what pods must not reach there")
    }

    /// Deny by address takes pods along.
    private func networksOverPods(
        _ rule: ClusterPolicyRule, _ index: Int, _ field: String, _ direction: Direction, _ report: inout ClusterReport
    ) {
        guard rule.action == .deny, direction == .egress else { return }
        let covered = rule.peers.compactMap { peer -> CIDR? in
            guard case .network(let cidr) = peer else { return nil }
            let holdsPod = pods.all.contains { $0.addresses.contains(where: cidr.contains) }
            return cidr.prefixLength == 0 || holdsPod ? cidr : nil
        }
        guard let cidr = covered.first else { return }
        let letsPodsBy = report.policy.egress.prefix(index).contains { earlier in
            earlier.action != .deny
                && earlier.peers.contains {
                    if case .pods = $0 { return true }
                    return false
                }
        }
        if letsPodsBy { return }
        report.add(
            .warning, .networksHoldPods, "\(field).to",
            "\(cidr) holds the addresses of pods too: they are denied with what lies outside",
            "put a rule with action Pass and the pods before it where that is not meant")
    }

    private func names(
        _ rule: ClusterPolicyRule, _ field: String, _ direction: Direction, _ report: inout ClusterReport
    ) {
        guard hasPods else { return }
        let targets: [Pod]
        switch direction {
        case .ingress: targets = pods.pods(report.policy.namespaces, report.policy.pods)
        case .egress:
            targets = rule.peers.flatMap { peer -> [Pod] in
                guard case .pods(let namespaces, let pods) = peer else { return [] }
                return self.pods.pods(namespaces, pods)
            }
        }
        if targets.isEmpty { return }
        let names = rule.ports.compactMap { port -> String? in
            if case .named(let name) = port.target { return name }
            return nil
        }
        for name in Set(names).sorted() where !targets.contains(where: { $0.ports.contains { $0.name == name } }) {
            report.add(
                .warning, .unknownPort, "\(field).protocols",
                "none of the \(targets.count) pods it means has a port named \(name): the entry matches nothing",
                "use the name that the container declares, or the number")
        }
    }
}
