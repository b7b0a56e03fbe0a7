package import JSONText

/// A Pod as the node agent reads it: the whole object, with the fields that decisions need at hand.
package struct PodObject: Hashable, Sendable {
    package enum RestartPolicy: String, Sendable {
        case always = "Always"
        case onFailure = "OnFailure"
        case never = "Never"
    }

    package let json: JSONValue
    package let namespace: String
    package let name: String
    /// The object's, and for a static pod the digest of its file.
    package let uid: String
    package let restartPolicy: RestartPolicy
    package let initContainers: [ContainerSpec]
    package let containers: [ContainerSpec]

    /// nil where the object has no name or no container: nothing that the API lets through.
    package init?(_ json: JSONValue) {
        guard let name = json[path: "metadata", "name"]?.string,
            let uid = json[path: "metadata", "uid"]?.string, !uid.isEmpty
        else { return nil }
        self.json = json
        self.name = name
        self.uid = uid
        namespace = json[path: "metadata", "namespace"]?.string ?? "default"
        restartPolicy = RestartPolicy(rawValue: json[path: "spec", "restartPolicy"]?.string ?? "Always") ?? .always
        initContainers = (json[path: "spec", "initContainers"]?.array ?? []).map(ContainerSpec.init)
        containers = (json[path: "spec", "containers"]?.array ?? []).map(ContainerSpec.init)
        guard !containers.isEmpty else { return nil }
    }

    package var spec: JSONValue { json["spec"] ?? .null }
    package var status: JSONValue { json["status"] ?? .null }
    package var labels: [String: String] { json[path: "metadata", "labels"]?.strings ?? [:] }
    package var annotations: [String: String] { json[path: "metadata", "annotations"]?.strings ?? [:] }
    package var nodeName: String { spec["nodeName"]?.string ?? "" }
    package var usesHostNetwork: Bool { spec["hostNetwork"]?.bool ?? false }
    package var isBeingDeleted: Bool { json[path: "metadata", "deletionTimestamp"]?.string != nil }
    package var isMirror: Bool { annotations[PodAnnotation.mirror] != nil }
    package var isStatic: Bool { annotations[PodAnnotation.source] == "file" && !isMirror }

    /// Grace of the deletion under way, else that of the specification.
    package var graceSeconds: Int64 {
        json[path: "metadata", "deletionGracePeriodSeconds"]?.integer
            ?? spec["terminationGracePeriodSeconds"]?.integer ?? 30
    }

    package func container(_ name: String) -> ContainerSpec? {
        (containers + initContainers).first { $0.name == name }
    }

    /// `status.containerStatuses` and `initContainerStatuses` as the API has them, by container.
    package func lastStatus(of container: String) -> JSONValue? {
        ((status["containerStatuses"]?.array ?? []) + (status["initContainerStatuses"]?.array ?? []))
            .first { $0["name"]?.string == container }
    }
}

/// Annotations of static pods, as other tools know them.
enum PodAnnotation {
    static let mirror = "kubernetes.io/config.mirror"
    static let hash = "kubernetes.io/config.hash"
    static let source = "kubernetes.io/config.source"
}

/// One container of a Pod's specification.
package struct ContainerSpec: Hashable, Sendable {
    package let json: JSONValue
    package let name: String
    package let image: String

    package init(_ json: JSONValue) {
        self.json = json
        name = json["name"]?.string ?? ""
        image = json["image"]?.string ?? ""
    }

    /// `Always` where unset and the tag is `latest` or absent, as the API defaults it.
    package var pullPolicy: String {
        if let policy = json["imagePullPolicy"]?.string, !policy.isEmpty { return policy }
        let last = image.split(separator: "/").last ?? ""
        guard !image.contains("@") else { return "IfNotPresent" }
        return !last.contains(":") || last.hasSuffix(":latest") ? "Always" : "IfNotPresent"
    }

    /// Digest of what a running container cannot take over: only the image may change in a Pod.
    package var specHash: String { Digest.fnv1a([name, image]) }
}

/// A short digest that is the same in every run.
enum Digest {
    static func fnv1a(_ parts: [String]) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            for byte in Array(part.utf8) + [0] { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}

extension JSONValue {
    /// An object's members that are strings.
    var strings: [String: String] { (object ?? [:]).compactMapValues(\.string) }

    /// An array's elements that are strings.
    var stringArray: [String] { (array ?? []).compactMap(\.string) }

    /// Null, false, zero, or empty: a field that says nothing.
    var saysNothing: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .integer(let value): value == 0
        case .number(let value): value == 0
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.values.allSatisfy(\.saysNothing)
        }
    }
}
