package import DaemonAPI
package import JSONText
package import NetTypes

/// What the journal holds of an attachment: all that is needed to find it again, or to take every trace of it away.
package struct AttachmentRecord: Sendable, Hashable {
    package enum State: String, Sendable {
        /// Written before anything of it exists; it may be half-made. Can transition to: attached, removed.
        case planned
        /// Whole: ADD has answered or is about to. Can transition to: removed.
        case attached
    }

    package let key: AttachmentKey
    package let owner: AttachmentOwner
    package let network: String
    package let namespacePath: String
    package let addresses: [IPAddress]
    package let mtu: Int
    /// When the plugin of its ADD was started (CLOCK_BOOTTIME).
    package let startedNanoseconds: Int64
    package var state: State
    /// 0 until the links exist.
    package var hostIndex: UInt32 = 0
    package var podIndex: UInt32 = 0
    package var namespaceCookie: UInt64 = 0

    package init(
        key: AttachmentKey, owner: AttachmentOwner, network: String, namespacePath: String, addresses: [IPAddress],
        mtu: Int, startedNanoseconds: Int64, state: State = .planned
    ) {
        self.key = key
        self.owner = owner
        self.network = network
        self.namespacePath = namespacePath
        self.addresses = addresses
        self.mtu = mtu
        self.startedNanoseconds = startedNanoseconds
        self.state = state
    }

    package var names: AttachmentNames { AttachmentNames(key) }

    package var attachment: PodAttachment {
        PodAttachment(
            key: key, owner: owner, network: network, addresses: addresses, hostInterface: names.hostInterface,
            hostIndex: hostIndex, hostMAC: names.hostMAC, podMAC: names.podMAC, podIndex: podIndex,
            namespaceCookie: namespaceCookie, mtu: mtu)
    }

    package var result: CNIResult {
        CNIResult(
            hostInterface: names.hostInterface, hostMAC: names.hostMAC, podInterface: key.interface,
            podMAC: names.podMAC, sandbox: namespacePath, mtu: mtu, addresses: addresses)
    }

    /// Whether a runtime's prevResult tells of this attachment. Versions before 1.1.0 carry no MTU: 0 says nothing.
    package func matches(_ previous: CNIResult) -> Bool {
        previous.hostInterface == names.hostInterface && previous.podInterface == key.interface
            && previous.podMAC == names.podMAC && previous.sandbox == namespacePath
            && Set(previous.addresses) == Set(addresses) && (previous.mtu == 0 || previous.mtu == mtu)
    }

    package var json: JSONValue {
        var value = key.json
        value["pod"] = owner.json
        value["network"] = .string(network)
        value["netns"] = .string(namespacePath)
        value["addresses"] = .array(addresses.map { .string($0.description) })
        value["started"] = .integer(startedNanoseconds)
        value["mtu"] = .integer(Int64(mtu))
        value["state"] = .string(state.rawValue)
        value["hostIndex"] = .integer(Int64(hostIndex))
        value["podIndex"] = .integer(Int64(podIndex))
        value["cookie"] = .string(String(namespaceCookie))
        return value
    }

    /// Throws `decodingFailure` naming the field.
    package init(json: JSONValue) throws(DaemonError) {
        let key = try AttachmentKey(json: json)
        guard let state = json["state"]?.string.flatMap(State.init(rawValue:)) else {
            throw DaemonError(.decodingFailure, "state of \(key) is neither planned nor attached")
        }
        guard let network = json["network"]?.string, let namespacePath = json["netns"]?.string,
            let texts = json["addresses"]?.array, let mtu = json["mtu"]?.integer.flatMap(Int.init(exactly:)),
            let started = json["started"]?.integer,
            let hostIndex = json["hostIndex"]?.integer.flatMap(UInt32.init(exactly:)),
            let podIndex = json["podIndex"]?.integer.flatMap(UInt32.init(exactly:)),
            let cookie = json["cookie"]?.string.flatMap(UInt64.init)
        else { throw DaemonError(.decodingFailure, "the record of \(key) lacks a field") }
        let addresses = texts.compactMap { $0.string.flatMap(IPAddress.init) }
        guard addresses.count == texts.count else {
            throw DaemonError(.decodingFailure, "addresses of \(key) hold something that is no IP address")
        }
        self.init(
            key: key, owner: try AttachmentOwner(json: json["pod"] ?? .null), network: network,
            namespacePath: namespacePath, addresses: addresses, mtu: mtu, startedNanoseconds: started, state: state)
        self.hostIndex = hostIndex
        self.podIndex = podIndex
        namespaceCookie = cookie
    }
}

/// Names that follow from the key alone, so that they are the same after any restart.
package struct AttachmentNames: Sendable, Hashable {
    /// Every device that Martlet makes for a pod begins with this.
    package static let prefix = "mt"
    /// The alias of the node's end begins with this; the key follows.
    package static let aliasPrefix = "martlet "

    package let hostInterface: String
    package let hostMAC: MACAddress
    package let podMAC: MACAddress
    /// Kept by the kernel on the node's end: tells whose it is even where the journal is lost.
    package let alias: String

    package init(_ key: AttachmentKey) {
        let hash = Self.hash("\(key)")
        let digits = String(hash & 0xffff_ffff_ffff, radix: 16)
        hostInterface = Self.prefix + String(repeating: "0", count: 12 - digits.count) + digits
        hostMAC = PodGateway.mac
        podMAC = Self.mac(Self.hash("pod \(key)"))
        alias = Self.aliasPrefix + key.description
    }

    /// FNV-1a, 64 bits, with its bits mixed once more at the end.
    private static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return hash ^ hash >> 32
    }

    /// A locally administered unicast address.
    private static func mac(_ hash: UInt64) -> MACAddress {
        var bytes = (0..<6).map { UInt8(truncatingIfNeeded: hash >> UInt64($0 * 8)) }
        bytes[0] = bytes[0] & 0xfc | 0x02
        guard let mac = MACAddress(bytes: bytes) else { preconditionFailure("six bytes are an Ethernet address") }
        return mac
    }
}
