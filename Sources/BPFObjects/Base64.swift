/// Decoder for the literals that the build writes (RFC 4648 §4, padded, no line breaks).
enum Base64 {
    static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        precondition(text.count % 4 == 0, "a generated literal is a whole number of base64 groups")
        let padding = text.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        let size = text.count / 4 * 3 - padding
        return [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3) { bytes, count in
            var output = 0
            for group in stride(from: 0, to: text.count, by: 4) {
                let bits =
                    values[Int(text[group])] << 18 | values[Int(text[group + 1])] << 12
                    | values[Int(text[group + 2])] << 6 | values[Int(text[group + 3])]
                bytes[output] = UInt8(truncatingIfNeeded: bits >> 16)
                bytes[output + 1] = UInt8(truncatingIfNeeded: bits >> 8)
                bytes[output + 2] = UInt8(truncatingIfNeeded: bits)
                output += 3
            }
            count = size
        }
    }

    /// Value of each letter by its code; padding and everything else is 0.
    private static let values: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 256)
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, letter) in letters.utf8.enumerated() { table[Int(letter)] = UInt32(value) }
        return table
    }()
}
