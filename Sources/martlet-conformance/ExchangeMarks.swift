import JSONText

/// What a server chooses freely, as numbered marks in the order of appearance inside one case: identifiers, times,
/// revisions, addresses that it allocates. Equal things keep equal marks, so that relations between steps count.
struct ExchangeMarks {
    /// Longer strings of one character stand as `$repeat(c,n)`.
    static let repeatedMin = 2000

    private let namespace: [UInt8]
    private var revisions: [String: String] = [:]
    private var identifiers: [String: String] = [:]
    private var addresses: [String: String] = [:]
    private var givenAddresses: Set<String> = []
    private var givenPorts: Set<Int64> = []

    /// - Parameter namespace: the case's own; stands as `$NS`.
    init(namespace: String) { self.namespace = Array(namespace.utf8) }

    /// Addresses and ports that a request names are compared as they are.
    mutating func give(_ body: String) {
        let bytes = Array(body.utf8)
        let label = Array("odePort\":".utf8)
        for at in bytes.indices {
            if let length = TextPattern.address(bytes, at) {
                givenAddresses.insert(String(decoding: bytes[at..<at + length], as: UTF8.self))
            }
            guard bytes[at...].starts(with: label) else { continue }
            let digits = bytes[(at + label.count)...].drop { $0 == UInt8(ascii: " ") }.prefix(
                while: TextPattern.isDigit)
            if let port = Int64(String(decoding: digits, as: UTF8.self)) { givenPorts.insert(port) }
        }
    }

    // MARK: Values

    /// The value with marks. `key`: the member's name, `*` in arrays, `bookmark` for what a bookmark carries.
    mutating func normalised(_ value: JSONValue, key: String = "") -> JSONValue {
        switch value {
        case .object(let members): return object(members, key)
        case .array(let elements): return .array(elements.map { normalised($0, key: "*") })
        case .string(let text): return .string(string(text, key))
        case .integer(let number):
            let isPort = key == "nodePort" || key == "healthCheckNodePort"
            return isPort && number != 0 && !givenPorts.contains(number) ? "<port>" : value
        case .null, .bool, .number: return value
        }
    }

    private mutating func object(_ members: [String: JSONValue], _ key: String) -> JSONValue {
        var members = members
        let kind = members["kind"]?.string ?? ""
        if kind.hasSuffix("List") || kind == "Table" || key == "bookmark",
            let revision = members["metadata"]?["resourceVersion"]?.string, !revision.isEmpty
        {
            members["metadata"]?["resourceVersion"] = revision == "0" ? "0" : "<list>"
        }
        if members["type"] == "BOOKMARK", let object = members["object"] {
            return ["type": "BOOKMARK", "object": normalised(object, key: "bookmark")]
        }
        // An object's own identifier was written before those that it refers to.
        let names = members.keys.sorted { ($0 == "uid" ? "" : $0) < ($1 == "uid" ? "" : $1) }
        var result: [String: JSONValue] = [:]
        for name in names where name != "storageVersionHash" {
            result[text(name)] = members[name].map { normalised($0, key: name) }
        }
        return .object(result)
    }

    private mutating func string(_ text: String, _ key: String) -> String {
        switch key {
        case "resourceVersion":
            if ["", "0", "<list>"].contains(text) { return text }
            return Self.mark(text, "rv", &revisions)
        case "continue": return text.isEmpty ? text : "<continue>"
        case "token" where text.utf8.count { $0 == UInt8(ascii: ".") } == 2: return "<jwt>"
        case _:
            if text.utf8.count > Self.repeatedMin, let first = text.first, Set(text.utf8).count == 1 {
                return "$repeat(\(first),\(text.utf8.count))"
            }
            return self.text(text)
        }
    }

    private static func mark(_ text: String, _ name: String, _ known: inout [String: String]) -> String {
        if let mark = known[text] { return mark }
        let mark = "<\(name)\(known.count + 1)>"
        known[text] = mark
        return mark
    }

    // MARK: Text

