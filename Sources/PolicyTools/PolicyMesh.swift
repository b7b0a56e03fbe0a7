package import KubeObjects
package import NetTypes
package import PolicyCompiler

/// A world compiled, and its pods in sets that no rule tells apart: what `diff`, `suggest` and `graph` ask.
package struct PolicyMesh: Sendable {
    /// Pods of one workload that are alike to every rule.
    package struct Part: Sendable {
        package let workload: ObjectKey
        /// In order; not empty.
        package let pods: [ObjectKey]
        /// How many pods the workload has.
        package let workloadCount: Int

        package var isWhole: Bool { pods.count == workloadCount }

        /// `shop/app=web`, or with its pods where they are not all of the workload's.
        package var text: String {
            if isWhole { return "\(workload)" }
            let names = pods.prefix(3).map(\.name).joined(separator: ", ")
            return "\(workload) (\(pods.count) of \(workloadCount) pods: \(names)\(pods.count > 3 ? ", …" : ""))"
        }
    }

    package private(set) var compiler = PolicyCompiler()
    package let places: PodPlaces
    /// What the compiler could not take.
    package private(set) var problems: [PolicyError] = []
    private var cache: [ObjectKey: ReachPlace] = [:]

    package init(_ world: PolicyWorld, places: PodPlaces) {
        self.places = places
        let delta = compiler.apply(world.changes(places))
        problems = delta.problems
        fill()
    }

    private mutating func fill() {
        cache = [:]
        for pod in places.pods { cache[pod.key] = compiler.place(of: .pod(pod.key)) }
    }

    package func place(_ pod: ObjectKey) -> ReachPlace? { cache[pod] }

    package func place(_ address: IPAddress) -> ReachPlace? { compiler.place(of: .address(address)) }

    /// This mesh after changes, and the classes that they touched.
    package func after(_ changes: [PolicyChange], pods: [ObjectKey]) -> (mesh: PolicyMesh, touched: Set<UInt32>) {
        var copy = self
        let delta = copy.compiler.apply(changes)
        copy.problems = delta.problems
        copy.fill()
        return (copy, copy.compiler.classes(touchedBy: delta, pods: pods))
    }

    /// This mesh with no addresses of these pods, which are in it, but those of one family.
    func over(_ family: IPFamily, _ pods: [Pod]) -> PolicyMesh {
        let changes = pods.compactMap { pod -> PolicyChange? in
            let addresses = pod.addresses.filter { $0.family == family }
            guard addresses.count < pod.addresses.count, let endpoint = places.endpoints[pod.key] else { return nil }
            return .pod(PolicyPod(pod, endpoint: endpoint, addresses: addresses))
        }
        return changes.isEmpty ? self : after(changes, pods: []).mesh
    }

    /// Pods in parts: alike in this mesh and, where one is given, in the other too.
    package func parts(with other: PolicyMesh? = nil) -> [Part] {
        var groups: [Likeness: [ObjectKey]] = [:]
        var counts: [ObjectKey: Int] = [:]
        for pod in places.pods {
            let workload = pod.workload
            counts[workload, default: 0] += 1
            let key = Likeness(
                workload: workload, mine: cache[pod.key]?.likeness, other: other?.cache[pod.key]?.likeness)
            groups[key, default: []].append(pod.key)
        }
        return groups.map { key, pods in
            Part(workload: key.workload, pods: pods.sorted(), workloadCount: counts[key.workload] ?? pods.count)
        }.sorted { ($0.workload, $0.pods[0]) < ($1.workload, $1.pods[0]) }
    }

    private struct Likeness: Hashable {
        let workload: ObjectKey
        let mine: ReachPlace.Likeness?
        let other: ReachPlace.Likeness?
    }

    /// A rule in words: `shop/web ingress[0]`; nil where no policy decided.
    package func ruleText(_ id: UInt32) -> String? {
        guard let info = compiler.rule(id) else { return nil }
        let kind = info.policy.namespace.isEmpty ? "ClusterNetworkPolicy " : ""
        return "\(kind)\(info.policy) \(info.direction.rawValue)" + (info.index.map { "[\($0)]" } ?? "")
    }

    /// Who refuses, in words: `isolated by shop/web ingress`.
    func refusalText(_ refusal: ReachRefusal) -> String {
        guard let rule = ruleText(refusal.rule) else {
            return "\(refusal.isEgress ? "egress" : "ingress") closed, as its policies do not fit"
        }
        return refusal.isIsolation ? "isolated by \(rule)" : "denied by \(rule)"
    }
}

/// Addresses that are no pod's, in regions that no block of the policies tells apart.
package struct OutsideRegion: Hashable, Sendable {
    /// One address of the region.
    package let address: IPAddress
    /// The narrowest block around it; of length 0 where no block is.
    package let block: CIDR

    package var text: String {
        block.prefixLength == 0 ? "outside (\(block.address.isV4 ? "IPv4" : "IPv6"))" : "outside \(block)"
    }

    /// Blocks that are looked at; with more, the last of them are left out, and `isCut` says so.
    package static let blocksMax = 512

    /// - Parameter services: the ranges of Services: policy never meets their addresses.
    package static func all(
        of worlds: [PolicyWorld], services: [CIDR] = []
    ) -> (regions: [OutsideRegion], isCut: Bool) {
        let pods = Set(worlds.flatMap { $0.policyPods.flatMap(\.addresses) })
        var blocks: Set<CIDR> = []
        if let any = CIDR("0.0.0.0/0") { blocks.insert(any) }
        if pods.contains(where: { !$0.isV4 }), let any = CIDR("::/0") { blocks.insert(any) }
        for world in worlds { blocks.formUnion(borders(of: world)) }
        blocks = blocks.filter { block in !services.contains { $0.contains(block) } }
        let ordered = blocks.sorted {
            ($0.prefixLength, $0.address.description) < ($1.prefixLength, $1.address.description)
        }
        let shown = ordered.prefix(blocksMax)
        return (
            shown.compactMap { region(of: $0, among: Array(shown) + services, pods) }, ordered.count > shown.count
        )
    }

    private static func borders(of world: PolicyWorld) -> [CIDR] {
        var blocks: [CIDR] = []
        for entry in world.policies {
            for peer in ((entry.policy.ingress ?? []) + (entry.policy.egress ?? [])).flatMap(\.peers) {
                if case .block(let block) = peer { blocks += [block.cidr] + block.except }
            }
        }
        for policy in world.clusterPolicies {
            for peer in (policy.ingress + policy.egress).flatMap(\.peers) {
                switch peer {
                case .network(let cidr): blocks.append(cidr)
                case .nodes(let selector):
                    for node in world.nodes where selector.matches(node.metadata.labels) {
                        blocks += node.addresses.map { CIDR($0) }
                    }
                case .pods: break
                }
            }
        }
        return blocks
    }

    /// An address of the block in none of those inside it; nil where they leave nothing but pods.
    private static func region(of block: CIDR, among blocks: [CIDR], _ pods: Set<IPAddress>) -> OutsideRegion? {
        let inside = blocks.filter { $0 != block && block.contains($0) }
        var candidates = [block.address, block.last]
        for hole in inside {
            if let next = hole.last.advanced(by: 1) { candidates.append(next) }
        }
        // Past the pods that stand at the start.
        for start in candidates {
            var address = start
            for _ in 0...pods.count {
                guard block.contains(address), !inside.contains(where: { $0.contains(address) }) else { break }
                if !pods.contains(address) { return OutsideRegion(address: address, block: block) }
                guard let next = address.advanced(by: 1) else { break }
                address = next
            }
        }
        return nil
    }
}
