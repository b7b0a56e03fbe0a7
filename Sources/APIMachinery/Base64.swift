/// Standard base64 with padding (RFC 4648), as Go's `encoding/json` reads and writes byte slices.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): return UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): return 62
        case UInt8(ascii: "/"): return 63
        default: return nil
        }
    }

    package static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            var word = UInt32(bytes[index]) << 16
            if left > 1 { word |= UInt32(bytes[index + 1]) << 8 }
            if left > 2 { word |= UInt32(bytes[index + 2]) }
            out.append(alphabet[Int(word >> 18 & 63)])
            out.append(alphabet[Int(word >> 12 & 63)])
            out.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
            out.append(left > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
            index += 3
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The bytes, or the offset of the first wrong input byte. Line ends are skipped.
    package static func decode(_ text: String) -> (bytes: [UInt8], wrongAt: Int?) {
        let input = Array(text.utf8)
        var out: [UInt8] = []
        out.reserveCapacity(input.count / 4 * 3)
        var word: UInt32 = 0
        var count = 0
        var padding = 0
        for (index, byte) in input.enumerated() {
            if byte == 0x0A || byte == 0x0D { continue }
            if byte == UInt8(ascii: "="), count % 4 >= 2 {
                padding += 1
                count += 1
                guard count % 4 != 0 || padding <= 2 else { return ([], index) }
                continue
            }
            guard padding == 0, let six = value(byte) else { return ([], index) }
            word = word << 6 | six
            count += 1
            if count % 4 == 0 {
                out.append(contentsOf: [UInt8(word >> 16 & 255), UInt8(word >> 8 & 255), UInt8(word & 255)])
                word = 0
            }
        }
        guard count % 4 == 0 else { return ([], input.count) }
        if padding == 1 { out.append(contentsOf: [UInt8(word >> 10 & 255), UInt8(word >> 2 & 255)]) }
        if padding == 2 { out.append(UInt8(word >> 4 & 255)) }
        return (out, nil)
    }
}
