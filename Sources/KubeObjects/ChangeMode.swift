/// `policy.martlet.io/on-change`: what a policy asks for open flows of its pods that a change of policy forbids. The
/// strictest of all policies that select either end decides, so the order is from the mildest to the strictest.
package enum ChangeMode: String, Hashable, Sendable, Comparable, CaseIterable {
    /// The flow goes on to its end, unless a Deny forbids it.
    case keep
    /// Its next packet is dropped.
    case recheck
    /// It is ended at both ends at once.
    case reset

    package static let annotation = "policy.martlet.io/on-change"
    /// Where the annotation stands in an object.
    package static let field = "metadata.annotations[\(annotation)]"

    package static func < (left: Self, right: Self) -> Bool { left.strictness < right.strictness }

    private var strictness: Int {
        switch self {
        case .keep: 0
        case .recheck: 1
        case .reset: 2
        }
    }

    /// Of a policy; without the annotation `recheck`.
    package init(_ metadata: ObjectMeta) throws(ObjectError) {
        try self.init(text: metadata.annotations[Self.annotation] ?? Self.recheck.rawValue)
    }

    /// - Parameter text: what the annotation says.
    package init(text: String) throws(ObjectError) {
        guard let mode = Self(rawValue: text) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw ObjectError(.invalid, field: Self.field, "must be one of \(known)")
        }
        self = mode
    }
}
