import KubeObjects

/// Pods by namespace, so that a selector looks only at those of the namespaces that it means.
struct PodIndex: Sendable {
    /// In the order of their names.
    let all: [Pod]
    private let near: [String: [Pod]]
    private let labels: [String: [String: String]]

    /// - Parameter namespaces: labels by name.
    init(_ pods: [Pod], namespaces: [String: [String: String]]) {
        all = pods
        near = Dictionary(grouping: pods, by: \.metadata.namespace)
        labels = namespaces
    }

    /// What a peer of a policy in `namespace` means; none for an address block.
    func pods(of peer: PolicyPeer, in namespace: String) -> [Pod] {
        switch peer {
        case .block: []
        case .pods(nil, let pods): (near[namespace] ?? []).filter { pods.matches($0.metadata.labels) }
        case .pods(.some(let namespaces), let pods): self.pods(namespaces, pods)
        }
    }

    func pods(_ namespaces: LabelSelector, _ pods: LabelSelector) -> [Pod] {
        near.keys.filter { namespaces.matches(labels[$0] ?? [:]) }.sorted().flatMap { name in
            (near[name] ?? []).filter { pods.matches($0.metadata.labels) }
        }
    }
}
