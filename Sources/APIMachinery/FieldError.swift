package import JSONText

/// One fault of an object: a cause of a Status with reason `Invalid`.
package struct FieldError: Sendable, Hashable {
    package enum Reason: String, Sendable {
        case required = "FieldValueRequired"
        case invalid = "FieldValueInvalid"
        case notSupported = "FieldValueNotSupported"
        case duplicate = "FieldValueDuplicate"
        case forbidden = "FieldValueForbidden"
        case tooLong = "FieldValueTooLong"
        case tooMany = "FieldValueTooMany"
        case notFound = "FieldValueNotFound"
        case typeInvalid = "FieldValueTypeInvalid"
    }

    package let reason: Reason
    /// `spec.ports[0].name`
    package let field: String
    /// What a Status cause says, without the field: `Invalid value: "x": must be …`.
    package let message: String

    package static func required(_ field: FieldPath, _ detail: String = "") -> FieldError {
        FieldError(reason: .required, field: field.text, message: join("Required value", detail))
    }

    package static func invalid(_ field: FieldPath, _ value: JSONValue, _ detail: String) -> FieldError {
        FieldError(
            reason: .invalid, field: field.text, message: join("Invalid value: \(shown(value))", detail))
    }

    package static func notSupported(_ field: FieldPath, _ value: String, _ supported: [String]) -> FieldError {
        let list = supported.map { "\"\($0)\"" }.joined(separator: ", ")
        return FieldError(
            reason: .notSupported, field: field.text,
            message: "Unsupported value: \"\(value)\": supported values: \(list)")
    }

    package static func duplicate(_ field: FieldPath, _ value: JSONValue, _ detail: String = "") -> FieldError {
        FieldError(reason: .duplicate, field: field.text, message: join("Duplicate value: \(shown(value))", detail))
    }

    package static func forbidden(_ field: FieldPath, _ detail: String) -> FieldError {
        FieldError(reason: .forbidden, field: field.text, message: join("Forbidden", detail))
    }

    package static func tooLong(_ field: FieldPath, bytesMax: Int) -> FieldError {
        FieldError(
            reason: .tooLong, field: field.text, message: "Too long: may not be more than \(bytesMax) bytes")
    }

    package static func tooMany(_ field: FieldPath, _ count: Int, countMax: Int) -> FieldError {
        FieldError(
            reason: .tooMany, field: field.text, message: "Too many: \(count): must have at most \(countMax) items")
    }

    package static func notFound(_ field: FieldPath, _ value: String) -> FieldError {
        FieldError(reason: .notFound, field: field.text, message: "Not found: \"\(value)\"")
    }

    private static func join(_ head: String, _ detail: String) -> String {
        detail.isEmpty ? head : "\(head): \(detail)"
    }

    private static func shown(_ value: JSONValue) -> String {
        String(decoding: JSONPrinter(escapesHTML: false).bytes(value), as: UTF8.self)
    }
}

/// Where a field stands in an object, as Kubernetes writes it.
package struct FieldPath: Sendable, Hashable, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String = "") { self.text = text }
    package init(stringLiteral value: String) { text = value }

    package subscript(name: String) -> FieldPath { FieldPath(text.isEmpty ? name : "\(text).\(name)") }
    package subscript(index: Int) -> FieldPath { FieldPath("\(text)[\(index)]") }
    /// An entry of a map: `data[key]`.
    package func key(_ name: String) -> FieldPath { FieldPath("\(text)[\(name)]") }
}
