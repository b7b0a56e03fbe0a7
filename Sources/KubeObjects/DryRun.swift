package import JSONText

/// `policy.martlet.io/dry-run: "true"`: the policy is judged beside those in force and enforces nothing.
extension ObjectMeta {
    package static let dryRunAnnotation = "policy.martlet.io/dry-run"

    package var isDryRun: Bool { annotations[Self.dryRunAnnotation] == "true" }

    /// As `isDryRun`, of an object that was not read.
    package static func isDryRun(_ object: JSONValue) -> Bool {
        object[path: "metadata", "annotations", dryRunAnnotation] == "true"
    }
}