    private mutating func text(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            guard let (length, mark) = replacement(bytes, at) else {
                result.append(bytes[at])
                at += 1
                continue
            }
            result += Array(mark.utf8)
            at += length
        }
        return String(decoding: result, as: UTF8.self)
    }

    private mutating func replacement(_ bytes: [UInt8], _ at: Int) -> (length: Int, mark: String)? {
        func found(_ length: Int) -> String { String(decoding: bytes[at..<at + length], as: UTF8.self) }
        if bytes[at] == namespace.first, bytes[at...].starts(with: namespace) { return (namespace.count, "$NS") }
        if let length = TextPattern.identifier(bytes, at) {
            return (length, Self.mark(found(length), "uid", &identifiers))
        }
        if let length = TextPattern.time(bytes, at) { return (length, "<time>") }
        if let length = TextPattern.volume(bytes, at) { return (length, "kube-api-access-<rand>") }
        guard let length = TextPattern.address(bytes, at) else { return nil }
        let address = found(length)
        return (length, givenAddresses.contains(address) ? address : Self.mark(address, "ip", &addresses))
    }
}

/// What texts of a server's own choice look like. Each function gives the length of a match that starts at an index.
enum TextPattern {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// The pattern's `h` is a lower-case hexadecimal digit, `9` a digit, all else stands for itself.
    private static func matches(_ bytes: [UInt8], _ at: Int, _ pattern: StaticString) -> Bool {
        guard at + pattern.utf8CodeUnitCount <= bytes.count else { return false }
        return pattern.withUTF8Buffer { wanted in
            wanted.indices.allSatisfy { index in
                let byte = bytes[at + index]
                if wanted[index] == UInt8(ascii: "h") { return isHex(byte) }
                if wanted[index] == UInt8(ascii: "9") { return isDigit(byte) }
                return byte == wanted[index]
            }
        }
    }

    /// A UUID (RFC 9562).
    static func identifier(_ bytes: [UInt8], _ at: Int) -> Int? {
        matches(bytes, at, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") ? 36 : nil
    }

    /// A time in UTC, with or without a fraction (RFC 3339).
    static func time(_ bytes: [UInt8], _ at: Int) -> Int? {
        guard matches(bytes, at, "9999-99-99T99:99:99") else { return nil }
        var end = at + 19
        if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
            let digits = bytes[(end + 1)...].prefix(while: isDigit).count
            if digits > 0 { end += 1 + digits }
        }
        return end < bytes.count && bytes[end] == UInt8(ascii: "Z") ? end + 1 - at : nil
    }

    /// The volume of a service account's token; its last five characters are random.
    static func volume(_ bytes: [UInt8], _ at: Int) -> Int? {
        let prefix = "kube-api-access-".utf8
        guard bytes[at] == prefix.first, bytes[at...].starts(with: prefix) else { return nil }
        let random = bytes[(at + prefix.count)...].prefix(5)
        let isRandom = random.count == 5 && random.allSatisfy { isWord($0) && $0 & 0x20 != 0 && $0 != 0x7F }
        return isRandom ? prefix.count + 5 : nil
    }

    /// An address in the ranges of Services.
    static func address(_ bytes: [UInt8], _ at: Int) -> Int? {
        guard at == 0 || !isWord(bytes[at - 1]) else { return nil }
        var end: Int
        if bytes[at...].starts(with: "10.96.".utf8) {
            end = at + 6
            let third = bytes[end...].prefix(while: isDigit).count
            end += third
            guard third > 0, end < bytes.count, bytes[end] == UInt8(ascii: ".") else { return nil }
            end += 1
            let fourth = bytes[end...].prefix(while: isDigit).count
            guard fourth > 0 else { return nil }
            end += fourth
        } else if bytes[at...].starts(with: "fd00:96::".utf8) {
            end = at + 9
            let group = bytes[end...].prefix(while: isHex).count
            guard group > 0 else { return nil }
            end += group
        } else {
            return nil
        }
        return end < bytes.count && isWord(bytes[end]) ? nil : end - at
    }
}
