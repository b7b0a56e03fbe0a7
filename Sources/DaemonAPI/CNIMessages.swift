package import JSONText
package import NetTypes

/// What names an attachment: the CNI specification's (container id, interface name).
package struct AttachmentKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let containerID: String
    /// The interface's name inside the container.
    package let interface: String

    package init(containerID: String, interface: String) {
        self.containerID = containerID
        self.interface = interface
    }

    package var description: String { "\(containerID)/\(interface)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.containerID, left.interface) < (right.containerID, right.interface)
    }

    package var json: JSONValue { ["containerID": .string(containerID), "ifname": .string(interface)] }

    package init(json: JSONValue) throws(DaemonError) {
        self.init(containerID: try json.requiredString("containerID"), interface: try json.requiredString("ifname"))
    }
}

/// Whose attachment it is, from `CNI_ARGS`.
package enum AttachmentOwner: Sendable, Hashable, CustomStringConvertible {
    /// `uid` is nil where the runtime gave none.
    case pod(namespace: String, name: String, uid: String?)
    /// No Pod arguments; allowed only by the network configuration's `allowUnmanaged`.
    case unmanaged

    package var description: String {
        switch self {
        case .pod(let namespace, let name, let uid): "pod \(namespace)/\(name)" + (uid.map { " (uid \($0))" } ?? "")
        case .unmanaged: "an unmanaged container"
        }
    }

    package var json: JSONValue {
        switch self {
        case .pod(let namespace, let name, let uid):
            var value: JSONValue = ["namespace": .string(namespace), "name": .string(name)]
            if let uid { value["uid"] = .string(uid) }
            return value
        case .unmanaged: return .null
        }
    }

    package init(json: JSONValue) throws(DaemonError) {
        if json.isNull {
            self = .unmanaged
        } else {
            self = .pod(
                namespace: try json.requiredString("namespace"), name: try json.requiredString("name"),
                uid: try json.optionalString("uid"))
        }
    }
}

/// Parameters of `cni.add`, `cni.del` and `cni.check`.
package struct CNIRequest: Sendable, Hashable {
    package let key: AttachmentKey
    /// Path of the container's network namespace; empty where the runtime no longer knows it (DEL).
    package let namespacePath: String
    package let owner: AttachmentOwner
    /// The network configuration's `name`.
    package let network: String
    package let allowUnmanaged: Bool
    /// The network configuration's `mtu`; nil lets the daemon choose.
    package let mtu: Int?
    /// CLOCK_BOOTTIME, in nanoseconds, when the plugin was started. A DEL cancels every ADD of its key that was started
    /// before it, in whatever order the two are read.
    package let startedNanoseconds: Int64
    /// CHECK: what the ADD before it answered.
    package let previous: CNIResult?

    package init(
        key: AttachmentKey, namespacePath: String, owner: AttachmentOwner, network: String,
        allowUnmanaged: Bool = false, mtu: Int? = nil, startedNanoseconds: Int64, previous: CNIResult? = nil
    ) {
        self.key = key
        self.namespacePath = namespacePath
        self.owner = owner
        self.network = network
        self.allowUnmanaged = allowUnmanaged
        self.mtu = mtu
        self.startedNanoseconds = startedNanoseconds
        self.previous = previous
    }

    package var json: JSONValue {
        var value = key.json
        value["netns"] = .string(namespacePath)
        value["pod"] = owner.json
        value["network"] = .string(network)
        value["allowUnmanaged"] = .bool(allowUnmanaged)
        if let mtu { value["mtu"] = .integer(Int64(mtu)) }
        value["started"] = .integer(startedNanoseconds)
        if let previous { value["previous"] = previous.json }
        return value
    }

    package init(json: JSONValue) throws(DaemonError) {
        var previous: CNIResult?
        if let value = json["previous"], !value.isNull { previous = try CNIResult(json: value) }
        self.init(
            key: try AttachmentKey(json: json), namespacePath: try json.optionalString("netns") ?? "",
            owner: try AttachmentOwner(json: json["pod"] ?? .null), network: try json.requiredString("network"),
            allowUnmanaged: try json.optionalBool("allowUnmanaged") ?? false,
            mtu: try json.optionalInteger("mtu", in: 1_280...65_535).map(Int.init),
            startedNanoseconds: try json.requiredInteger("started", in: 0...Int64.max), previous: previous)
    }
}

