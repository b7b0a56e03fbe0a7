/// How a tree is written: names sorted by their bytes, numbers as Go writes them, so that equal trees give equal bytes.
package struct JSONPrinter: Sendable {
    /// Spaces a level; 0 writes everything on one line.
    package var indent: Int
    /// Whether `<`, `>`, `&` become escapes, as Go's encoder does by default.
    package var escapesHTML: Bool

    package init(indent: Int = 0, escapesHTML: Bool = true) {
        self.indent = indent
        self.escapesHTML = escapesHTML
    }

    package func bytes(_ value: JSONValue) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(512)
        write(value, to: &out)
        return out
    }

    /// Appends a value's text.
    package func write(_ value: JSONValue, to out: inout [UInt8]) {
        write(value, to: &out, level: 0)
    }

    private func write(_ value: JSONValue, to out: inout [UInt8], level: Int) {
        switch value {
        case .null: out.append(contentsOf: [0x6E, 0x75, 0x6C, 0x6C])
        case .bool(true): out.append(contentsOf: [0x74, 0x72, 0x75, 0x65])
        case .bool(false): out.append(contentsOf: [0x66, 0x61, 0x6C, 0x73, 0x65])
        case .integer(let number): out.append(contentsOf: String(number).utf8)
        case .number(let number): out.append(contentsOf: Self.goText(number).utf8)
        case .string(let text): writeString(text, to: &out)
        case .array(let elements): writeArray(elements, to: &out, level: level)
        case .object(let members): writeObject(members, to: &out, level: level)
        }
    }

    private func writeArray(_ elements: [JSONValue], to out: inout [UInt8], level: Int) {
        out.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            newLine(&out, level + 1)
            write(element, to: &out, level: level + 1)
        }
        if !elements.isEmpty { newLine(&out, level) }
        out.append(UInt8(ascii: "]"))
    }

    private func writeObject(_ members: [String: JSONValue], to out: inout [UInt8], level: Int) {
        out.append(UInt8(ascii: "{"))
        var first = true
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            if !first { out.append(UInt8(ascii: ",")) }
            first = false
            newLine(&out, level + 1)
            writeString(name, to: &out)
            out.append(UInt8(ascii: ":"))
            if indent > 0 { out.append(0x20) }
            write(member, to: &out, level: level + 1)
        }
        if !members.isEmpty { newLine(&out, level) }
        out.append(UInt8(ascii: "}"))
    }

    private func newLine(_ out: inout [UInt8], _ level: Int) {
        guard indent > 0 else { return }
        out.append(0x0A)
        out.append(contentsOf: repeatElement(0x20, count: indent * level))
    }

    private func writeString(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            var index = 0
            while index < bytes.count {
                let byte = bytes[index]
                let length = escapeLength(bytes, index)
                if length == 0 {
                    index += 1
                    continue
                }
                out.append(contentsOf: bytes[start..<index])
                writeEscape(byte, bytes, index, to: &out)
                index += length
                start = index
            }
            out.append(contentsOf: bytes[start...])
        }
        out.append(UInt8(ascii: "\""))
    }

    /// How many bytes at an index are written as one escape; 0 for none.
    @inline(__always)
    private func escapeLength(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        let byte = bytes[index]
        if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return 1 }
        if escapesHTML, byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "&") {
            return 1
        }
        // U+2028 and U+2029 are line ends in JavaScript.
        if byte == 0xE2, index + 2 < bytes.count, bytes[index + 1] == 0x80, bytes[index + 2] & 0xFE == 0xA8 {
            return 3
        }
        return 0
    }

    private func writeEscape(
        _ byte: UInt8, _ bytes: UnsafeBufferPointer<UInt8>, _ index: Int, to out: inout [UInt8]
    ) {
        out.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(byte)
        case 0x08: out.append(UInt8(ascii: "b"))
        case 0x0C: out.append(UInt8(ascii: "f"))
        case 0x0A: out.append(UInt8(ascii: "n"))
        case 0x0D: out.append(UInt8(ascii: "r"))
        case 0x09: out.append(UInt8(ascii: "t"))
        case 0xE2: out.append(contentsOf: "u202\(bytes[index + 2] & 1 == 0 ? "8" : "9")".utf8)
        default:
            let digits = Array("0123456789abcdef".utf8)
            out.append(contentsOf: "u00".utf8)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
    }

    /// A fraction as Go's encoder writes it: plain digits from 1e-6 up to 1e21, else an exponent without leading zero.
    package static func goText(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        if number == 0 { return number.sign == .minus ? "-0" : "0" }
        let size = number.magnitude
        let sign = number < 0 ? "-" : ""
        let (digits, point) = shortestDigits(size)
        if size < 1e-6 || size >= 1e21 {
            let head = String(digits.prefix(1))
            let tail = digits.count > 1 ? "." + digits.dropFirst() : ""
            let exponent = point - 1
            return "\(sign)\(head)\(tail)e\(exponent < 0 ? "-" : "+")\(exponent.magnitude)"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The shortest decimal digits that read back as the number, and where the point stands: 0.digits × 10^point.
    private static func shortestDigits(_ size: Double) -> (digits: String, point: Int) {
        var text = size.description
        var exponent = 0
        if let mark = text.firstIndex(of: "e") {
            exponent = Int(text[text.index(after: mark)...]) ?? 0
            text = String(text[..<mark])
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let whole = String(parts[0])
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        var digits = whole + fraction
        var point = whole.count + exponent
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            point -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return (digits, point)
    }
}

extension JSONValue {
    /// The value as compact JSON, names sorted.
    package var compactBytes: [UInt8] { JSONPrinter().bytes(self) }

    /// The value as compact JSON text, names sorted.
    package var compactText: String { String(decoding: compactBytes, as: UTF8.self) }

    /// The value over several lines, two spaces a level.
    package var prettyText: String { String(decoding: JSONPrinter(indent: 2).bytes(self), as: UTF8.self) }
}
