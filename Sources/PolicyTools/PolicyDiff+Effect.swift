import KubeObjects
import NetTypes
import PolicyCompiler

extension PolicyDiff {
    /// What the change does to flows that were seen.
    package struct Effect: Sendable {
        /// Open connections that it cuts.
        package let cutLive: [SeenFlow]
        /// Open connections that it forbids and, by `policy.martlet.io/on-change`, lets go on.
        package let keptLive: [SeenFlow]
        /// Flows of the last hour, allowed then, that it would not let through any more.
        package let cut: [SeenFlow]
        /// Flows of the last hour, dropped then, that it would let through.
        package let opened: [SeenFlow]

        package var cutLiveCount: Int64 { cutLive.reduce(0) { $0 + $1.count } }
    }

    /// A flow between workloads counts where it does for some pods of theirs.
    package func effect(on traffic: SeenTraffic) -> Effect {
        let forbidden = traffic.live.filter { !turned($0, from: true).isEmpty }
        let kept = Set(forbidden.filter(outlives))
        return Effect(
            cutLive: forbidden.filter { !kept.contains($0) }, keptLive: forbidden.filter(kept.contains),
            cut: traffic.pairs.filter { $0.isAllowed && !turned($0, from: true).isEmpty },
            opened: traffic.pairs.filter { !$0.isAllowed && !turned($0, from: false).isEmpty })
    }

    /// The ends between which a flow gets through before (or does not) and does not afterwards (or does).
    private func turned(_ flow: SeenFlow, from isOpen: Bool) -> [(from: ReachEnd, to: ReachEnd)] {
        ends(flow.source).flatMap { source in
            ends(flow.destination).filter { destination in
                guard destination != source, let was = isOpenBefore(source, destination, flow) else { return false }
                return was.before == isOpen && was.after != isOpen
            }.map { (source, $0) }
        }
    }

    /// Whether an open flow that the change forbids goes on: all policies of both ends, before and after, say `keep`,
    /// and nothing but isolation refuses it.
    private func outlives(_ flow: SeenFlow) -> Bool {
        turned(flow, from: true).allSatisfy { source, destination in
            let modes = [before, after].flatMap { mesh in
                [source, destination].compactMap { place($0, mesh).flatMap(mesh.compiler.changeMode) }
            }
            guard modes.max() == .keep, let from = place(source, after), let to = place(destination, after) else {
                return false
            }
            return after.compiler.refusals(from: from, to: to)
                .filter { $0.span.contains(flow.transport, flow.port) }.allSatisfy(\.isIsolation)
        }
    }

    private func isOpenBefore(
        _ source: ReachEnd, _ destination: ReachEnd, _ flow: SeenFlow
    ) -> (before: Bool, after: Bool)? {
        func isOpen(_ mesh: PolicyMesh) -> Bool? {
            guard let from = place(source, mesh), let to = place(destination, mesh) else { return nil }
            return mesh.compiler.passes(from: from, to: to).contains { $0.span.contains(flow.transport, flow.port) }
        }
        guard let was = isOpen(before), let will = isOpen(after) else { return nil }
        return (was, will)
    }

    private func place(_ end: ReachEnd, _ mesh: PolicyMesh) -> ReachPlace? {
        switch end {
        case .pod(let key): mesh.place(key)
        case .address(let address): mesh.place(address)
        }
    }

    private func ends(_ party: SeenFlow.Party) -> [ReachEnd] {
        switch party {
        case .address(let address): [.address(address)]
        case .name(let key): workloads[key]?.map { .pod($0) } ?? [.pod(key)]
        }
    }
}
