package import JSONText
package import NetTypes

/// A peer of a rule of a ClusterNetworkPolicy. Pods of the host network are no pods to it; `nodes` and `networks` are
/// addresses.
package enum ClusterPolicyPeer: Hashable, Sendable {
    case pods(namespaces: LabelSelector, pods: LabelSelector)
    /// The addresses in `status.addresses` of the nodes with these labels. Egress only.
    case nodes(LabelSelector)
    /// One entry of `networks`. Egress only.
    case network(CIDR)
}

package enum ClusterPolicyAction: String, Hashable, Sendable {
    case accept = "Accept"
    case deny = "Deny"
    /// Skips what is left of the tier.
    case pass = "Pass"
}

package struct ClusterPolicyRule: Hashable, Sendable {
    /// Empty where the rule has none.
    package let name: String
    package let action: ClusterPolicyAction
    /// At least one.
    package let peers: [ClusterPolicyPeer]
    /// Empty: any protocol and port. A `destinationNamedPort` stands here once for each transport.
    package let ports: [PolicyPort]

    package init(
        name: String = "", action: ClusterPolicyAction, peers: [ClusterPolicyPeer], ports: [PolicyPort] = []
    ) {
        self.name = name
        self.action = action
        self.peers = peers
        self.ports = ports
    }

    /// Whether the rule denies or passes by pod or namespace: it cannot be judged for a pod that is not known yet.
    package var refusesPods: Bool {
        guard action != .accept else { return false }
        return peers.contains { peer in
            if case .pods = peer { return true }
            return false
        }
    }
}

/// ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2). It says nothing about a direction without rules.
package struct ClusterNetworkPolicy: Hashable, Sendable {
    package enum Tier: String, Hashable, Sendable {
        case admin = "Admin"
        case baseline = "Baseline"
    }

    package static let rulesMax = 25
    package static let peersMax = 25
    package static let networksMax = 25
    package static let protocolsMax = 25
    package static let priorityMax: Int64 = 1000
    package static let ruleNameMax = 100

    package var metadata: ObjectMeta
    package var onChange = ChangeMode.recheck
    /// `metadata.generation`: grows with each change of `spec`.
    package var generation: Int64 = 0
    /// What stands in `status`.
    package var condition: PolicyCondition?
    package var tier: Tier
    /// Lower first, within the tier.
    package var priority: Int
    package var namespaces: LabelSelector
    package var pods: LabelSelector
    package var ingress: [ClusterPolicyRule]
    package var egress: [ClusterPolicyRule]

    package init(
        metadata: ObjectMeta, tier: Tier, priority: Int, namespaces: LabelSelector = .everything,
        pods: LabelSelector = .everything, ingress: [ClusterPolicyRule] = [], egress: [ClusterPolicyRule] = []
    ) {
        self.metadata = metadata
        self.tier = tier
        self.priority = priority
        self.namespaces = namespaces
        self.pods = pods
        self.ingress = ingress
        self.egress = egress
    }

    package var key: ObjectKey { metadata.key }
}

// MARK: Reading

