package import NetTypes

/// One Ethernet frame to be built, checksums and all: what goes into a program, and what is expected out of it.
package struct PacketBytes: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case tcp(source: UInt16, destination: UInt16, flags: TCPFlags, sequence: UInt32, acknowledgement: UInt32)
        case udp(source: UInt16, destination: UInt16)
        /// ICMP or ICMPv6, by the family of the addresses; `word` is the second word of the header.
        case icmp(type: UInt8, code: UInt8, word: UInt32)
        /// The bytes after the IP header are `payload` alone.
        case raw(protocol: UInt8)
    }

    package struct TCPFlags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let fin = TCPFlags(rawValue: 1)
        package static let syn = TCPFlags(rawValue: 2)
        package static let reset = TCPFlags(rawValue: 4)
        package static let push = TCPFlags(rawValue: 8)
        package static let ack = TCPFlags(rawValue: 16)
    }

    package var destinationMAC: [UInt8] = PacketBytes.gatewayMAC
    package var sourceMAC: [UInt8] = [2, 0, 0, 0, 0, 10]
    package var source: IPAddress
    package var destination: IPAddress
    package var ttl: UInt8 = 64
    package var identification: UInt32 = 1
    /// In units of eight bytes.
    package var fragmentOffset: UInt16 = 0
    package var moreFragments = false
    package var doNotFragment = true
    package var body: Body
    package var payload: [UInt8] = []
    /// What the TCP window says.
    package var window: UInt16 = 1024

    package static let gatewayMAC: [UInt8] = [0xee, 0xee, 0xee, 0xee, 0xee, 0xee]

    package init(_ source: String, _ destination: String, _ body: Body, payload: [UInt8] = []) {
        self.source = PacketBytes.address(source)
        self.destination = PacketBytes.address(destination)
        self.body = body
        self.payload = payload
    }

    /// An address that the test itself wrote down.
    package static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
        return address
    }

    package static func tcp(
        _ source: String, _ sourcePort: UInt16, _ destination: String, _ destinationPort: UInt16,
        _ flags: TCPFlags = .syn, sequence: UInt32 = 1000, acknowledgement: UInt32 = 0, payload: [UInt8] = []
    ) -> PacketBytes {
        PacketBytes(
            source, destination,
            .tcp(
                source: sourcePort, destination: destinationPort, flags: flags, sequence: sequence,
                acknowledgement: acknowledgement), payload: payload)
    }

    package static func udp(
        _ source: String, _ sourcePort: UInt16, _ destination: String, _ destinationPort: UInt16,
        payload: [UInt8] = Array("datagram".utf8)
    ) -> PacketBytes {
        PacketBytes(source, destination, .udp(source: sourcePort, destination: destinationPort), payload: payload)
    }

    /// The first chunk of an SCTP packet.
    package enum Chunk: UInt8, Sendable {
        case data = 0
        case initiation = 1
        case initiationAck = 2
    }

    /// Without a checksum that counts: the datapath does not look at it.
    package static func sctp(
        _ source: String, _ sourcePort: UInt16, _ destination: String, _ destinationPort: UInt16, _ chunk: Chunk
    ) -> PacketBytes {
        let ports = [sourcePort, destinationPort].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        return PacketBytes(
            source, destination, .raw(protocol: 132),
            payload: ports + [UInt8](repeating: 0, count: 8) + [chunk.rawValue, 0, 0, 4])
    }

    /// An echo request, or its reply.
    package static func echo(
        _ source: String, _ destination: String, identifier: UInt16, reply: Bool = false
    ) -> PacketBytes {
        let isV4 = address(source).isV4
        let type: UInt8 = isV4 ? (reply ? 0 : 8) : (reply ? 129 : 128)
        return PacketBytes(
            source, destination, .icmp(type: type, code: 0, word: UInt32(identifier) << 16 | 1),
            payload: Array("ping".utf8))
    }

    /// An ICMP error about a packet, quoting `quoted` bytes from its IP header on.
    package static func error(
        _ source: String, _ destination: String, about packet: PacketBytes, type: UInt8? = nil, code: UInt8? = nil,
        word: UInt32 = 0, quoted: Int? = nil
    ) -> PacketBytes {
        let isV4 = packet.source.isV4
        let quote = packet.bytes.dropFirst(14).prefix(quoted ?? (isV4 ? 28 : 88))
        return PacketBytes(
            source, destination,
            .icmp(type: type ?? (isV4 ? 3 : 1), code: code ?? (isV4 ? 3 : 4), word: word), payload: Array(quote))
    }
}

// MARK: Variations

