package import JSONText
package import NetTypes

/// An address block without its exceptions.
package struct AddressBlock: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let cidr: CIDR
    /// Sorted and unique; each inside `cidr`.
    package let except: [CIDR]

    package init(_ cidr: CIDR, except: [CIDR] = []) {
        self.cidr = cidr
        self.except = Set(except).sorted()
    }

    package func contains(_ address: IPAddress) -> Bool {
        cidr.contains(address) && !except.contains { $0.contains(address) }
    }

    package var description: String {
        except.isEmpty ? "\(cidr)" : "\(cidr) except \(except.map(\.description).joined(separator: ", "))"
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.cidr != right.cidr ? left.cidr < right.cidr : left.except.lexicographicallyPrecedes(right.except)
    }
}

package enum PolicyPeer: Hashable, Sendable {
    /// Pods by labels. Without a namespace selector: of the policy's own namespace.
    case pods(namespaces: LabelSelector?, pods: LabelSelector)
    case block(AddressBlock)
}

package struct PolicyPort: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        case all
        case range(PortRange)
        case named(String)
    }
    package let transport: TransportProtocol
    package let target: Target

    package init(_ transport: TransportProtocol, _ target: Target) {
        self.transport = transport
        self.target = target
    }
}

package struct PolicyRule: Hashable, Sendable {
    /// Empty: any peer, inside the cluster or not.
    package let peers: [PolicyPeer]
    /// Empty: any protocol and port.
    package let ports: [PolicyPort]

    package init(peers: [PolicyPeer] = [], ports: [PolicyPort] = []) {
        self.peers = peers
        self.ports = ports
    }
}

/// NetworkPolicy (networking.k8s.io/v1). A direction that is nil is not isolated by this policy.
package struct NetworkPolicy: Hashable, Sendable {
    package var metadata: ObjectMeta
    package var onChange = ChangeMode.recheck
    package var podSelector: LabelSelector
    package var ingress: [PolicyRule]?
    package var egress: [PolicyRule]?

    package init(
        metadata: ObjectMeta, podSelector: LabelSelector = .everything, ingress: [PolicyRule]? = nil,
        egress: [PolicyRule]? = nil
    ) {
        self.metadata = metadata
        self.podSelector = podSelector
        self.ingress = ingress
        self.egress = egress
    }

    package var key: ObjectKey { metadata.key }

    /// Reads the object; a field of `spec` that is not known is refused, since it could not be enforced.
    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let spec = reader["spec"]
        try spec.allow(only: ["podSelector", "ingress", "egress", "policyTypes"])
        self.init(metadata: try ObjectMeta(object: reader), podSelector: try LabelSelector(spec["podSelector"]))
        onChange = try ChangeMode(metadata)
        let ingress = try Self.readRules(spec["ingress"], peers: "from")
        let egress = try Self.readRules(spec["egress"], peers: "to")
        let types = try spec["policyTypes"].elements()
        if types.isEmpty {
            self.ingress = ingress
            self.egress = egress.isEmpty ? nil : egress
        }
        for type in types {
            switch try type.string() {
            case "Ingress": self.ingress = ingress
            case "Egress": self.egress = egress
            default: throw type.invalid("must be Ingress or Egress")
            }
        }
    }

    private static func readRules(_ reader: FieldReader, peers field: String) throws(ObjectError) -> [PolicyRule] {
        var rules: [PolicyRule] = []
        for entry in try reader.elements() {
            try entry.allow(only: [field, "ports"])
            var peers: [PolicyPeer] = []
            for peer in try entry[field].elements() { peers.append(try readPeer(peer)) }
            var ports: [PolicyPort] = []
            for port in try entry["ports"].elements() { ports.append(try readPort(port)) }
            rules.append(PolicyRule(peers: peers, ports: ports))
        }
        return rules
    }

    private static func readPeer(_ reader: FieldReader) throws(ObjectError) -> PolicyPeer {
        try reader.allow(only: ["podSelector", "namespaceSelector", "ipBlock"])
        let pods = reader["podSelector"]
        let namespaces = reader["namespaceSelector"]
        let block = reader["ipBlock"]
        if block.isPresent {
            if pods.isPresent || namespaces.isPresent {
                throw block.invalid("may not be given together with podSelector or namespaceSelector")
            }
            return .block(try readBlock(block))
        }
        guard pods.isPresent || namespaces.isPresent else {
            throw reader.invalid("needs podSelector, namespaceSelector or ipBlock")
        }
        return .pods(
            namespaces: namespaces.isPresent ? try LabelSelector(namespaces) : nil,
            pods: try LabelSelector(pods))
    }

    private static func readBlock(_ reader: FieldReader) throws(ObjectError) -> AddressBlock {
        try reader.allow(only: ["cidr", "except"])
        guard let cidr = try reader["cidr"].cidr() else {
            throw ObjectError(.missing, field: reader["cidr"].path.description, "is required")
        }
        var except: [CIDR] = []
        for element in try reader["except"].elements() {
            guard let hole = try element.cidr() else { throw element.invalid("an address block is required") }
            guard cidr.contains(hole), hole != cidr else {
                throw element.invalid("\(hole) must be a strict part of \(cidr)")
            }
            except.append(hole)
        }
        return AddressBlock(cidr, except: except)
    }

    private static func readPort(_ reader: FieldReader) throws(ObjectError) -> PolicyPort {
        try reader.allow(only: ["protocol", "port", "endPort"])
        let transport = try reader["protocol"].transportProtocol()
        let end = try reader["endPort"].port()
        guard let port = try PortReference(reader["port"]) else {
            if end != nil { throw reader["endPort"].invalid("needs a numeric port beside it") }
            return PolicyPort(transport, .all)
        }
        switch port {
        case .name(let name):
            if end != nil { throw reader["endPort"].invalid("may not be given with a named port") }
            return PolicyPort(transport, .named(name))
        case .number(let low):
            guard let range = PortRange(low: low, high: end ?? low) else {
                throw reader["endPort"].invalid("must be at least port, \(low)")
            }
            return PolicyPort(transport, .range(range))
        }
    }
}
