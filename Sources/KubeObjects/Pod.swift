package import JSONText
package import NetTypes

package enum PodPhase: String, Sendable {
    case pending = "Pending"
    case running = "Running"
    case succeeded = "Succeeded"
    case failed = "Failed"
    case unknown = "Unknown"

    /// No container runs any more, and none will: the address is free.
    package var isTerminal: Bool {
        switch self {
        case .succeeded, .failed: true
        case .pending, .running, .unknown: false
        }
    }
}

/// A port that a container declares.
package struct ContainerPort: Hashable, Sendable {
    /// Empty where the port has no name.
    package let name: String
    package let transport: TransportProtocol
    package let number: UInt16

    package init(name: String, transport: TransportProtocol, number: UInt16) {
        self.name = name
        self.transport = transport
        self.number = number
    }
}

/// What compilers and controllers need of a Pod.
package struct Pod: Hashable, Sendable {
    package var metadata: ObjectMeta
    /// Empty where not bound.
    package var nodeName: String
    package var isHostNetwork: Bool
    /// `status.podIPs`, or `status.podIP` alone.
    package var addresses: [IPAddress]
    package var phase: PodPhase
    package var isReady: Bool
    /// Of the ordinary containers and of init containers that go on running (`restartPolicy: Always`).
    package var ports: [ContainerPort]
    package var hostname: String
    package var subdomain: String

    package init(
        metadata: ObjectMeta, nodeName: String = "", isHostNetwork: Bool = false, addresses: [IPAddress] = [],
        phase: PodPhase = .running, isReady: Bool = true, ports: [ContainerPort] = [], hostname: String = "",
        subdomain: String = ""
    ) {
        self.metadata = metadata
        self.nodeName = nodeName
        self.isHostNetwork = isHostNetwork
        self.addresses = addresses
        self.phase = phase
        self.isReady = isReady
        self.ports = ports
        self.hostname = hostname
        self.subdomain = subdomain
    }

    package var key: ObjectKey { metadata.key }

    /// The number of a named port; the first container that declares it wins.
    package func port(named name: String, _ transport: TransportProtocol) -> UInt16? {
        ports.first { $0.name == name && $0.transport == transport }?.number
    }

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let spec = reader["spec"]
        let status = reader["status"]
        let phaseName = try status["phase"].string() ?? PodPhase.pending.rawValue
        self.init(
            metadata: try ObjectMeta(object: reader),
            nodeName: try spec["nodeName"].string() ?? "",
            isHostNetwork: try spec["hostNetwork"].bool() ?? false,
            addresses: try Self.readAddresses(status),
            phase: PodPhase(rawValue: phaseName) ?? .unknown,
            isReady: try Self.readReady(status),
            ports: try Self.readPorts(spec),
            hostname: try spec["hostname"].string() ?? "",
            subdomain: try spec["subdomain"].string() ?? "")
    }

    private static func readAddresses(_ status: FieldReader) throws(ObjectError) -> [IPAddress] {
        var found: [IPAddress] = []
        for entry in try status["podIPs"].elements() {
            if let address = try entry["ip"].address() { found.append(address) }
        }
        if found.isEmpty, let address = try status["podIP"].address() { found.append(address) }
        return found
    }

    private static func readReady(_ status: FieldReader) throws(ObjectError) -> Bool {
        for condition in try status["conditions"].elements() where try condition["type"].string() == "Ready" {
            return try condition["status"].string() == "True"
        }
        return false
    }

    private static func readPorts(_ spec: FieldReader) throws(ObjectError) -> [ContainerPort] {
        var containers = try spec["containers"].elements()
        for container in try spec["initContainers"].elements() where try container["restartPolicy"].string() == "Always"
        {
            containers.append(container)
        }
        var found: [ContainerPort] = []
        for container in containers {
            for entry in try container["ports"].elements() {
                guard let number = try entry["containerPort"].port() else {
                    throw ObjectError(.missing, field: entry["containerPort"].path.description, "is required")
                }
                found.append(
                    ContainerPort(
                        name: try entry["name"].string() ?? "", transport: try entry["protocol"].transportProtocol(),
                        number: number))
            }
        }
        return found
    }
}