extension PacketBytes {
    /// The packet as it enters a pod: both hardware addresses are the veth's.
    package func delivered(to mac: [UInt8]) -> PacketBytes {
        with {
            $0.destinationMAC = mac
            $0.sourceMAC = Self.gatewayMAC
        }
    }

    package func with(_ change: (inout PacketBytes) -> Void) -> PacketBytes {
        var copy = self
        change(&copy)
        return copy
    }

    /// The packet cut in two at a multiple of eight bytes of its IP payload.
    package func fragmented(at cut: Int) -> (first: PacketBytes, second: PacketBytes) {
        precondition(cut % 8 == 0, "fragments are cut at multiples of eight bytes")
        let whole = transportBytes
        let number = protocolNumber
        let first = with {
            $0.body = .raw(protocol: number)
            $0.payload = Array(whole.prefix(cut))
            $0.moreFragments = true
            $0.doNotFragment = false
        }
        let second = with {
            $0.body = .raw(protocol: number)
            $0.payload = Array(whole.dropFirst(cut))
            $0.fragmentOffset = UInt16(cut / 8)
            $0.doNotFragment = false
        }
        return (first, second)
    }
}

// MARK: Bytes

extension PacketBytes {
    private var isFragment: Bool { moreFragments || fragmentOffset != 0 }

    package var protocolNumber: UInt8 {
        switch body {
        case .tcp: 6
        case .udp: 17
        case .icmp: source.isV4 ? 1 : 58
        case .raw(let number): number
        }
    }

    /// The frame.
    package var bytes: [UInt8] {
        let transport = transportBytes
        let header = source.isV4 ? ipv4Header(payload: transport.count) : ipv6Header(payload: transport.count)
        return destinationMAC + sourceMAC + (source.isV4 ? [0x08, 0x00] : [0x86, 0xdd]) + header + transport
    }

    /// Transport header and payload, with the checksum filled in.
    package var transportBytes: [UInt8] {
        switch body {
        case .tcp(let from, let to, let flags, let sequence, let acknowledgement):
            var bytes = big(from) + big(to) + big(sequence) + big(acknowledgement)
            bytes += [0x50, flags.rawValue] + big(window) + [0, 0, 0, 0] + payload
            return summed(bytes, at: 16)
        case .udp(let from, let to):
            return summed(big(from) + big(to) + big(UInt16(8 + payload.count)) + [0, 0] + payload, at: 6)
        case .icmp(let type, let code, let word):
            return summed([type, code, 0, 0] + big(word) + payload, at: 2)
        case .raw:
            return payload
        }
    }

    private func ipv4Header(payload count: Int) -> [UInt8] {
        var fragment = fragmentOffset
        if moreFragments { fragment |= 0x2000 }
        if doNotFragment { fragment |= 0x4000 }
        var header: [UInt8] = [0x45, 0] + big(UInt16(20 + count)) + big(UInt16(truncatingIfNeeded: identification))
        header += big(fragment) + [ttl, protocolNumber, 0, 0] + source.familyBytes + destination.familyBytes
        let sum = Self.checksum(header)
        header[10] = UInt8(sum >> 8)
        header[11] = UInt8(sum & 0xff)
        return header
    }

    private func ipv6Header(payload count: Int) -> [UInt8] {
        let extra: [UInt8] =
            isFragment
            ? [protocolNumber, 0] + big(fragmentOffset << 3 | (moreFragments ? 1 : 0)) + big(identification) : []
        var header: [UInt8] = [0x60, 0, 0, 0] + big(UInt16(count + extra.count))
        header += [isFragment ? 44 : protocolNumber, ttl] + source.familyBytes + destination.familyBytes
        return header + extra
    }

    /// Fills in a checksum over the pseudo header and `bytes`; ICMP has no pseudo header.
    private func summed(_ bytes: [UInt8], at position: Int) -> [UInt8] {
        var pseudo: [UInt8] = []
        if protocolNumber != 1 {
            pseudo = source.familyBytes + destination.familyBytes + big(UInt32(bytes.count))
            pseudo += big(UInt32(protocolNumber))
        }
        var sum = Self.checksum(pseudo + bytes)
        if protocolNumber == 17, sum == 0 { sum = 0xffff }
        var result = bytes
        result[position] = UInt8(sum >> 8)
        result[position + 1] = UInt8(sum & 0xff)
        return result
    }

    /// The Internet checksum (RFC 1071).
    package static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            let low = index + 1 < bytes.count ? bytes[index + 1] : 0
            sum += UInt32(bytes[index]) << 8 | UInt32(low)
        }
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }

    private func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
