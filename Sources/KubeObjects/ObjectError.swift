/// What is wrong with an object: the kind of fault, the field's path, and what would be right.
package struct ObjectError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case missing
        case wrongType
        case invalid
        case unsupported
    }

    package let code: Code
    /// Path of the field, as Kubernetes writes it: `spec.ingress[0].ports[1].port`.
    package let field: String
    package let message: String
    /// The fault that led to this one, where there was one.
    package let cause: String?

    package init(_ code: Code, field: String, _ message: String, cause: String? = nil) {
        self.code = code
        self.field = field
        self.message = message
        self.cause = cause
    }

    package var description: String { "\(field): \(message)" + (cause.map { " (\($0))" } ?? "") }
}
