/// The kinds that the tools read, in the API group and version in which they are served.
enum ReadKind: String, CaseIterable, Sendable {
    case namespace = "Namespace"
    case node = "Node"
    case pod = "Pod"
    case service = "Service"
    case networkPolicy = "NetworkPolicy"
    case clusterNetworkPolicy = "ClusterNetworkPolicy"

    var group: String {
        switch self {
        case .namespace, .node, .pod, .service: ""
        case .networkPolicy: "networking.k8s.io"
        case .clusterNetworkPolicy: "policy.networking.k8s.io"
        }
    }

    var version: String {
        switch self {
        case .namespace, .node, .pod, .service, .networkPolicy: "v1"
        case .clusterNetworkPolicy: "v1alpha2"
        }
    }

    /// Group and version, as an object has them.
    var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    var isPolicy: Bool {
        switch self {
        case .networkPolicy, .clusterNetworkPolicy: true
        case .namespace, .node, .pod, .service: false
        }
    }

    /// Nil for what is not read: others have kinds of these names too.
    init?(kind: String, apiVersion: String) {
        let group = apiVersion.contains("/") ? String(apiVersion.prefix { $0 != "/" }) : ""
        guard let known = Self(rawValue: kind), known.group == group else { return nil }
        self = known
    }
}

/// A kind that no tool judges.
package struct PassedKind: Hashable, Sendable {
    let kind: String
    let apiVersion: String
    /// The pod of its template is read.
    let hasTemplate: Bool

    static let ownGroup = "martlet.io"
    /// `NetworkInvariant` and its sisters.
    var isOwn: Bool { apiVersion.hasPrefix("\(Self.ownGroup)/") }
}

extension PolicyWorld {
    /// Each kind that was passed over, once, with how many there were: `Service of v1 (2)`. Empty where all were read.
    /// - Parameter templates: those too whose pods are read, and nothing else of them.
    package func passedText(templates: Bool) -> String {
        passed.filter { templates || !$0.key.hasTemplate }.sorted { left, right in
            (left.key.kind, left.key.apiVersion) < (right.key.kind, right.key.apiVersion)
        }.map { kind, count in
            "\(kind.kind) of \(kind.apiVersion) (\(count)\(kind.hasTemplate ? ", its pods are read" : ""))"
        }.joined(separator: ", ")
    }
}