/// Parameters of `cni.gc`: the attachments of a network that shall stay.
package struct CNICollectRequest: Sendable, Hashable {
    package let network: String
    package let valid: [AttachmentKey]
    /// As in `CNIRequest`: an ADD started later than this is never collected.
    package let startedNanoseconds: Int64

    package init(network: String, valid: [AttachmentKey], startedNanoseconds: Int64) {
        self.network = network
        self.valid = valid
        self.startedNanoseconds = startedNanoseconds
    }

    package var json: JSONValue {
        [
            "network": .string(network), "valid": .array(valid.map(\.json)), "started": .integer(startedNanoseconds),
        ]
    }

    package init(json: JSONValue) throws(DaemonError) {
        var valid: [AttachmentKey] = []
        for element in try json.elements("valid") { valid.append(try AttachmentKey(json: element)) }
        self.init(
            network: try json.requiredString("network"), valid: valid,
            startedNanoseconds: try json.requiredInteger("started", in: 0...Int64.max))
    }
}

/// What an ADD made, independent of the CNI version; the plugin writes it in the version it was asked for.
package struct CNIResult: Sendable, Hashable {
    package let hostInterface: String
    package let hostMAC: MACAddress
    package let podInterface: String
    package let podMAC: MACAddress
    /// The pod's network namespace, as the runtime named it.
    package let sandbox: String
    package let mtu: Int
    /// At most one of each family.
    package let addresses: [IPAddress]

    package init(
        hostInterface: String, hostMAC: MACAddress, podInterface: String, podMAC: MACAddress, sandbox: String, mtu: Int,
        addresses: [IPAddress]
    ) {
        self.hostInterface = hostInterface
        self.hostMAC = hostMAC
        self.podInterface = podInterface
        self.podMAC = podMAC
        self.sandbox = sandbox
        self.mtu = mtu
        self.addresses = addresses
    }

    package var json: JSONValue {
        [
            "hostInterface": .string(hostInterface), "hostMAC": .string(hostMAC.description),
            "podInterface": .string(podInterface), "podMAC": .string(podMAC.description), "sandbox": .string(sandbox),
            "mtu": .integer(Int64(mtu)), "addresses": .array(addresses.map { .string($0.description) }),
        ]
    }

    package init(json: JSONValue) throws(DaemonError) {
        func mac(_ field: String) throws(DaemonError) -> MACAddress {
            guard let mac = MACAddress(try json.requiredString(field)) else {
                throw DaemonError(.decodingFailure, "\(field) is no Ethernet address")
            }
            return mac
        }
        self.init(
            hostInterface: try json.requiredString("hostInterface"), hostMAC: try mac("hostMAC"),
            podInterface: try json.requiredString("podInterface"), podMAC: try mac("podMAC"),
            sandbox: try json.requiredString("sandbox"),
            mtu: Int(try json.requiredInteger("mtu", in: 0...65_535)), addresses: try json.addresses("addresses"))
    }
}

/// The addresses that a pod sees as its gateways, the same in every pod: link-local, answered by the datapath.
package enum PodGateway {
    /// 169.254.1.1
    package static let v4 = IPAddress(v4: 0xa9fe_0101)
    /// fe80::1
    package static let v6 = IPAddress(high: 0xfe80_0000_0000_0000, low: 1)

    /// Of the node's end of every pod's veth, the same on all: the datapath knows one.
    package static let mac: MACAddress = {
        guard let mac = MACAddress(bytes: [0x02, 0x6d, 0x61, 0x72, 0x74, 0x01]) else {
            preconditionFailure("six bytes are an Ethernet address")
        }
        return mac
    }()

    package static func address(_ family: IPFamily) -> IPAddress {
        switch family {
        case .v4: v4
        case .v6: v6
        }
    }
}
