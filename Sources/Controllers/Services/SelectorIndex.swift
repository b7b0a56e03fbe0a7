import KubeObjects

/// Finds the Services whose slices a change of a pod concerns, without looking at others: each selector is filed under
/// all of its pairs, and of pods that Services have it is known what their slices tell of them.
struct SelectorIndex {
    private struct Pair: Hashable {
        let namespace: String
        let name: String
        let value: String
    }

    /// A pod that Services have, as it was when those that a change concerned were told last.
    private struct Holding {
        var pod: Pod
        var services: Set<ObjectKey>
        /// Some of their slices were made from another version meanwhile.
        var isMixed = false

        /// What others' slices were made from stays: the newer version is on its way to `see`, or one after it that is
        /// as the old one was.
        mutating func add(_ service: ObjectKey, with newer: Pod) {
            services.insert(service)
            if !pod.isToSlices(newer) || pod.metadata.labels != newer.metadata.labels { isMixed = true }
        }
    }

    private var selecting: [Pair: Set<ObjectKey>] = [:]
    private var selectors: [ObjectKey: [String: String]] = [:]
    private var holdings: [ObjectKey: Holding] = [:]
    private var held: [ObjectKey: Set<ObjectKey>] = [:]

    /// With a selector.
    var services: some Collection<ObjectKey> { selectors.keys }
    /// Of Services.
    var pods: some Collection<ObjectKey> { holdings.keys }

    mutating func update(_ key: ObjectKey, _ service: SliceService?) {
        let selector = service?.selector ?? [:]
        if selector.isEmpty { select([], by: key) }
        guard selector != selectors[key] ?? [:] else { return }
        for (name, value) in selectors[key] ?? [:] {
            let pair = Pair(namespace: key.namespace, name: name, value: value)
            selecting[pair]?.remove(key)
            if selecting[pair]?.isEmpty == true { selecting[pair] = nil }
        }
        selectors[key] = selector.isEmpty ? nil : selector
        for (name, value) in selector {
            selecting[Pair(namespace: key.namespace, name: name, value: value), default: []].insert(key)
        }
    }

    /// Remembers which pods a Service has, and as what. The caller reads them from the cache and takes them here in one
    /// step, as `see`'s caller does: else a change between the two is told to nobody.
    mutating func select(_ pods: [Pod], by service: ObjectKey) {
        let keys = Set(pods.map(\.key))
        for pod in (held[service] ?? []).subtracting(keys) {
            holdings[pod]?.services.remove(service)
            if holdings[pod]?.services.isEmpty == true { holdings[pod] = nil }
        }
        held[service] = keys.isEmpty ? nil : keys
        for pod in pods { holdings[pod.key, default: Holding(pod: pod, services: [])].add(service, with: pod) }
    }

    /// A pod as it is now, nil where it is gone. Answers the Services whose slices that changes.
    mutating func see(_ key: ObjectKey, _ pod: Pod?) -> Set<ObjectKey> {
        guard let known = holdings[key] else {
            return pod.map { services(selecting: $0, by: $0.metadata.labels) } ?? []
        }
        guard let pod else { return known.services }
        holdings[key]?.pod = pod
        holdings[key]?.isMixed = false
        let (before, now) = (known.pod.metadata.labels, pod.metadata.labels)
        guard !known.isMixed, known.pod.isToSlices(pod) else {
            return known.services.union(services(selecting: pod, by: now))
        }
        let left = services(selecting: known.pod, by: before.filter { now[$0.key] != $0.value })
        return left.union(services(selecting: pod, by: now.filter { before[$0.key] != $0.value }))
    }

    /// Services that select the pod, and read one of these labels of its.
    private func services(selecting pod: Pod, by labels: [String: String]) -> Set<ObjectKey> {
        let own = pod.metadata.labels
        var found: Set<ObjectKey> = []
        for (name, value) in labels {
            for service in selecting[Pair(namespace: pod.metadata.namespace, name: name, value: value)] ?? []
            where selectors[service]?.allSatisfy({ own[$0.key] == $0.value }) == true {
                found.insert(service)
            }
        }
        return found
    }
}

extension Pod {
    /// Whether another version is the same endpoint, for those that select both: `SliceContents` reads nothing else.
    fileprivate func isToSlices(_ other: Pod) -> Bool {
        metadata.uid == other.metadata.uid && metadata.isDeleting == other.metadata.isDeleting
            && phase.isTerminal == other.phase.isTerminal && addresses == other.addresses
            && nodeName == other.nodeName && isReady == other.isReady && ports == other.ports
            && hostname == other.hostname && subdomain == other.subdomain
    }
}
