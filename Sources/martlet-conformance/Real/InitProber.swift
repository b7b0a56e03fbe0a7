import Glibc
import NetTypes
import Netlink

/// SCTP's first exchange (RFC 9260, 5.1) by a raw socket in a pod, for kernels without SCTP: sends INIT, answers the
/// INIT of others on its ports with INIT ACK, whose initiate tag is the pod's number.
final class InitProber {
    private static let initChunk: UInt8 = 1
    private static let initAckChunk: UInt8 = 2
    private static let packetBytes = 32

    let number: UInt32
    let descriptor: Int32
    private let ports: Set<UInt16>
    private var nextPort: UInt16 = 20_000

    /// Opens the socket in the calling thread's network namespace.
    init(number: UInt32, ports: Set<UInt16>) throws(NetlinkError) {
        self.number = number
        self.ports = ports
        descriptor = socket(
            AF_INET, Int32(SOCK_RAW.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_SCTP))
        if descriptor < 0 { throw NetlinkError(.systemCall, "raw socket for SCTP", errno: errno) }
        var room: Int32 = 4 << 20
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, socklen_t(MemoryLayout<Int32>.size))
    }

    func end() { close(descriptor) }

    /// Sends INIT from a port that no dial of this pod had for long, and returns it.
    func send(to address: IPAddress, port: UInt16) -> UInt16 {
        let own = nextPort
        nextPort = nextPort == .max ? 20_000 : nextPort + 1
        send(to: address, Self.packet(from: own, to: port, tag: 0, Self.initChunk, initiateTag: UInt32(own)))
        return own
    }

    private func send(to address: IPAddress, _ bytes: [UInt8]) {
        _ = SocketAddress(address, 0).use { Int32(sendto(descriptor, bytes, bytes.count, 0, $0, $1)) }
    }

    /// Serves what has come: answers INITs, and returns INIT ACKs as own port, sender, and number of the pod there.
    func receive() -> [(port: UInt16, address: IPAddress, number: UInt32)] {
        var found: [(port: UInt16, address: IPAddress, number: UInt32)] = []
        var buffer = [UInt8](repeating: 0, count: 2_048)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 { return found }
            let header = Int(buffer[0] & 15) * 4
            guard count >= header + Self.packetBytes, let sender = IPAddress(v4Bytes: buffer[12..<16]) else { continue }
            let packet = Array(buffer[header..<count])
            let (from, to) = (Self.word16(packet, 0), Self.word16(packet, 2))
            let initiateTag = Self.word32(packet, 16)
            if packet[12] == Self.initChunk, ports.contains(to) {
                send(
                    to: sender,
                    Self.packet(from: to, to: from, tag: initiateTag, Self.initAckChunk, initiateTag: number))
            } else if packet[12] == Self.initAckChunk, Self.word32(packet, 4) == UInt32(to) {
                found.append((to, sender, initiateTag))
            }
        }
    }

    private static func word16(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }

    private static func word32(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(word16(bytes, at)) << 16 | UInt32(word16(bytes, at + 2))
    }

    private static func bytes(_ value: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt32($0 * 8)) }
    }

    /// Common header, and a chunk INIT or INIT ACK without parameters: window 65536, one stream each way.
    private static func packet(
        from source: UInt16, to destination: UInt16, tag: UInt32, _ chunk: UInt8, initiateTag: UInt32
    ) -> [UInt8] {
        var packet = bytes(UInt32(source), 2) + bytes(UInt32(destination), 2) + bytes(tag, 4) + [0, 0, 0, 0]
        packet += [chunk, 0, 0, 20] + bytes(initiateTag, 4) + bytes(65_536, 4) + [0, 1, 0, 1] + bytes(1, 4)
        let sum = checksum(packet)
        // The checksum alone is in little-endian order (RFC 9260, appendix A).
        packet.replaceSubrange(8..<12, with: bytes(sum, 4).reversed())
        return packet
    }

    /// CRC32c, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~sum
    }
}

extension IPAddress {
    fileprivate init?(v4Bytes bytes: ArraySlice<UInt8>) {
        guard bytes.count == 4 else { return nil }
        self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }
}
