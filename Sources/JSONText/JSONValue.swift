/// A JSON tree (RFC 8259). Numbers keep the difference between integers and fractions, as Kubernetes does.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// Any number without fraction and exponent that fits 64 bits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue {
    /// The member of an object; nil where absent or where this is no object.
    package subscript(key: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            return members[key]
        }
        set {
            guard case .object(var members) = self else {
                if let newValue { self = .object([key: newValue]) }
                return
            }
            self = .null
            members[key] = newValue
            self = .object(members)
        }
    }

    /// The element of an array; nil where out of range or where this is no array.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The value at a path of member names; nil where a step is absent.
    package subscript(path path: String...) -> JSONValue? {
        var value: JSONValue? = self
        for step in path { value = value?[step] }
        return value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }
    package var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }
    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }
    package var object: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }
    package var isNull: Bool { self == .null }

    /// What it is, in words.
    package var kindText: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
    package init(nilLiteral: ()) { self = .null }
}
