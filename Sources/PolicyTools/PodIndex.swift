import KubeObjects

/// Pods by namespace and by label, so that a selector looks only at those that it may mean.
struct PodIndex: Sendable {
    /// In the order of their names.
    let all: [Pod]
    private let everywhere: LabelIndex
    private let near: [String: LabelIndex]
    private let labels: [String: [String: String]]

    /// - Parameter namespaces: labels by name.
    init(_ pods: [Pod], namespaces: [String: [String: String]]) {
        all = pods
        everywhere = LabelIndex(pods.indices, of: pods)
        near = Dictionary(grouping: pods.indices, by: { pods[$0].metadata.namespace })
            .mapValues { LabelIndex($0, of: pods) }
        labels = namespaces
    }

    /// What a peer of a policy in `namespace` means; none for an address block.
    func pods(of peer: PolicyPeer, in namespace: String) -> [Pod] {
        switch peer {
        case .block: []
        case .pods(nil, let pods): places(pods, in: namespace).map { all[$0] }
        case .pods(.some(let namespaces), let pods): self.pods(namespaces, pods)
        }
    }

    func pods(_ namespaces: LabelSelector, _ pods: LabelSelector) -> [Pod] {
        places(namespaces, pods).map { all[$0] }
    }

    /// Whether a peer of a policy in `namespace` means none.
    func isIdle(_ peer: PolicyPeer, in namespace: String) -> Bool {
        switch peer {
        case .block: true
        case .pods(nil, let pods): places(pods, in: namespace).first { _ in true } == nil
        case .pods(.some(let namespaces), let pods): places(namespaces, pods).first { _ in true } == nil
        }
    }

    private func places(_ pods: LabelSelector, in namespace: String) -> some Sequence<Int> {
        (near[namespace]?.candidates(pods) ?? []).lazy.filter { pods.matches(all[$0].metadata.labels) }
    }

    private func places(_ namespaces: LabelSelector, _ pods: LabelSelector) -> some Sequence<Int> {
        everywhere.candidates(pods).lazy.filter { place in
            pods.matches(all[place].metadata.labels)
                && (namespaces.isEverything || namespaces.matches(labels[all[place].metadata.namespace] ?? [:]))
        }
    }
}

/// Places of pods by their labels.
private struct LabelIndex: Sendable {
    private let all: [Int]
    private var places: [String: [String: [Int]]] = [:]

    init(_ some: some Sequence<Int>, of pods: [Pod]) {
        all = Array(some)
        for place in all {
            for (key, value) in pods[place].metadata.labels {
                places[key, default: [:]][value, default: []].append(place)
            }
        }
    }

    /// All that the selector means and perhaps others, in their order: those with the rarest value that it asks for.
    func candidates(_ selector: LabelSelector) -> [Int] {
        var fewest = all
        for need in selector.requirements where need.operation == .isIn {
            let lists = need.values.compactMap { places[need.key]?[$0] }
            if lists.reduce(0, { $0 + $1.count }) >= fewest.count { continue }
            fewest = lists.count == 1 ? lists[0] : lists.joined().sorted()
        }
        return fewest
    }
}
