import JSONText
import KubeObjects
import NetTypes

extension PolicyLint {
    // MARK: One rule by itself

    func rules(_ direction: Direction, _ report: inout Report<PolicyWorld.Entry>) {
        guard let rules = Self.rules(of: report.policy, direction) else { return }
        for (index, rule) in rules.enumerated() {
            let path = "spec.\(direction.field)[\(index)]"
            let text = report.entry.body[path: "spec", direction.field]?[index]
            if rule.peers.isEmpty { anyPeer(rule, text?[direction.peers], "\(path).\(direction.peers)", &report) }
            for (number, peer) in rule.peers.enumerated() {
                check(peer, text?[direction.peers]?[number], "\(path).\(direction.peers)[\(number)]", &report)
            }
            splitPeers(rule, "\(path).\(direction.peers)", &report)
            if direction == .egress { namesAtBlocks(rule, path, &report) }
        }
        overlaps(direction, &report)
    }

    private func anyPeer(
        _ rule: PolicyRule, _ text: JSONValue?, _ field: String, _ report: inout Report<PolicyWorld.Entry>
    ) {
        if let text {
            report.add(
                .warning, .emptyPeers, field,
                "an empty \(text.isNull ? "field" : "list") means anybody, inside the cluster and outside, not nobody",
                "to let nobody in remove the whole rule; for anybody leave the field out")
        } else if rule.ports.isEmpty {
            report.add(
                .note, .allowsEverything, field, "the rule is empty: it lets through everything from and to anybody",
                "name peers or ports where that is not meant")
        }
    }

    private func check(
        _ peer: PolicyPeer, _ text: JSONValue?, _ field: String, _ report: inout Report<PolicyWorld.Entry>
    ) {
        switch peer {
        case .block(let block): check(block, "\(field).ipBlock", &report)
        case .pods(let namespaces, let pods):
            for (name, selector) in [("namespaceSelector", namespaces), ("podSelector", pods)] {
                guard let key = selector?.contradiction else { continue }
                report.add(
                    .error, .neverMatches, "\(field).\(name)", "no object can satisfy what it asks of label \(key)",
                    "keep one of the requirements; alternatives are the values of one In")
                return
            }
            if namespaces?.isEverything == true, pods.isEverything {
                report.add(
                    .note, .everyPod, field, "means every pod of every namespace, but no address outside",
                    "name labels where that is not meant")
            }
            guard hasPods, self.pods.isIdle(peer, in: report.policy.metadata.namespace) else { return }
            let hosts = hosts.pods(of: peer, in: report.policy.metadata.namespace)
            if peersOfHostNetwork(hosts, "an ipBlock of the node's address", field, &report) { return }
            report.add(
                .warning, .peerSelectsNothing, field, "no pod matches \(Self.describe(peer))",
                "compare with the labels of pods and namespaces")
        }
    }

    private func pods(of peer: PolicyPeer, _ report: Report<PolicyWorld.Entry>) -> [Pod] {
        pods.pods(of: peer, in: report.policy.metadata.namespace)
    }

    static func describe(_ peer: PolicyPeer) -> String {
        switch peer {
        case .block(let block): "\(block)"
        case .pods(nil, let pods): "pods of its own namespace with \(pods)"
        case .pods(.some(let namespaces), let pods): "pods with \(pods) in namespaces with \(namespaces)"
        }
    }

    private func check(_ block: AddressBlock, _ field: String, _ report: inout Report<PolicyWorld.Entry>) {
        if block.isEmpty {
            report.add(
                .error, .neverMatches, "\(field).except", "the exceptions leave no address of \(block.cidr)",
                "remove the block, or some of the exceptions")
        } else {
            services(block.cidr, "\(field).cidr", &report)
        }
    }

    /// Policy is asked after the Service has become a pod.
    func services<Entry>(_ cidr: CIDR, _ field: String, _ report: inout Report<Entry>) {
        guard holdsServicesAlone(cidr) else { return }
        let block = serviceBlocks.first { $0.contains(cidr) }.map { "\($0)" }
        let named = world.services.filter { $0.value.clusterIPs.contains(where: cidr.contains) }.keys.sorted()
        let names = named.prefix(3).map { "\($0)" } + (named.count > 3 ? ["…"] : [])
        let whose = (block.map { [$0] } ?? []) + (names.isEmpty ? [] : [names.joined(separator: ", ")])
        report.add(
            .error, .neverMatches, field,
            "\(cidr) holds Service addresses only (\(whose.joined(separator: "; "))): policy is asked after the "
                + "Service has become a pod, so it never matches",
            "select the pods behind the Service by their labels")
    }

