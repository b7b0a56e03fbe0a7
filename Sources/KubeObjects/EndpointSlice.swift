package import JSONText
package import NetTypes

package struct SliceEndpoint: Hashable, Sendable {
    package let addresses: [IPAddress]
    package let isReady: Bool
    package let isServing: Bool
    package let isTerminating: Bool
    package let nodeName: String
    /// `targetRef` where it names a Pod.
    package let pod: ObjectKey?

    package init(
        addresses: [IPAddress], isReady: Bool = true, isServing: Bool = true, isTerminating: Bool = false,
        nodeName: String = "", pod: ObjectKey? = nil
    ) {
        self.addresses = addresses
        self.isReady = isReady
        self.isServing = isServing
        self.isTerminating = isTerminating
        self.nodeName = nodeName
        self.pod = pod
    }
}

package struct SlicePort: Hashable, Sendable {
    package let name: String
    package let transport: TransportProtocol
    /// Nil: all ports.
    package let port: UInt16?

    package init(name: String, transport: TransportProtocol, port: UInt16?) {
        self.name = name
        self.transport = transport
        self.port = port
    }
}

/// What compilers need of an EndpointSlice (discovery.k8s.io/v1).
package struct EndpointSlice: Hashable, Sendable {
    package var metadata: ObjectMeta
    /// Nil for slices of type FQDN: they hold no addresses.
    package var family: IPFamily?
    package var endpoints: [SliceEndpoint]
    package var ports: [SlicePort]

    package init(
        metadata: ObjectMeta, family: IPFamily?, endpoints: [SliceEndpoint] = [], ports: [SlicePort] = []
    ) {
        self.metadata = metadata
        self.family = family
        self.endpoints = endpoints
        self.ports = ports
    }

    package var key: ObjectKey { metadata.key }

    /// The Service that the slice belongs to; nil where the label is missing.
    package var service: ObjectKey? {
        metadata.labels["kubernetes.io/service-name"].map { ObjectKey(metadata.namespace, $0) }
    }

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let type = try reader["addressType"].requiredString()
        let family: IPFamily?
        switch type {
        case "IPv4": family = .v4
        case "IPv6": family = .v6
        case "FQDN": family = nil
        default: throw reader["addressType"].invalid("\"\(type)\" is not one of IPv4, IPv6, FQDN")
        }
        self.init(metadata: try ObjectMeta(object: reader), family: family)
        for entry in try reader["ports"].elements() {
            ports.append(
                SlicePort(
                    name: try entry["name"].string() ?? "", transport: try entry["protocol"].transportProtocol(),
                    port: try entry["port"].port()))
        }
        guard family != nil else { return }
        for entry in try reader["endpoints"].elements() { endpoints.append(try Self.readEndpoint(entry)) }
    }

    private static func readEndpoint(_ entry: FieldReader) throws(ObjectError) -> SliceEndpoint {
        var addresses: [IPAddress] = []
        for element in try entry["addresses"].elements() {
            guard let address = try element.address() else { throw element.invalid("an address is required") }
            addresses.append(address)
        }
        let conditions = entry["conditions"]
        // An absent condition counts as ready; serving follows ready where it is absent itself.
        let ready = try conditions["ready"].bool() ?? true
        var pod: ObjectKey?
        if try entry["targetRef"]["kind"].string() == "Pod" {
            pod = ObjectKey(
                try entry["targetRef"]["namespace"].string() ?? "", try entry["targetRef"]["name"].string() ?? "")
        }
        return SliceEndpoint(
            addresses: addresses, isReady: ready, isServing: try conditions["serving"].bool() ?? ready,
            isTerminating: try conditions["terminating"].bool() ?? false,
            nodeName: try entry["nodeName"].string() ?? "", pod: pod)
    }
}
