package import JSONText

/// Why a write may break an invariant, as the written object says. A reason counts once: for the write that sets or
/// changes it. A deletion cannot write one, and takes that of an annotation of its own, set before by the same user.
package enum InvariantOverride {
    package static let annotation = "policy.martlet.io/override"
    package static let deletionAnnotation = "policy.martlet.io/override-deletion"
    /// Who gave the reason for a deletion. The server alone writes it.
    package static let authorAnnotation = "policy.martlet.io/override-deletion-by"

    /// Nil where no reason is given for this write.
    /// - Parameters:
    ///   - old: nil for a create.
    ///   - new: nil where the object goes.
    ///   - user: the name of who writes.
    package static func reason(old: JSONValue?, new: JSONValue?, user: String) -> String? {
        guard isDeletion(old: old, new: new) else {
            guard let reason = text(new, annotation), reason != text(old, annotation) else { return nil }
            return reason
        }
        return text(old, authorAnnotation) == user ? text(old, deletionAnnotation) : nil
    }

    /// Whether the object goes, or is marked to go once its finalizers are off.
    package static func isDeletion(old: JSONValue?, new: JSONValue?) -> Bool {
        guard let new else { return true }
        return isEnding(new) && old.map(isEnding) != true
    }

    /// What to write instead, where there is a reason that does not count for this write.
    package static func hint(old: JSONValue?, new: JSONValue?, user: String) -> String? {
        guard reason(old: old, new: new, user: user) == nil else { return nil }
        guard isDeletion(old: old, new: new) else {
            guard let given = annotation(new, annotation) else { return nil }
            if isBlank(given) { return "the reason in its annotation \(annotation) is blank" }
            return "the reason in its annotation \(annotation) is that of an earlier write: change it in this one"
        }
        guard let given = annotation(old, deletionAnnotation) else {
            return annotation(old, annotation) == nil
                ? nil : "a deletion needs its reason in the annotation \(deletionAnnotation)"
        }
        if isBlank(given) { return "the reason in its annotation \(deletionAnnotation) is blank" }
        let author = annotation(old, authorAnnotation) ?? "an unknown user"
        return "the reason in its annotation \(deletionAnnotation) was given by \(author) and counts for no one else: "
            + "change it before"
    }

    /// The annotations with a reason that a write sets or changes.
    package static func given(old: JSONValue?, new: JSONValue?) -> [String] {
        [annotation, deletionAnnotation].filter { key in
            let reason = annotation(new, key)
            return reason != nil && reason != annotation(old, key)
        }
    }

    /// Notes who gave the reason for a deletion, whatever the written object says of it.
    package static func sign(_ object: inout JSONValue, old: JSONValue?, user: String) {
        let reason = annotation(object, deletionAnnotation)
        let isKept = reason == annotation(old, deletionAnnotation)
        let author = reason == nil ? nil : isKept ? annotation(old, authorAnnotation) : user
        guard author != annotation(object, authorAnnotation) else { return }
        object["metadata"]?["annotations"]?[authorAnnotation] = author.map { .string($0) }
    }

    static func isEnding(_ object: JSONValue) -> Bool { object[path: "metadata", "deletionTimestamp"] != nil }

    private static func annotation(_ object: JSONValue?, _ annotation: String) -> String? {
        object?[path: "metadata", "annotations", annotation]?.string
    }

    /// Blanks are no reason.
    private static func text(_ object: JSONValue?, _ key: String) -> String? {
        annotation(object, key).flatMap { isBlank($0) ? nil : $0 }
    }

    private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
}
