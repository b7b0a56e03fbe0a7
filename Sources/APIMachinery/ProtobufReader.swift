/// Reads the wire format of protocol buffers; every length is checked against what is there.
struct ProtobufReader {
    enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
        case fixed32 = 5
    }

    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(ArraySlice<UInt8>)
    }

    private let bytes: ArraySlice<UInt8>
    private var at: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        at = bytes.startIndex
    }

    private func fault(_ why: String) -> APIStatus { .badRequest("proto: \(why) at byte \(at - bytes.startIndex)") }

    private mutating func varint() throws(APIStatus) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < bytes.endIndex {
            let byte = bytes[at]
            at += 1
            if shift == 63, byte > 1 { throw fault("integer overflow") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift < 64 else { throw fault("integer overflow") }
        }
        throw fault("unexpected end of input")
    }

    private mutating func take(_ count: UInt64) throws(APIStatus) -> ArraySlice<UInt8> {
        guard count <= UInt64(bytes.endIndex - at) else { throw fault("unexpected end of input") }
        let end = at + Int(count)
        defer { at = end }
        return bytes[at..<end]
    }

    /// The next field; nil at the end.
    mutating func next() throws(APIStatus) -> (number: Int, value: Value)? {
        guard at < bytes.endIndex else { return nil }
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29, let type = WireType(rawValue: tag & 7) else {
            throw fault("illegal tag \(tag)")
        }
        switch type {
        case .varint: return (Int(number), .varint(try varint()))
        case .fixed64:
            let word = try take(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return (Int(number), .fixed64(word))
        case .fixed32:
            let word = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return (Int(number), .fixed32(word))
        case .bytes: return (Int(number), .bytes(try take(try varint())))
        }
    }
}

/// Writes the wire format of protocol buffers.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func integer(_ number: Int, _ value: Int64) {
        varint(UInt64(number) << 3)
        varint(UInt64(bitPattern: value))
    }

    mutating func double(_ number: Int, _ value: Double) {
        varint(UInt64(number) << 3 | 1)
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift * 8))) }
    }

    mutating func field(_ number: Int, _ content: [UInt8]) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }
}
