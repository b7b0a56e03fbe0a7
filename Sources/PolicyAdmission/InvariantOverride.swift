package import JSONText

/// Why a write may break an invariant, as the written object says. A reason counts once: for the write that sets or
/// changes it. A deletion cannot write one, and takes that of an annotation of its own, set before.
package enum InvariantOverride {
    package static let annotation = "policy.martlet.io/override"
    package static let deletionAnnotation = "policy.martlet.io/override-deletion"

    /// Nil where no reason is given for this write.
    /// - Parameters:
    ///   - old: nil for a create.
    ///   - new: nil for a deletion.
    package static func reason(old: JSONValue?, new: JSONValue?) -> String? {
        guard let new else { return text(old, deletionAnnotation) }
        guard let reason = text(new, annotation), reason != text(old, annotation) else { return nil }
        return reason
    }

    /// What to write instead, where there is a reason that does not count for this write.
    package static func hint(old: JSONValue?, new: JSONValue?) -> String? {
        guard reason(old: old, new: new) == nil, text(old, annotation) != nil else { return nil }
        if new == nil { return "a deletion needs its reason in the annotation \(deletionAnnotation)" }
        return text(new, annotation) == nil
            ? nil : "the reason in its annotation \(annotation) is that of an earlier write: change it in this one"
    }

    private static func text(_ object: JSONValue?, _ annotation: String) -> String? {
        let text = object?[path: "metadata", "annotations", annotation]?.string
        return text?.isEmpty == false ? text : nil
    }
}
