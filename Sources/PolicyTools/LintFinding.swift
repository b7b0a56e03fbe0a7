package import JSONText

/// Something in a policy that is probably not meant.
package struct LintFinding: Hashable, Sendable, Comparable {
    package enum Severity: String, Sendable, Comparable {
        /// It cannot work as it is written.
        case error
        /// It works otherwise than most would read it, or does nothing.
        case warning
        /// It does what it says; the reader may not expect it.
        case note

        private var rank: Int {
            switch self {
            case .error: 0
            case .warning: 1
            case .note: 2
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
    }

    package let severity: Severity
    package let check: LintCheck
    /// Kind, namespace and name.
    package let object: String
    /// File and document; empty where the object came from a cluster.
    package let source: String
    /// Path of the field, as Kubernetes writes it: `spec.ingress[0].from[1]`.
    package let field: String
    package let meaning: String
    package let advice: String

    package var json: JSONValue {
        [
            "severity": .string(severity.rawValue), "check": .string(check.rawValue), "object": .string(object),
            "source": .string(source), "field": .string(field), "meaning": .string(meaning), "advice": .string(advice),
        ]
    }

    package static func < (left: Self, right: Self) -> Bool {
        if left.severity != right.severity { return left.severity < right.severity }
        return (left.object, left.field, left.check.rawValue, left.meaning)
            < (right.object, right.field, right.check.rawValue, right.meaning)
    }
}
