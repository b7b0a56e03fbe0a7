import KubeObjects
import MapLayout
import PolicyCompiler
import TestKit

/// A compiler with the maps that its deltas fill; numbers are released after every batch, or held back.
struct CompiledCluster {
    var compiler: PolicyCompiler
    var maps = PolicyMaps()
    var journal: [String: String] = [:]
    var heldBack: [RetiredNumber] = []

    init(_ compiler: PolicyCompiler = PolicyCompiler(), journal: [String: String] = [:]) {
        self.compiler = compiler
        maps.clusterPods = RandomCluster.podCIDRs
        self.journal = journal
    }

    @discardableResult
    mutating func apply(_ changes: [PolicyChange], releasing: Bool = true) -> PolicyDelta {
        let delta = compiler.apply(changes)
        take(delta)
        for change in changes {
            if case .podRemoved = change { maps.endpoints = maps.endpoints.filter { compiler.knows(endpoint: $0.key) } }
        }
        if releasing { release() }
        return delta
    }

    /// Gives back what is held, and what giving back retires.
    mutating func release() {
        while !heldBack.isEmpty {
            let retired = heldBack
            heldBack = []
            take(compiler.release(retired))
        }
    }

    private mutating func take(_ delta: PolicyDelta) {
        maps.apply(delta)
        heldBack += delta.retired
        for entry in delta.journal { journal[entry.key] = entry.value }
    }

    var dump: String { PolicyDump(compiler, maps).text }

    /// What speaks against the maps' verdicts on a flow; nil where evaluator and maps say the same, by the same rule.
    func difference(
        _ flow: PolicyEvaluator.Flow, _ evaluator: PolicyEvaluator, _ endpoints: [ObjectKey: UInt32]
    ) -> String? {
        let answer = evaluator.judge(flow)
        let source = PolicyMaps.End(
            endpoint: flow.source.pod.flatMap { endpoints[$0.key] }, address: flow.source.address)
        let destination = PolicyMaps.End(
            endpoint: flow.destination.pod.flatMap { endpoints[$0.key] }, address: flow.destination.address)
        let egress = maps.judge(
            .egress, subject: source, peer: destination, transport: flow.transport, port: flow.port)
        let ingress = maps.judge(
            .ingress, subject: destination, peer: source, transport: flow.transport, port: flow.port)
        for (direction, decision, verdict) in [
            (RuleInfo.Direction.egress, answer.egress.decision, egress), (.ingress, answer.ingress.decision, ingress),
        ] where !isAlways(decision) && !compiler.agrees(verdict, with: decision, direction) {
            return
                "\(direction.rawValue) of \(flow.source.address) to \(flow.destination.address) "
                + "\(flow.transport)/\(flow.port): \(decision), but the maps say \(verdict) "
                + "\(String(describing: compiler.rule(verdict.ruleID)))"
        }
        return nil
    }

    /// The maps know nothing of it; the kernel answers by rule ids of its own.
    private func isAlways(_ decision: PolicyEvaluator.Decision) -> Bool { decision == .itself || decision == .ownNode }
}
