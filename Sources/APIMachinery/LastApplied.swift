import JSONText

/// The annotation in which kubectl's client-side apply keeps what it applied last. Server-side apply by kubectl takes
/// over from it and keeps it up to date, so that one can go back.
enum LastApplied {
    static let manager = "kubectl"
    private static let key = "kubectl.kubernetes.io/last-applied-configuration"

    static func text(_ object: JSONValue) -> String? { object["metadata"]?["annotations"]?[key]?.string }

    /// Writes the configuration into the annotation, where there is one.
    static func refresh(_ object: inout JSONValue, _ configuration: JSONValue) {
        guard text(object) != nil else { return }
        var kept = configuration
        kept["metadata"]?["managedFields"] = nil
        kept["metadata"]?["annotations"]?[key] = nil
        object["metadata"]?["annotations"]?[key] = .string(kept.compactText + "\n")
    }
}
