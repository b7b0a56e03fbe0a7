/// Strings and numbers.
extension JSONParser {
    /// The rest of a string whose opening quote has been read.
    mutating func string() throws(JSONError) -> String {
        let start = at
        var seen: UInt8 = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                let text = seen < 0x80 ? ascii(start..<at) : try utf8(start..<at)
                at += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw error(.controlCharacter, "invalid control character in string literal") }
            seen |= byte
            at += 1
        }
        throw error(.unexpectedEnd, "unexpected end of JSON input")
    }

    /// Nearly all strings are ASCII, and need no look at whether they are valid.
    private func ascii(_ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    private func utf8(_ range: Range<Int>) throws(JSONError) -> String {
        guard let text = String(validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
            throw JSONError(code: .badUTF8, offset: badByte(range), message: "a string is not valid UTF-8")
        }
        return text
    }

    /// The first offset in a range at which the bytes stop being UTF-8.
    private func badByte(_ range: Range<Int>) -> Int {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes[range].makeIterator()
        var offset = range.lowerBound
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error, .emptyInput: return offset
            }
        }
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var out: [UInt8] = Array(bytes[start..<at])
        let opening = start
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") {
                guard let text = String(validating: out, as: UTF8.self) else {
                    let offset = badByte(opening..<(at - 1))
                    throw JSONError(code: .badUTF8, offset: offset, message: "a string is not valid UTF-8")
                }
                return text
            }
            if byte != UInt8(ascii: "\\") {
                guard byte >= 0x20 else {
                    at -= 1
                    throw error(.controlCharacter, "invalid control character in string literal")
                }
                out.append(byte)
                continue
            }
            guard at < bytes.count else { break }
            let escape = bytes[at]
            at += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"): try unicodeEscape(&out)
            default:
                at -= 1
                throw error(.badEscape, "invalid character in string escape code")
            }
        }
        throw error(.unexpectedEnd, "unexpected end of JSON input")
    }

    /// `XXXX` after `\u`, with the low half of a surrogate pair; a lone half becomes U+FFFD, as in Go.
    private mutating func unicodeEscape(_ out: inout [UInt8]) throws(JSONError) {
        let first = try hex4()
        var scalar = Unicode.Scalar(UInt32(first))
        if (0xD800..<0xDC00).contains(first), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
            bytes[at + 1] == UInt8(ascii: "u")
        {
            let before = at
            at += 2
            let second = try hex4()
            if (0xDC00..<0xE000).contains(second) {
                scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
            } else {
                at = before
            }
        }
        out.append(contentsOf: Array(String(Character(scalar ?? "\u{FFFD}")).utf8))
    }

    private mutating func hex4() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard at < bytes.count else { throw error(.unexpectedEnd, "unexpected end of JSON input") }
            let digit: UInt8
            switch bytes[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[at] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[at] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[at] - UInt8(ascii: "A") + 10
            default: throw error(.badEscape, "invalid character in \\u hexadecimal character escape")
            }
            value = value << 4 | UInt16(digit)
            at += 1
        }
        return value
    }

    private mutating func digits() throws(JSONError) {
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
        guard at > start else {
            if at == bytes.count { throw error(.unexpectedEnd, "unexpected end of JSON input") }
            throw error(.badNumber, "invalid character in numeric literal")
        }
    }

    mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        let negative = bytes[at] == UInt8(ascii: "-")
        if negative { at += 1 }
        let first = at
        try digits()
        if at - first > 1, bytes[first] == UInt8(ascii: "0") {
            at = first + 1
            throw error(.badNumber, "a number has a leading zero")
        }
        var whole = true
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            whole = false
            at += 1
            try digits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            whole = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        if whole, let value = integer(first..<at, negative: negative) { return .integer(value) }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<at]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            at = start
            throw error(.badNumber, "the number \(text) is out of range")
        }
        return .number(value)
    }

    private func integer(_ range: Range<Int>, negative: Bool) -> Int64? {
        var value: Int64 = 0
        for index in range {
            let digit = Int64(bytes[index] - 0x30)
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) =
                negative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || overflow2 { return nil }
            value = sum
        }
        return value
    }
}
