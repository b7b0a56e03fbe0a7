/// Names a namespaced object.
package struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let namespace: String
    package let name: String

    package init(_ namespace: String, _ name: String) {
        self.namespace = namespace
        self.name = name
    }

    package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}

/// The part of `metadata` that compilers, controllers and displays read.
package struct ObjectMeta: Hashable, Sendable {
    package var namespace: String
    package var name: String
    package var uid: String
    package var resourceVersion: String
    package var labels: [String: String]
    /// Only those of ours and of static pods: see `keepsAnnotation`.
    package var annotations: [String: String]
    package var isDeleting: Bool
    /// Nil where nobody looks after it, or the node does (static pods).
    package var controller: ControllerReference?

    package init(
        namespace: String = "", name: String, uid: String = "", resourceVersion: String = "",
        labels: [String: String] = [:], annotations: [String: String] = [:], isDeleting: Bool = false,
        controller: ControllerReference? = nil
    ) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.labels = labels
        self.annotations = annotations
        self.isDeleting = isDeleting
        self.controller = controller
    }

    package var key: ObjectKey { ObjectKey(namespace, name) }

    /// Reads `metadata` of a whole object.
    package init(object: FieldReader) throws(ObjectError) {
        let reader = object["metadata"]
        self.init(
            namespace: try reader["namespace"].string() ?? "",
            name: try reader["name"].string() ?? "",
            uid: try reader["uid"].string() ?? "",
            resourceVersion: try reader["resourceVersion"].string() ?? "",
            labels: try reader["labels"].stringMap(),
            annotations: try Self.annotations(reader["annotations"]),
            isDeleting: reader["deletionTimestamp"].isPresent, controller: try Self.controller(reader))
    }

    private static func controller(_ reader: FieldReader) throws(ObjectError) -> ControllerReference? {
        for owner in try reader["ownerReferences"].elements() where try owner["controller"].bool() == true {
            let kind = try owner["kind"].string() ?? ""
            if kind == "Node" || kind.isEmpty { continue }
            return ControllerReference(kind: kind, name: try owner["name"].string() ?? "")
        }
        return nil
    }

    /// Most objects have none that are kept: then no storage is.
    private static func annotations(_ reader: FieldReader) throws(ObjectError) -> [String: String] {
        let kept = try reader.stringMap().filter { keepsAnnotation($0.key) }
        return kept.isEmpty ? [:] : kept
    }

    package static func keepsAnnotation(_ key: String) -> Bool {
        key.hasPrefix("policy.martlet.io/") || key == "kubernetes.io/config.hash"
            || key == "kubernetes.io/config.mirror"
            || key == "kubernetes.io/config.source"
    }
}
