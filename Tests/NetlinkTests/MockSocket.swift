import Netlink

/// Plays back datagrams; keeps what was sent.
final class MockSocket: NetlinkSocket {
    let port: UInt32 = 77
    var sent: [[UInt8]] = []
    /// For each request, the datagrams that answer it; the sequence number of the request is written into each message.
    var answers: [[[NetlinkMessage]]] = []
    private var pending: [[UInt8]] = []

    func send(_ bytes: [UInt8]) throws(NetlinkError) {
        sent.append(bytes)
        let sequence = UInt32(bytes[8]) | UInt32(bytes[9]) << 8 | UInt32(bytes[10]) << 16 | UInt32(bytes[11]) << 24
        guard !answers.isEmpty else { return }
        pending += answers.removeFirst().map { datagram in
            datagram.flatMap { message in
                var message = message
                if message.sequence == 0 { message.sequence = sequence }
                return message.bytes
            }
        }
    }

    func receive() throws(NetlinkError) -> [UInt8] {
        guard !pending.isEmpty else { throw NetlinkError(.systemCall, "recvmsg(netlink)", errno: 11) }
        return pending.removeFirst()
    }

    func close() {}
}

extension NetlinkMessage {
    /// An acknowledgement: errno 0 is success.
    static func acknowledgement(errno: Int32, words: String = "") -> NetlinkMessage {
        var payload: [UInt8] = []
        withUnsafeBytes(of: -errno) { payload.append(contentsOf: $0) }
        payload += [UInt8](repeating: 0, count: 16)
        if !words.isEmpty {
            let text = Array(words.utf8) + [0]
            payload += [UInt8(4 + text.count), 0, 1, 0] + text
            while payload.count % 4 != 0 { payload.append(0) }
        }
        return NetlinkMessage(type: 2, flags: words.isEmpty ? 0x100 : 0x300, payload: payload)
    }

    static let done = NetlinkMessage(type: 3, flags: 2, payload: [0, 0, 0, 0])

    /// RTM_NEWLINK: index 5, up, IFLA_IFNAME "eth0", IFLA_MTU 1500, IFLA_ADDRESS 02:00:00:00:00:05.
    static let link = NetlinkMessage(
        type: 16, flags: 2,
        payload: [
            0, 0, 1, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  // ifinfomsg: type ethernet, index 5, IFF_UP
            9, 0, 3, 0, 0x65, 0x74, 0x68, 0x30, 0, 0, 0, 0,  // IFLA_IFNAME, padded
            8, 0, 4, 0, 0xdc, 0x05, 0, 0,  // IFLA_MTU
            10, 0, 1, 0, 2, 0, 0, 0, 0, 5, 0, 0,  // IFLA_ADDRESS, padded
        ])
}