    /// Addresses of the Services that were read, and of the range that Services have.
    func holdsServicesAlone(_ cidr: CIDR) -> Bool {
        if serviceBlocks.contains(where: { $0.contains(cidr) }) { return true }
        let addresses = world.services.values.flatMap(\.clusterIPs).filter(cidr.contains)
        return AddressBlock.isFull(cidr, by: addresses.map { CIDR($0) })
    }

    /// The trap of one dash: two peers where one with two selectors was meant.
    private func splitPeers(_ rule: PolicyRule, _ field: String, _ report: inout Report<PolicyWorld.Entry>) {
        for (first, next) in zip(rule.peers.indices, rule.peers.indices.dropFirst()) {
            guard case .pods(let spaces, let pods) = rule.peers[first],
                case .pods(let nextSpaces, let nextPods) = rule.peers[next]
            else { continue }
            let namespace: LabelSelector
            let pod: LabelSelector
            if let spaces, pods.isEverything, nextSpaces == nil {
                (namespace, pod) = (spaces, nextPods)
            } else if let nextSpaces, nextPods.isEverything, spaces == nil {
                (namespace, pod) = (nextSpaces, pods)
            } else {
                continue
            }
            report.add(
                .warning, .splitPeers, "\(field)[\(next)]",
                "two peers: every pod of namespaces with \(namespace), and also pods with \(pod) of namespace "
                    + report.policy.metadata.namespace,
                "for pods with \(pod) in those namespaces put both selectors into one list element (one dash)")
        }
    }

    // MARK: Port names

    /// What a port is called the pod at the destination says: another address has no names. A pod from a file has no
    /// address, which so may lie in any block.
    private func namesAtBlocks(_ rule: PolicyRule, _ path: String, _ report: inout Report<PolicyWorld.Entry>) {
        let blocks = rule.peers.enumerated().compactMap { number, peer -> (field: String, block: AddressBlock)? in
            guard case .block(let block) = peer, !block.isEmpty, !holdsServicesAlone(block.cidr) else { return nil }
            return ("\(path).to[\(number)]", block)
        }
        if blocks.isEmpty || !hasPods { return }
        for (number, port) in rule.ports.enumerated() {
            guard case .named(let name) = port.target else { continue }
            let field = "\(path).ports[\(number)].port"
            let named = self.pods.all.filter { $0.port(named: name, port.transport) != nil }
            let open = named.filter(\.addresses.isEmpty)
            for (peer, block) in blocks {
                let wanted = "\(port.transport.kubernetesName) port named \(name)"
                let pods = named.filter { $0.addresses.contains(where: block.contains) }
                if pods.isEmpty, !open.isEmpty {
                    report.add(
                        .warning, .neverMatches, field,
                        "matches at \(block) of \(peer) only where a pod with a \(wanted) gets an address in it: "
                            + "only pods have port names, and the addresses of \(open.count.counted("such pod")) are "
                            + "not known",
                        "write the number of the port, or select the pods by their labels")
                } else if pods.isEmpty {
                    report.add(
                        .error, .neverMatches, field,
                        "never matches at \(block) of \(peer): only pods have port names, and none with an address in "
                            + "it has a \(wanted)", "write the number of the port")
                } else if !world.nodes.flatMap(\.podCIDRs).contains(where: { $0.contains(block.cidr) }) {
                    report.add(
                        .warning, .neverMatches, field,
                        "at \(block) of \(peer) it matches pods alone (\(pods.count) with a \(wanted)), and no address "
                            + "outside of the cluster: only pods have port names",
                        "write the number of the port, or select the pods by their labels")
                }
            }
        }
    }

    /// Names that no pod at the destination has.
    func names(_ report: inout Report<PolicyWorld.Entry>) {
        guard hasPods else { return }
        let policy = report.policy
        for direction in [Direction.ingress, .egress] {
            for (index, rule) in (Self.rules(of: policy, direction) ?? []).enumerated()
            where rule.ports.contains(where: \.isNamed) {
                let targets: [Pod]
                switch direction {
                case .ingress: targets = selected(by: policy)
                case .egress:
                    targets =
                        rule.peers.isEmpty ? self.pods.all : rule.peers.flatMap { pods(of: $0, report) }
                }
                if targets.isEmpty { continue }
                for (number, port) in rule.ports.enumerated() {
                    guard case .named(let name) = port.target,
                        !targets.contains(where: { $0.port(named: name, port.transport) != nil })
                    else { continue }
                    report.add(
                        .warning, .unknownPort, "spec.\(direction.field)[\(index)].ports[\(number)].port",
                        "none of the \(targets.count) pods it means has a \(port.transport.kubernetesName) port named "
                            + "\(name): the entry lets nothing through",
                        "use the name that the container declares, or the number")
                }
            }
        }
    }
}

extension PolicyPort {
    fileprivate var isNamed: Bool {
        if case .named = target { return true }
        return false
    }
}
