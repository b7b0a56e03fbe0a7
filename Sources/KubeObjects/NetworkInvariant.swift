package import JSONText
package import NetTypes

/// NetworkInvariant (martlet.io/v1alpha1): what must hold between two sets of pods, whatever policies say.
package struct NetworkInvariant: Hashable, Sendable {
    package enum Statement: String, Sendable {
        /// Nothing of `from` reaches anything of `to`.
        case never = "Never"
        /// Nobody but the pods of `from` reaches anything of `to`: no other pod, and no address of no pod.
        case only = "Only"
    }

    /// Pods by labels of themselves and of their namespaces; what is not given selects everything.
    package struct Pods: Hashable, Sendable {
        package let namespaces: LabelSelector
        package let pods: LabelSelector

        package init(namespaces: LabelSelector = .everything, pods: LabelSelector = .everything) {
            self.namespaces = namespaces
            self.pods = pods
        }
    }

    package struct Port: Hashable, Sendable {
        package let transport: TransportProtocol
        package let ports: PortRange

        package init(_ transport: TransportProtocol, _ ports: PortRange) {
            self.transport = transport
            self.ports = ports
        }
    }

    package let name: String
    package let statement: Statement
    package let from: Pods
    package let to: Pods
    /// Empty: any protocol and port.
    package let ports: [Port]

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let spec = reader["spec"]
        try spec.allow(only: ["statement", "from", "to", "ports"])
        name = try ObjectMeta(object: reader).name
        guard let statement = Statement(rawValue: try spec["statement"].requiredString()) else {
            throw spec["statement"].invalid("must be Never or Only")
        }
        self.statement = statement
        from = try Self.readPods(spec["from"])
        to = try Self.readPods(spec["to"])
        var ports: [Port] = []
        for entry in try spec["ports"].elements() { ports.append(try Self.readPort(entry)) }
        self.ports = ports
    }

    private static func readPods(_ reader: FieldReader) throws(ObjectError) -> Pods {
        guard reader.isPresent else {
            throw ObjectError(.missing, field: reader.path.description, "is required")
        }
        try reader.allow(only: ["namespaceSelector", "podSelector"])
        return Pods(
            namespaces: try LabelSelector(reader["namespaceSelector"]), pods: try LabelSelector(reader["podSelector"]))
    }

    private static func readPort(_ reader: FieldReader) throws(ObjectError) -> Port {
        try reader.allow(only: ["protocol", "port", "endPort"])
        let transport = try reader["protocol"].transportProtocol()
        let end = try reader["endPort"].port()
        guard let low = try reader["port"].port() else {
            if end != nil { throw reader["endPort"].invalid("needs port beside it") }
            return Port(transport, .all)
        }
        guard let range = PortRange(low: low, high: end ?? low) else {
            throw reader["endPort"].invalid("must be at least port, \(low)")
        }
        return Port(transport, range)
    }
}