extension ClusterNetworkPolicy {
    /// Reads the object; what is not known is refused, since it could not be enforced.
    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let spec = reader["spec"]
        try spec.allow(only: ["tier", "priority", "subject", "ingress", "egress"])
        let tierName = try spec["tier"].requiredString()
        guard let tier = Tier(rawValue: tierName) else {
            throw spec["tier"].invalid("\"\(tierName)\" is not one of Admin, Baseline")
        }
        guard let priority = try spec["priority"].integer(in: 0...Self.priorityMax) else {
            throw ObjectError(.missing, field: "spec.priority", "is required")
        }
        let subject = spec["subject"]
        let selectors =
            try subject.only(of: ["namespaces", "pods"]) == "pods"
            ? try Self.readPods(subject["pods"]) : (try LabelSelector(subject["namespaces"]), .everything)
        self.init(
            metadata: try ObjectMeta(object: reader), tier: tier, priority: Int(priority),
            namespaces: selectors.namespaces, pods: selectors.pods,
            ingress: try Self.readRules(spec["ingress"], peers: "from", ["namespaces", "pods"]),
            egress: try Self.readRules(
                spec["egress"], peers: "to", ["namespaces", "pods", "nodes", "networks", "domainNames"]))
        metadata.namespace = ""
        onChange = try ChangeMode(metadata)
        generation = try reader["metadata"]["generation"].integer(in: 0...(.max)) ?? 0
        condition = try PolicyCondition(status: reader["status"])
    }

    private static func readPods(
        _ reader: FieldReader
    ) throws(ObjectError) -> (namespaces: LabelSelector, pods: LabelSelector) {
        try reader.allow(only: ["namespaceSelector", "podSelector"])
        guard reader["podSelector"].isPresent else {
            throw ObjectError(.missing, field: reader["podSelector"].path.description, "is required; {} selects all")
        }
        return (try LabelSelector(reader["namespaceSelector"]), try LabelSelector(reader["podSelector"]))
    }

    private static func readRules(
        _ reader: FieldReader, peers field: String, _ kinds: [String]
    ) throws(ObjectError) -> [ClusterPolicyRule] {
        var rules: [ClusterPolicyRule] = []
        for entry in try reader.elements(atMost: rulesMax) {
            try entry.allow(only: ["name", "action", field, "protocols"])
            let name = try entry["name"].string() ?? ""
            guard name.unicodeScalars.count <= ruleNameMax else {
                throw entry["name"].invalid("may not be longer than \(ruleNameMax) characters")
            }
            let actionName = try entry["action"].requiredString()
            guard let action = ClusterPolicyAction(rawValue: actionName) else {
                throw entry["action"].invalid("\"\(actionName)\" is not one of Accept, Deny, Pass")
            }
            var peers: [ClusterPolicyPeer] = []
            for peer in try entry[field].elements(atMost: peersMax) { peers += try readPeer(peer, kinds) }
            guard !peers.isEmpty else {
                throw ObjectError(.missing, field: entry[field].path.description, "needs at least one peer")
            }
            rules.append(
                ClusterPolicyRule(
                    name: name, action: action, peers: peers, ports: try readProtocols(entry["protocols"], peers)))
        }
        return rules
    }

    private static func readPeer(
        _ reader: FieldReader, _ kinds: [String]
    ) throws(ObjectError) -> [ClusterPolicyPeer] {
        let kind = try reader.only(of: kinds)
        let value = reader[kind]
        switch kind {
        case "namespaces": return [.pods(namespaces: try LabelSelector(value), pods: .everything)]
        case "nodes": return [.nodes(try LabelSelector(value))]
        case "networks":
            var networks: [ClusterPolicyPeer] = []
            for entry in try value.elements(atMost: networksMax) {
                guard let cidr = try entry.cidr() else { throw entry.invalid("an address block is required") }
                networks.append(.network(cidr))
            }
            guard !networks.isEmpty else { throw value.invalid("needs at least one address block") }
            return networks
        case "domainNames":
            throw ObjectError(
                .unsupported, field: value.path.description,
                "cannot be enforced: there is no resolver that knows the addresses of names; use networks")
        default:
            let selectors = try readPods(value)
            return [.pods(namespaces: selectors.namespaces, pods: selectors.pods)]
        }
    }

    private static func readProtocols(
        _ reader: FieldReader, _ peers: [ClusterPolicyPeer]
    ) throws(ObjectError) -> [PolicyPort] {
        var ports: [PolicyPort] = []
        let entries = try reader.elements(atMost: protocolsMax)
        if reader.isPresent, entries.isEmpty { throw reader.invalid("needs at least one entry, or to be left out") }
        for entry in entries {
            let kind = try entry.only(of: ["tcp", "udp", "sctp", "destinationNamedPort"])
            if kind == "destinationNamedPort" {
                let name = try entry[kind].requiredString()
                for peer in peers {
                    if case .pods = peer { continue }
                    throw entry[kind].invalid("may not be given where the peers are nodes or networks: no pod names it")
                }
                ports += TransportProtocol.allCases.map { PolicyPort($0, .named(name)) }
                continue
            }
            guard let transport = TransportProtocol(kubernetesName: kind.uppercased()) else {
                throw entry[kind].invalid("is no protocol")
            }
            try entry[kind].allow(only: ["destinationPort"])
            guard entry[kind]["destinationPort"].isPresent else {
                throw ObjectError(
                    .missing, field: entry[kind]["destinationPort"].path.description, "is required")
            }
            ports.append(PolicyPort(transport, .range(try readPort(entry[kind]["destinationPort"]))))
        }
        return ports
    }

    private static func readPort(_ reader: FieldReader) throws(ObjectError) -> PortRange {
        guard try reader.only(of: ["number", "range"]) == "range" else {
            guard let number = try reader["number"].port() else { throw reader["number"].invalid("is required") }
            return PortRange(number)
        }
        let range = reader["range"]
        try range.allow(only: ["start", "end"])
        guard let low = try range["start"].port() else {
            throw ObjectError(.missing, field: range["start"].path.description, "is required")
        }
        guard let high = try range["end"].port() else {
            throw ObjectError(.missing, field: range["end"].path.description, "is required")
        }
        guard low < high, let ports = PortRange(low: low, high: high) else {
            throw range["end"].invalid("must be greater than start, \(low)")
        }
        return ports
    }
}
