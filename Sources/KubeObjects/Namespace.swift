package import JSONText

/// What compilers and controllers need of a Namespace.
package struct Namespace: Hashable, Sendable {
    package var metadata: ObjectMeta
    /// `status.phase` is `Terminating`, or deletion has been asked for.
    package var isTerminating: Bool

    package init(metadata: ObjectMeta, isTerminating: Bool = false) {
        self.metadata = metadata
        self.isTerminating = isTerminating
    }

    package var name: String { metadata.name }

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        let metadata = try ObjectMeta(object: reader)
        let phase = try reader["status"]["phase"].string()
        self.init(metadata: metadata, isTerminating: metadata.isDeleting || phase == "Terminating")
    }
}
