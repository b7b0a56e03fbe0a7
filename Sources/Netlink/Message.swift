/// One netlink message (`struct nlmsghdr` and what follows it), in the machine's byte order.
package struct NetlinkMessage: Sendable, Hashable {
    static let headerBytes = 16

    package var type: UInt16
    package var flags: UInt16
    package var sequence: UInt32
    package var port: UInt32
    /// The family's own header, then attributes.
    package var payload: [UInt8]

    package init(type: UInt16, flags: UInt16, sequence: UInt32 = 0, port: UInt32 = 0, payload: [UInt8]) {
        self.type = type
        self.flags = flags
        self.sequence = sequence
        self.port = port
        self.payload = payload
    }

    /// The message's bytes, padded to four.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + payload.count + 3)
        bytes.append(native: UInt32(Self.headerBytes + payload.count))
        bytes.append(native: type)
        bytes.append(native: flags)
        bytes.append(native: sequence)
        bytes.append(native: port)
        bytes.append(contentsOf: payload)
        bytes.padToFour()
        return bytes
    }

    /// The messages of one datagram. Throws `malformed` where a length does not fit.
    package static func parse(_ datagram: [UInt8]) throws(NetlinkError) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = datagram[...]
        while !rest.isEmpty {
            guard rest.count >= headerBytes, let length = rest.native(UInt32.self, at: 0).map(Int.init),
                length >= headerBytes, length <= rest.count,
                let type = rest.native(UInt16.self, at: 4), let flags = rest.native(UInt16.self, at: 6),
                let sequence = rest.native(UInt32.self, at: 8), let port = rest.native(UInt32.self, at: 12)
            else { throw NetlinkError(.malformed, "a netlink message is cut off after \(messages.count) whole ones") }
            let body = Array(rest.dropFirst(headerBytes).prefix(length - headerBytes))
            messages.append(NetlinkMessage(type: type, flags: flags, sequence: sequence, port: port, payload: body))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return messages
    }

    /// What the kernel answered, where this is an error message: nil for success.
    func outcome() throws(NetlinkError) -> (errno: Int32, words: String)? {
        guard let code = payload[...].native(Int32.self, at: 0), let echoed = payload[...].native(UInt32.self, at: 4),
            code <= 0, code > -4096
        else { throw NetlinkError(.malformed, "a netlink acknowledgement is cut off") }
        if code == 0 { return nil }
        guard flags & MessageFlag.acknowledgeAttributes != 0 else { return (-code, "") }
        let echo = flags & MessageFlag.capped != 0 ? Self.headerBytes : (Int(echoed) + 3) & ~3
        let attributes = try Attributes(payload[...].dropFirst(4 + echo))
        return (-code, attributes.text(1) ?? "")
    }
}

extension [UInt8] {
    mutating func append(native value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }

    mutating func padToFour() {
        while count % 4 != 0 { append(0) }
    }
}

extension ArraySlice<UInt8> {
    /// A number in the machine's byte order, `offset` bytes from the start; nil where there are too few bytes.
    func native<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number? {
        let size = MemoryLayout<Number>.size
        guard offset >= 0, count - offset >= size else { return nil }
        var number: Number = 0
        withUnsafeBytes { source in
            Swift.withUnsafeMutableBytes(of: &number) { target in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<(offset + size)]))
            }
        }
        return number
    }
}
