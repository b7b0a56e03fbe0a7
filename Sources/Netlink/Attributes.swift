import NetTypes

/// Type-length-value attributes (`struct nlattr`), padded to four bytes each.
struct Attributes {
    private(set) var list: [(type: UInt16, value: ArraySlice<UInt8>)] = []

    /// Throws `malformed` where a length does not fit. Bits 14 and 15 of a type (byte order, nested) are cleared.
    init(_ bytes: ArraySlice<UInt8>) throws(NetlinkError) {
        var rest = bytes
        while rest.count >= 4 {
            guard let length = rest.native(UInt16.self, at: 0).map(Int.init), length >= 4, length <= rest.count,
                let type = rest.native(UInt16.self, at: 2)
            else { throw NetlinkError(.malformed, "a netlink attribute is cut off after \(list.count) whole ones") }
            list.append((type & 0x3fff, rest.dropFirst(4).prefix(length - 4)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        guard rest.isEmpty else { throw NetlinkError(.malformed, "\(rest.count) bytes follow the last attribute") }
    }

    subscript(type: UInt16) -> ArraySlice<UInt8>? { list.last { $0.type == type }?.value }

    func number<Number: FixedWidthInteger>(_ type: UInt16, as: Number.Type = UInt32.self) -> Number? {
        self[type]?.native(Number.self, at: 0)
    }

    /// A string, up to its terminating zero.
    func text(_ type: UInt16) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// 4 or 16 bytes in network order.
    func address(_ type: UInt16) throws(NetlinkError) -> IPAddress? {
        guard let bytes = self[type] else { return nil }
        if bytes.count == 4 { return IPAddress(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) }) }
        guard let address = IPAddress(networkBytes: bytes) else {
            throw NetlinkError(.malformed, "attribute \(type) holds an address of \(bytes.count) bytes")
        }
        return address
    }

    func nested(_ type: UInt16) throws(NetlinkError) -> Attributes? {
        guard let bytes = self[type] else { return nil }
        return try Attributes(bytes)
    }
}

/// Writes a payload: the family's header first, then attributes.
struct PayloadWriter {
    private(set) var bytes: [UInt8]

    init(header: [UInt8] = []) { bytes = header }

    mutating func put(_ type: UInt16, bytes value: some Collection<UInt8>) {
        bytes.append(native: UInt16(4 + value.count))
        bytes.append(native: type)
        bytes.append(contentsOf: value)
        bytes.padToFour()
    }

    mutating func put(_ type: UInt16, number value: some FixedWidthInteger) {
        var encoded: [UInt8] = []
        encoded.append(native: value)
        put(type, bytes: encoded)
    }

    /// With the terminating zero that the kernel wants.
    mutating func put(_ type: UInt16, text: String) { put(type, bytes: Array(text.utf8) + [0]) }

    mutating func put(_ type: UInt16, address: IPAddress) { put(type, bytes: address.familyBytes) }

    mutating func put(_ type: UInt16, nested: PayloadWriter) { put(type | 0x8000, bytes: nested.bytes) }
}
