package import KubeObjects
import NetTypes
import PolicyCompiler

/// NetworkPolicies that let through the flows that were seen, and as little besides as labels allow. No policy, no
/// rule, and no peer or port of one can be left out: without it a flow that was seen would be dropped, or a workload
/// stand open.
package struct PolicySuggestion: Sendable {
    package enum Direction: String, Sendable {
        case ingress
        case egress
    }

    package struct Rule: Sendable {
        package let peers: [PolicyPeer]
        package let ports: [PolicyPort]
        /// The flows that prove it.
        package let proof: [SeenFlow]
        /// What it lets through beside them, in words.
        package let also: [String]

        var rule: PolicyRule { PolicyRule(peers: peers, ports: ports) }

        init(peers: [PolicyPeer], ports: [PolicyPort], proof: [SeenFlow], also: [String]) {
            self.peers = peers
            self.ports = ports
            self.proof = proof
            self.also = also
        }

        init(
            _ subject: Subject, _ labels: [String: String], peers: [PolicyPeer], ports: [PolicyPort],
            proof: Set<SeenFlow>, _ world: PolicyWorld
        ) {
            self.peers = peers
            self.ports = ports
            self.proof = proof.sorted { left, right in
                if left.source != right.source { return left.source < right.source }
                return (left.destination, left.transport, left.port, left.family)
                    < (right.destination, right.transport, right.port, right.family)
            }
            let seen = proof.map { subject.direction == .ingress ? $0.source : $0.destination }
            also = PolicySuggestion.also(subject, labels, peers, Set(seen), world)
        }
    }

    package struct Policy: Sendable {
        package let direction: Direction
        package let workload: ObjectKey
        package let name: String
        package let labels: [String: String]
        package var rules: [Rule]

        var subject: Subject { Subject(direction: direction, workload: workload) }

        var object: NetworkPolicy {
            let content = rules.map(\.rule)
            return NetworkPolicy(
                metadata: ObjectMeta(namespace: workload.namespace, name: name),
                podSelector: LabelSelector(matchLabels: labels),
                ingress: direction == .ingress ? content : nil, egress: direction == .egress ? content : nil)
        }
    }

    /// Addresses outside that are named one by one in a rule; with more, the rule is for any address, and says so.
    package static let addressesMax = 16

    package internal(set) var policies: [Policy] = []
    /// Flows that no NetworkPolicy can name, in words.
    package private(set) var notes: [String] = []
    /// Workloads that the policies of others close, and let through what was seen: in words.
    package internal(set) var spared: [String] = []

    /// - Parameters:
    ///   - directions: `ingress` closes what workloads take, `egress` what they ask.
    ///   - namespace: of the workloads that get policies; nil: all.
    package init(
        _ world: PolicyWorld, _ traffic: SeenTraffic, directions: [Direction] = [.ingress], namespace: String? = nil
    ) {
        let workloads = Dictionary(grouping: world.policyPods, by: \.workload)
        var seen: [Subject: [SeenFlow]] = [:]
        var unnamed: Set<String> = []
        for flow in traffic.pairs where flow.isAllowed {
            guard TransportProtocol(rawValue: flow.transport) != nil else {
                unnamed.insert("\(flow.source) -> \(flow.destination) \(flow.portText): no port tells it from others")
                continue
            }
            for direction in directions {
                let (subject, peer) =
                    direction == .ingress ? (flow.destination, flow.source) : (flow.source, flow.destination)
                guard case .name(let workload) = subject, namespace == nil || namespace == workload.namespace else {
                    continue
                }
                guard let pods = workloads[workload] else {
                    unnamed.insert("\(workload) is gone")
                    continue
                }
                if Self.labels(of: pods, in: world) == nil {
                    unnamed.insert("\(workload) has no label: no policy can select it alone")
                    continue
                }
                if case .name(let key) = peer {
                    guard let pods = workloads[key], Self.labels(of: pods, in: world) != nil else {
                        unnamed.insert("\(key), which \(workload) talks with, is gone or has no label")
                        continue
                    }
                }
                seen[Subject(direction: direction, workload: workload), default: []].append(flow)
            }
        }
        for (subject, flows) in seen.sorted(by: { $0.key < $1.key }) {
            policies.append(Self.policy(subject, flows, world, workloads))
        }
        thin(seen, world, workloads)
        notes = unnamed.sorted()
    }

    struct Subject: Hashable, Comparable {
        let direction: Direction
        let workload: ObjectKey

        static func < (left: Self, right: Self) -> Bool {
            (left.workload, left.direction.rawValue) < (right.workload, right.direction.rawValue)
        }
    }

    // MARK: Selectors

    /// The fewest labels that all pods share and that the fewest others have; nil where they share none.
    static func labels(of pods: [Pod], in world: PolicyWorld) -> [String: String]? {
        guard let first = pods.first else { return nil }
        let shared = first.metadata.labels.filter { label in
            !label.key.hasSuffix("-hash") && pods.allSatisfy { $0.metadata.labels[label.key] == label.value }
        }
        if shared.isEmpty { return nil }
        let others = world.policyPods.filter { pod in
            pod.metadata.namespace == first.metadata.namespace && !pods.contains { $0.key == pod.key }
        }
        func strangers(_ labels: [String: String]) -> Int {
            let selector = LabelSelector(matchLabels: labels)
            return others.count { selector.matches($0.metadata.labels) }
        }
        let ofServices = serviceLabels(of: first, in: world)
        let single = shared.keys.sorted { left, right in
            (rank(left, ofServices), left) < (rank(right, ofServices), right)
        }.map { [$0: shared[$0] ?? ""] }
        let fewest = strangers(shared)
        return single.first { strangers($0) == fewest } ?? shared
    }

    /// Names of labels by which people tell workloads apart, whatever stands before the slash.
    private static let telling = ["app", "k8s-app", "name", "component", "role", "service", "tier"]

    /// Lower: likelier to be meant. Labels that name the workload, those that a Service selects by, then `telling`.
    private static func rank(_ label: String, _ ofServices: Set<String>) -> Int {
        if let index = Pod.workloadLabels.firstIndex(of: label) { return index }
        if ofServices.contains(label) { return Pod.workloadLabels.count }
        let name = label.split(separator: "/").last.map(String.init) ?? label
        return Pod.workloadLabels.count + 1 + (telling.firstIndex(of: name) ?? telling.count)
    }

    private static func serviceLabels(of pod: Pod, in world: PolicyWorld) -> Set<String> {
        let selectors = world.services.values.filter { $0.metadata.namespace == pod.metadata.namespace }
            .compactMap(\.selector)
            .filter { selector in selector.allSatisfy { pod.metadata.labels[$0.key] == $0.value } }
        return Set(selectors.flatMap(\.keys))
    }

    // MARK: Rules

    private static func policy(
        _ subject: Subject, _ flows: [SeenFlow], _ world: PolicyWorld, _ workloads: [ObjectKey: [Pod]]
    ) -> Policy {
        let labels = labels(of: workloads[subject.workload] ?? [], in: world) ?? [:]
        // Peers with the same ports share a rule.
        var byPeer: [FlowParty: [SeenFlow]] = [:]
        for flow in flows {
            byPeer[subject.direction == .ingress ? flow.source : flow.destination, default: []].append(flow)
        }
        var byPorts: [[PolicyPort]: [FlowParty]] = [:]
        for (peer, flows) in byPeer { byPorts[ports(flows), default: []].append(peer) }
        let rules = byPorts.map { ports, peers -> Rule in
            let selectors = Self.peers(peers.sorted(), subject.workload.namespace, world, workloads)
            return Rule(
                subject, labels, peers: selectors, ports: ports, proof: Set(peers.flatMap { byPeer[$0] ?? [] }), world)
        }
        return Policy(
            direction: subject.direction, workload: subject.workload, name: name(subject), labels: labels,
            rules: rules.sorted { ($0.proof[0].source, $0.proof[0].port) < ($1.proof[0].source, $1.proof[0].port) })
    }

    private static func ports(_ flows: [SeenFlow]) -> [PolicyPort] {
        let spans = Set(flows.map { PortSpan($0.transport, PortRange($0.port)) })
        return spans.sorted { ($0.transport, $0.ports.low) < ($1.transport, $1.ports.low) }.compactMap { span in
            TransportProtocol(rawValue: span.transport).map { PolicyPort($0, .range(span.ports)) }
        }
    }

    private static func peers(
        _ parties: [FlowParty], _ namespace: String, _ world: PolicyWorld, _ workloads: [ObjectKey: [Pod]]
    ) -> [PolicyPeer] {
        var found: [PolicyPeer] = []
        var addresses: [IPAddress] = []
        for party in parties {
            switch party {
            case .address(let address): addresses.append(address)
            case .name(let key):
                let labels = labels(of: workloads[key] ?? [], in: world) ?? [:]
                let home =
                    key.namespace == namespace
                    ? nil : LabelSelector(matchLabels: ["kubernetes.io/metadata.name": key.namespace])
                found.append(.pods(namespaces: home, pods: LabelSelector(matchLabels: labels)))
            }
        }
        if addresses.count > addressesMax {
            let families = Set(addresses.map(\.family)).sorted()
            found += families.compactMap { CIDR($0 == .v4 ? "0.0.0.0/0" : "::/0") }.map { .block(AddressBlock($0)) }
        } else {
            found += addresses.map { .block(AddressBlock(CIDR($0))) }
        }
        return found
    }

    /// Workloads that its selectors take in without having been seen, and addresses that were not.
    fileprivate static func also(
        _ subject: Subject, _ labels: [String: String], _ peers: [PolicyPeer], _ seen: Set<FlowParty>,
        _ world: PolicyWorld
    ) -> [String] {
        let selector = LabelSelector(matchLabels: labels)
        let extra = world.policyPods.filter {
            $0.metadata.namespace == subject.workload.namespace && selector.matches($0.metadata.labels)
                && $0.workload != subject.workload
        }
        var found: [String] = []
        if !extra.isEmpty {
            found.append("it selects \(Set(extra.map { "\($0.workload)" }).sorted().joined(separator: ", ")) as well")
        }
        var strangers: Set<String> = []
        for peer in peers {
            if case .block(let block) = peer, block.cidr.prefixLength == 0 {
                found.append("any address of \(block.cidr), pods' too: more than \(addressesMax) were seen")
            }
            for pod in world.pods(of: peer, in: subject.workload.namespace) ?? []
            where !seen.contains(.name(pod.workload)) && pod.workload != subject.workload {
                strangers.insert("\(pod.workload)")
            }
        }
        if !strangers.isEmpty {
            found.append("peers that were not seen: \(strangers.sorted().joined(separator: ", "))")
        }
        return found
    }

    private static func name(_ subject: Subject) -> String {
        let plain = subject.workload.name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        return "seen-\(subject.direction.rawValue)-\(String(plain.prefix(180)))"
    }
}
