package import JSONText
package import NetTypes

/// Where a value stands in its object. Text is made only when somebody asks.
package indirect enum FieldPath: Sendable, CustomStringConvertible {
    case root
    case member(FieldPath, String)
    case element(FieldPath, Int)

    package var description: String {
        switch self {
        case .root: ""
        case .member(.root, let name): name
        case .member(let parent, let name): "\(parent).\(name)"
        case .element(let parent, let index): "\(parent)[\(index)]"
        }
    }
}

/// Reads typed fields off a JSON tree and names the field that is wrong. An absent field and `null` are the same.
package struct FieldReader: Sendable {
    /// Nil where absent or null.
    package let value: JSONValue?
    package let path: FieldPath
    /// Set where the parent was no object: any read reports it.
    private let fault: ObjectError?

    package init(_ value: JSONValue?, path: FieldPath = .root) {
        self.init(value, path, nil)
    }

    private init(_ value: JSONValue?, _ path: FieldPath, _ fault: ObjectError?) {
        self.value = value == .null ? nil : value
        self.path = path
        self.fault = fault
    }

    package var isPresent: Bool { value != nil }

    package subscript(name: String) -> FieldReader {
        let here = FieldPath.member(path, name)
        guard fault == nil, let value else { return FieldReader(nil, here, fault) }
        guard case .object(let members) = value else { return FieldReader(nil, here, wrongType("an object")) }
        return FieldReader(members[name], here, nil)
    }

    package func invalid(_ message: String) -> ObjectError {
        ObjectError(.invalid, field: path.description, message)
    }

    private func wrongType(_ wanted: String) -> ObjectError {
        ObjectError(.wrongType, field: path.description, "must be \(wanted)")
    }

    private func present() throws(ObjectError) -> JSONValue? {
        if let fault { throw fault }
        return value
    }

    package func string() throws(ObjectError) -> String? {
        guard let value = try present() else { return nil }
        guard case .string(let text) = value else { throw wrongType("a string") }
        return text
    }

    package func requiredString() throws(ObjectError) -> String {
        guard let text = try string(), !text.isEmpty else {
            throw ObjectError(.missing, field: path.description, "is required")
        }
        return text
    }

    package func bool() throws(ObjectError) -> Bool? {
        guard let value = try present() else { return nil }
        guard case .bool(let flag) = value else { throw wrongType("a boolean") }
        return flag
    }

    package func integer(in range: ClosedRange<Int64>) throws(ObjectError) -> Int64? {
        guard let value = try present() else { return nil }
        guard case .integer(let number) = value else { throw wrongType("an integer") }
        guard range.contains(number) else {
            throw invalid("\(number) is not between \(range.lowerBound) and \(range.upperBound)")
        }
        return number
    }

    /// A port number, 1 to 65535.
    package func port() throws(ObjectError) -> UInt16? {
        try integer(in: 1...65535).map { UInt16($0) }
    }

    /// `TCP`, `UDP` or `SCTP`; TCP where absent.
    package func transportProtocol() throws(ObjectError) -> TransportProtocol {
        guard let name = try string() else { return .tcp }
        guard let known = TransportProtocol(kubernetesName: name) else {
            throw invalid("\"\(name)\" is not one of TCP, UDP, SCTP")
        }
        return known
    }

    package func address() throws(ObjectError) -> IPAddress? {
        guard let text = try string(), !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else { throw invalid("\"\(text)\" is not an IP address") }
        return address
    }

    package func cidr() throws(ObjectError) -> CIDR? {
        guard let text = try string() else { return nil }
        guard let block = CIDR(text) else { throw invalid("\"\(text)\" is not an address block such as 10.0.0.0/8") }
        return block
    }

    package func elements() throws(ObjectError) -> [FieldReader] {
        guard let value = try present() else { return [] }
        guard case .array(let elements) = value else { throw wrongType("a list") }
        return elements.enumerated().map { FieldReader($1, path: .element(path, $0)) }
    }

    package func elements(atMost limit: Int) throws(ObjectError) -> [FieldReader] {
        let found = try elements()
        guard found.count <= limit else { throw invalid("has \(found.count) entries; at most \(limit) are allowed") }
        return found
    }

    package func strings() throws(ObjectError) -> [String] {
        var result: [String] = []
        for element in try elements() {
            guard let text = try element.string() else { throw element.wrongType("a string") }
            result.append(text)
        }
        return result
    }

    package func stringMap() throws(ObjectError) -> [String: String] {
        guard let value = try present() else { return [:] }
        guard case .object(let members) = value else { throw wrongType("an object") }
        var result: [String: String] = [:]
        result.reserveCapacity(members.count)
        for (key, member) in members {
            guard case .string(let text) = member else {
                throw ObjectError(.wrongType, field: "\(path).\(key)", "must be a string")
            }
            result[key] = text
        }
        return result
    }

    /// Refuses members that are not in `known`: what is not understood here cannot be enforced.
    package func allow(only known: Set<String>) throws(ObjectError) {
        guard let value = try present() else { return }
        guard case .object(let members) = value else { throw wrongType("an object") }
        guard let stranger = members.keys.filter({ !known.contains($0) }).sorted().first else { return }
        let field = FieldPath.member(path, stranger).description
        throw ObjectError(
            .unsupported, field: field,
            "is not a field that can be enforced; there are \(known.sorted().joined(separator: ", "))")
    }

    /// The one member of an object that is a choice between `names`.
    package func only(of names: [String]) throws(ObjectError) -> String {
        try allow(only: Set(names))
        let present = names.filter { self[$0].isPresent }
        guard let first = present.first else {
            throw ObjectError(.missing, field: path.description, "needs one of \(names.joined(separator: ", "))")
        }
        guard present.count == 1 else {
            throw invalid("may have only one of \(present.joined(separator: ", "))")
        }
        return first
    }
}
