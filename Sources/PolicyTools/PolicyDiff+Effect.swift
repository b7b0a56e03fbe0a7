import KubeObjects
import NetTypes
import PolicyCompiler

extension PolicyDiff {
    /// What the change does to flows that were seen.
    package struct Effect: Sendable {
        /// Open connections that it cuts, those among them that an earlier change forbade and kept.
        package let cutLive: [SeenFlow]
        /// Open connections that it forbids and, by `policy.martlet.io/on-change`, lets go on.
        package let keptLive: [SeenFlow]
        /// Open connections that are forbidden and kept already, and go on as such.
        package let stillKeptLive: [SeenFlow]
        /// Open connections that were forbidden and kept, and that it allows.
        package let allowedAgainLive: [SeenFlow]
        /// Flows of the last hour, allowed then, that it would not let through any more.
        package let cut: [SeenFlow]
        /// Flows of the last hour, dropped then, that it would let through.
        package let opened: [SeenFlow]
    }

    /// A flow between workloads counts where it does for some pods of theirs. Each is judged over its own family.
    package func effect(on traffic: SeenTraffic) -> Effect {
        let judges = Dictionary(grouping: traffic.pairs + traffic.live, by: \.family).map { family, flows in
            (family, FlowJudge(self, family, flows))
        }
        let byFamily = Dictionary(judges) { $1 }
        let live = Dictionary(grouping: traffic.live) { byFamily[$0.family]?.fate(of: $0) ?? .same }
        func turned(_ isAllowed: Bool) -> [SeenFlow] {
            traffic.pairs.filter { $0.isAllowed == isAllowed && byFamily[$0.family]?.isTurned($0) == true }
        }
        return Effect(
            cutLive: live[.cut] ?? [], keptLive: live[.kept] ?? [], stillKeptLive: live[.stillKept] ?? [],
            allowedAgainLive: live[.allowedAgain] ?? [], cut: turned(true), opened: turned(false))
    }
}

/// Judges flows of one address family before and after a change.
private struct FlowJudge {
    /// What becomes of an open connection.
    enum Fate {
        /// Allowed as before, or ended before the change.
        case same
        case cut
        case kept
        case stillKept
        case allowedAgain
    }

    private let before: PolicyMesh
    private let after: PolicyMesh
    private let workloads: [ObjectKey: [ObjectKey]]

    init(_ diff: PolicyDiff, _ family: IPFamily, _ flows: [SeenFlow]) {
        workloads = diff.workloads
        var keys: Set<ObjectKey> = []
        for case .name(let key) in flows.flatMap({ [$0.source, $0.destination] }) {
            keys.insert(key)
            keys.formUnion(diff.workloads[key] ?? [])
        }
        let pods = diff.before.places.pods.filter { keys.contains($0.key) }
        before = diff.before.over(family, pods)
        after = diff.after.over(family, pods.map { diff.moved[$0.key] ?? $0 })
    }

    // MARK: The last hour

    /// Whether for some pods of the two workloads the flow got through and does not any more, or the other way round.
    func isTurned(_ flow: SeenFlow) -> Bool {
        ends(flow.source).contains { source in
            ends(flow.destination).contains { destination in
                guard source != destination, let was = isOpen(flow, source, destination, in: before),
                    let will = isOpen(flow, source, destination, in: after)
                else { return false }
                return was == flow.isAllowed && will != was
            }
        }
    }

    private func ends(_ party: FlowParty) -> [ReachEnd] {
        guard case .name(let key) = party, let pods = workloads[key] else { return [end(party)] }
        return pods.map { .pod($0) }
    }

    // MARK: Open connections

    func fate(of flow: SeenFlow) -> Fate {
        let (source, destination) = (end(flow.source), end(flow.destination))
        guard let was = isOpen(flow, source, destination, in: before),
            let will = isOpen(flow, source, destination, in: after)
        else { return .same }
        // A connection that is forbidden already is over with its next packet, or kept.
        guard was || outlives(flow, source, destination, [before]) else { return .same }
        if will { return was ? .same : .allowedAgain }
        guard outlives(flow, source, destination, [before, after]) else { return .cut }
        return was ? .kept : .stillKept
    }

    /// Whether an open flow that the last of the sets forbids goes on: all policies of both ends, of each set and when
    /// the flow was judged, say `keep`, and nothing but isolation refuses it.
    private func outlives(
        _ flow: SeenFlow, _ source: ReachEnd, _ destination: ReachEnd, _ sets: [PolicyMesh]
    ) -> Bool {
        let modes = sets.flatMap { mesh in
            [source, destination].compactMap { place($0, mesh).flatMap(mesh.compiler.changeMode) }
        }
        guard (modes + [flow.changeMode].compactMap(\.self)).max() == .keep, let mesh = sets.last,
            let from = place(source, mesh), let to = place(destination, mesh)
        else { return false }
        return mesh.compiler.refusals(from: from, to: to)
            .filter { $0.span.contains(flow.transport, flow.port) }.allSatisfy(\.isIsolation)
    }

    // MARK: One set

    /// Nil where an end is not known.
    private func isOpen(
        _ flow: SeenFlow, _ source: ReachEnd, _ destination: ReachEnd, in mesh: PolicyMesh
    ) -> Bool? {
        guard let from = place(source, mesh), let to = place(destination, mesh) else { return nil }
        return mesh.compiler.passes(from: from, to: to).contains { $0.span.contains(flow.transport, flow.port) }
    }

    private func place(_ end: ReachEnd, _ mesh: PolicyMesh) -> ReachPlace? {
        switch end {
        case .pod(let key): mesh.place(key)
        case .address(let address): mesh.place(address)
        }
    }

    private func end(_ party: FlowParty) -> ReachEnd {
        switch party {
        case .address(let address): .address(address)
        case .name(let key): .pod(key)
        }
    }
}
