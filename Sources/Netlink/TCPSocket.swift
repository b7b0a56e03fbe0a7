package import NetTypes

/// A TCP socket by its two ends, as its own network namespace sees them.
package struct TCPSocket: Sendable, Hashable {
    package let local: IPAddress
    package let localPort: UInt16
    package let remote: IPAddress
    package let remotePort: UInt16

    package init(local: IPAddress, localPort: UInt16, remote: IPAddress, remotePort: UInt16) {
        self.local = local
        self.localPort = localPort
        self.remote = remote
        self.remotePort = remotePort
    }

    /// `struct inet_diag_req_v2`. The cookie of a socket that is not known yet is all ones.
    private func request(_ type: UInt16, cookie: UInt64) -> NetlinkMessage {
        var payload: [UInt8] = [local.isV4 ? AddressFamily.v4 : AddressFamily.v6, Self.transport, 0, 0]
        payload.append(native: UInt32.max)
        payload.append(native: localPort.bigEndian)
        payload.append(native: remotePort.bigEndian)
        for address in [local, remote] {
            payload.append(contentsOf: address.familyBytes)
            payload.append(contentsOf: Array(repeating: 0, count: 16 - address.familyBytes.count))
        }
        payload.append(native: UInt32(0))
        payload.append(native: cookie)
        return NetlinkMessage(type: type, flags: 0, payload: payload)
    }

    private static let transport: UInt8 = 6
    private static let anyCookie = UInt64.max

    var query: NetlinkMessage { request(MessageType.socketByFamily, cookie: Self.anyCookie) }
    func destruction(cookie: UInt64) -> NetlinkMessage { request(MessageType.destroySocket, cookie: cookie) }

    /// The cookie in an answer to `query`; nil where that is no connection: where none has these ends, the kernel
    /// answers with who listens there.
    static func cookie(ofConnection answer: NetlinkMessage) throws(NetlinkError) -> UInt64? {
        let payload = answer.payload[...]
        guard payload.count > 1, let cookie = payload.native(UInt64.self, at: 44) else {
            throw NetlinkError(.malformed, "a message about a socket is cut off")
        }
        return [stateTimeWait, stateListen].contains(payload[1]) ? nil : cookie
    }

    private static let stateTimeWait: UInt8 = 6
    private static let stateListen: UInt8 = 10
}

extension NetlinkConnection {
    /// Ends a connection: its program gets ECONNABORTED, and the other end an RST. False where there is no such
    /// connection. Needs a connection of `socketDiagnosis`; throws `refused` with EOPNOTSUPP by a kernel without
    /// CONFIG_INET_DIAG_DESTROY.
    package func destroy(_ socket: TCPSocket) throws(NetlinkError) -> Bool {
        let what = "end the connection of port \(socket.localPort) to \(socket.remote) port \(socket.remotePort)"
        guard let answer = try get(socket.query, answer: MessageType.socketByFamily, what),
            let cookie = try TCPSocket.cookie(ofConnection: answer)
        else { return false }
        do {
            try perform(socket.destruction(cookie: cookie), what)
            return true
        } catch {
            if error.isMissing { return false }
            throw error
        }
    }
}
