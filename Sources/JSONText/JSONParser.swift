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

    /// Parses an object of our own making, and of it only these parts.
    package init(parsing bytes: [UInt8], only parts: JSONParts) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONValue in
            var parser = JSONParser(bytes: buffer, limits: .standard, parts: parts)
            return try parser.value(depth: 0)
        }
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
        self.init(value: value, duplicates: parser.listedDuplicates)
    }
}

/// Which parts of an object are read.
package struct JSONParts: Sendable {
    /// Names down to a member that is left out; what is in it is looked at only as far as finding its end needs.
    /// None: all are read.
    let omitted: [String]
    /// The outermost object's member after which nothing more is read; nil: all is.
    let last: String?

    package init(omitted: [String] = [], last: String? = nil) {
        self.omitted = omitted
        self.last = last
    }
}

/// Recursive descent over a byte buffer.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let limits: JSONLimits
    let parts: JSONParts
    var at = 0
    var values = 0
    var path: [PathStep] = []
    /// Members of the objects that are open, the innermost's last: how many an object has is known before it is made.
    private var pending: [Member] = []
    private var duplicates: [(offset: Int, path: String)] = []

    private struct Member {
        let name: String
        let offset: Int
        let value: JSONValue
    }

    enum PathStep {
        case member(String)
        case element(Int)
    }

    init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits, parts: JSONParts = JSONParts()) {
        self.bytes = bytes
        self.limits = limits
        self.parts = parts
    }

    /// In order of appearance.
    var listedDuplicates: [String] { duplicates.sorted { $0.offset < $1.offset }.map(\.path) }

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
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: "}") {
            at += 1
            return .object([:])
        }
        let first = pending.count
        path.append(.element(0))
        while true {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                throw unexpected("looking for beginning of object key string")
            }
            at += 1
            let offset = at
            let name = try string()
            path[path.count - 1] = .member(name)
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw unexpected("after object key") }
            at += 1
            skipSpace()
            if isOmitted(name, depth) {
                try passOver()
            } else {
                pending.append(Member(name: name, offset: offset, value: try value(depth: depth)))
            }
            skipSpace()
            guard at < bytes.count else { throw unexpected("") }
            if bytes[at] == UInt8(ascii: ","), depth > 1 || name != parts.last {
                at += 1
                continue
            }
            guard bytes[at] == UInt8(ascii: "}") || depth == 1 && name == parts.last else {
                throw unexpected("after object key:value pair")
            }
            at += 1
            let members = takeMembers(from: first)
            path.removeLast()
            return .object(members)
        }
    }

    private mutating func takeMembers(from first: Int) -> [String: JSONValue] {
        var members = [String: JSONValue](minimumCapacity: pending.count - first)
        for member in pending[first...] {
            guard let before = members.updateValue(member.value, forKey: member.name) else { continue }
            path[path.count - 1] = .member(member.name)
            noteDuplicate(at: member.offset)
            if case .object(let first) = before, case .object(let second) = member.value {
                members[member.name] = .object(first.merging(second) { $1 })
            }
        }
        pending.removeSubrange(first...)
        return members
    }

    private mutating func noteDuplicate(at offset: Int) {
        guard duplicates.count < limits.duplicatesListedMax else { return }
        var text = ""
        for step in path {
            switch step {
            case .member(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
        if !duplicates.contains(where: { $0.path == text }) { duplicates.append((offset, text)) }
    }

    // MARK: What is left out

    private func isOmitted(_ name: String, _ depth: Int) -> Bool {
        guard depth == parts.omitted.count, name == parts.omitted[depth - 1] else { return false }
        return zip(path, parts.omitted).allSatisfy { step, wanted in
            if case .member(let name) = step { name == wanted } else { false }
        }
    }

    /// Goes to the end of a value.
    private mutating func passOver() throws(JSONError) {
        var open = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): open += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The end of what holds the value.
                if open == 0 { return }
                open -= 1
                if open == 0 {
                    at += 1
                    return
                }
            case UInt8(ascii: ",") where open == 0: return
            case UInt8(ascii: "\""):
                at += 1
                while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                    at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
                }
            default: break
            }
            at += 1
        }
        throw error(.unexpectedEnd, "unexpected end of JSON input")
    }
}
