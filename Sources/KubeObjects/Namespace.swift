package import JSONText

/// What compilers and controllers need of a Namespace.
package struct Namespace: Hashable, Sendable {
    package var metadata: ObjectMeta

    package init(metadata: ObjectMeta) {
        self.metadata = metadata
    }

    package var name: String { metadata.name }

    package init(_ object: JSONValue) throws(ObjectError) {
        self.init(metadata: try ObjectMeta(object: FieldReader(object)))
    }
}
