package import JSONText
package import NetTypes

package enum ServiceType: String, Sendable {
    case clusterIP = "ClusterIP"
    case nodePort = "NodePort"
    case loadBalancer = "LoadBalancer"
    case externalName = "ExternalName"
}

/// A port by number or by the name that the pod gives it.
package enum PortReference: Hashable, Sendable, CustomStringConvertible {
    case number(UInt16)
    case name(String)

    package var description: String {
        switch self {
        case .number(let number): String(number)
        case .name(let name): name
        }
    }

    /// Reads an integer or a name; nil where absent.
    package init?(_ reader: FieldReader) throws(ObjectError) {
        guard let value = reader.value else { return nil }
        if case .string(let name) = value {
            if name.isEmpty { throw reader.invalid("a port name must not be empty") }
            self = .name(name)
        } else if let number = try reader.port() {
            self = .number(number)
        } else {
            return nil
        }
    }
}

package struct ServicePort: Hashable, Sendable {
    package let name: String
    package let transport: TransportProtocol
    package let port: UInt16
    package let targetPort: PortReference

    package init(name: String, transport: TransportProtocol, port: UInt16, targetPort: PortReference) {
        self.name = name
        self.transport = transport
        self.port = port
        self.targetPort = targetPort
    }
}

/// What compilers and controllers need of a Service.
package struct Service: Hashable, Sendable {
    package var metadata: ObjectMeta
    package var type: ServiceType
    /// Empty for headless and ExternalName Services, and while none is allocated.
    package var clusterIPs: [IPAddress]
    package var isHeadless: Bool
    package var ports: [ServicePort]
    /// Nil where the Service has no selector: somebody else writes its slices.
    package var selector: [String: String]?
    package var publishesNotReadyAddresses: Bool

    package init(
        metadata: ObjectMeta, type: ServiceType = .clusterIP, clusterIPs: [IPAddress] = [], isHeadless: Bool = false,
        ports: [ServicePort] = [], selector: [String: String]? = nil, publishesNotReadyAddresses: Bool = false
    ) {
        self.metadata = metadata
        self.type = type
        self.clusterIPs = clusterIPs
        self.isHeadless = isHeadless
        self.ports = ports
        self.selector = selector
        self.publishesNotReadyAddresses = publishesNotReadyAddresses
    }

    package var key: ObjectKey { metadata.key }

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let spec = reader["spec"]
        self.init(metadata: try ObjectMeta(object: reader))
        let typeName = try spec["type"].string() ?? ServiceType.clusterIP.rawValue
        guard let type = ServiceType(rawValue: typeName) else {
            throw spec["type"].invalid("\"\(typeName)\" is not one of ClusterIP, NodePort, LoadBalancer, ExternalName")
        }
        self.type = type
        let selector = try spec["selector"].stringMap()
        self.selector = selector.isEmpty ? nil : selector
        publishesNotReadyAddresses = try spec["publishNotReadyAddresses"].bool() ?? false
        try readClusterIPs(spec)
        for entry in try spec["ports"].elements() {
            guard let port = try entry["port"].port() else {
                throw ObjectError(.missing, field: entry["port"].path.description, "is required")
            }
            // 0 is how protobuf writes "not set".
            let target = entry["targetPort"].value == .integer(0) ? nil : try PortReference(entry["targetPort"])
            ports.append(
                ServicePort(
                    name: try entry["name"].string() ?? "", transport: try entry["protocol"].transportProtocol(),
                    port: port, targetPort: target ?? .number(port)))
        }
    }

    private mutating func readClusterIPs(_ spec: FieldReader) throws(ObjectError) {
        var texts = try spec["clusterIPs"].strings()
        if texts.isEmpty, let first = try spec["clusterIP"].string(), !first.isEmpty { texts = [first] }
        if texts == ["None"] {
            isHeadless = true
            return
        }
        for text in texts where !text.isEmpty {
            guard let address = IPAddress(text) else {
                throw spec["clusterIPs"].invalid("\"\(text)\" is not an IP address")
            }
            clusterIPs.append(address)
        }
    }
}
