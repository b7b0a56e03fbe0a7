/// A parsed text and the names that stood twice in one object (the last one wins in `value`; of two
/// objects the members are united, as Go does).
package struct JSONDocument: Sendable, Hashable {
    package let value: JSONValue
    /// Paths such as `spec.containers[0].name`, in order of appearance, each once.
    package let duplicates: [String]
}

extension JSONValue {
    /// Parses one JSON value (RFC 8259) that fills the whole text but for white space.
    package init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        self = try JSONDocument(parsing: bytes, limits: limits).value
    }

    /// Parses a text given as a string; for tests and tools.
    package init(parsing text: String, limits: JSONLimits = .standard) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// Parses bytes in place, without a copy.
    package init(parsing buffer: UnsafeBufferPointer<UInt8>, limits: JSONLimits = .standard) throws(JSONError) {
        self = try JSONDocument(parsing: buffer, limits: limits).value
    }
}

extension JSONDocument {
    /// Parses one JSON value and reports duplicate names.
    package init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONDocument in
            try JSONDocument(parsing: buffer, limits: limits)
        }
    }

    /// Parses bytes in place, without a copy.
    package init(parsing buffer: UnsafeBufferPointer<UInt8>, limits: JSONLimits = .standard) throws(JSONError) {
        guard buffer.count <= limits.bytesMax else {
            throw JSONError(
                code: .tooLarge, offset: limits.bytesMax,
                message: "the text has \(buffer.count) bytes, the limit is \(limits.bytesMax)")
        }
        var parser = JSONParser(bytes: buffer, limits: limits)
        parser.skipSpace()
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.at == buffer.count else {
            throw parser.error(.trailingText, "unexpected text after the value")
        }
        self.init(value: value, duplicates: parser.duplicates)
    }
}

/// Recursive descent over a byte buffer.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let limits: JSONLimits
    var at = 0
    var values = 0
    var path: [PathStep] = []
    var duplicates: [String] = []

    enum PathStep {
        case member(String)
        case element(Int)
    }

    init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    func error(_ code: JSONError.Code, _ message: String) -> JSONError {
        JSONError(code: code, offset: at, message: message)
    }

    @inline(__always)
    mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard at < bytes.count else { throw error(.unexpectedEnd, "unexpected end of JSON input") }
        values += 1
        guard values <= limits.valuesMax else {
            throw error(.tooManyValues, "more than \(limits.valuesMax) values")
        }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""):
            at += 1
            return .string(try string())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw unexpected("looking for beginning of value")
        }
    }

    private func unexpected(_ place: String) -> JSONError {
        guard at < bytes.count else { return error(.unexpectedEnd, "unexpected end of JSON input") }
        let byte = bytes[at]
        let shown =
            (0x20..<0x7F).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
        return error(.unexpectedByte, "invalid character \(shown) \(place)")
    }

    private mutating func word(_ text: StaticString) throws(JSONError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard at < bytes.count, bytes[at] == text.utf8Start[index] else {
                throw unexpected("in literal \(text)")
            }
            at += 1
        }
    }

    private func checkDepth(_ depth: Int) throws(JSONError) {
        guard depth <= limits.depthMax else {
            throw error(.tooDeep, "exceeded max depth of \(limits.depthMax)")
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try checkDepth(depth)
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "]") {
            at += 1
            return .array(elements)
        }
        path.append(.element(0))
        while true {
            skipSpace()
            elements.append(try value(depth: depth))
            skipSpace()
            guard at < bytes.count else { throw unexpected("") }
            if bytes[at] == UInt8(ascii: ",") {
                at += 1
                path[path.count - 1] = .element(elements.count)
                continue
            }
            guard bytes[at] == UInt8(ascii: "]") else { throw unexpected("after array element") }
            at += 1
            path.removeLast()
            return .array(elements)
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try checkDepth(depth)
        at += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "}") {
            at += 1
            return .object(members)
        }
        path.append(.element(0))
        while true {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                throw unexpected("looking for beginning of object key string")
            }
            at += 1
            let key = try string()
            path[path.count - 1] = .member(key)
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw unexpected("after object key") }
            at += 1
            skipSpace()
            let member = try value(depth: depth)
            if let before = members.updateValue(member, forKey: key) {
                noteDuplicate()
                if case .object(let first) = before, case .object(let second) = member {
                    members[key] = .object(first.merging(second) { $1 })
                }
            }
            skipSpace()
            guard at < bytes.count else { throw unexpected("") }
            if bytes[at] == UInt8(ascii: ",") {
                at += 1
                continue
            }
            guard bytes[at] == UInt8(ascii: "}") else { throw unexpected("after object key:value pair") }
            at += 1
            path.removeLast()
            return .object(members)
        }
    }

    private mutating func noteDuplicate() {
        guard duplicates.count < limits.duplicatesListedMax else { return }
        var text = ""
        for step in path {
            switch step {
            case .member(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
        if !duplicates.contains(text) { duplicates.append(text) }
    }
}
