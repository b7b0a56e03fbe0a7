import PolicyCompiler

/// Gathers the pairs of a difference into rows.
struct DiffRows {
    private struct Outcome: Hashable {
        let gained: [PortSpan]
        let lost: [PortSpan]
        let gainedBecause: [String]
        let lostBecause: [String]
    }

    /// One pair of ends in one world.
    private struct Pair {
        let mesh: PolicyMesh
        let from: ReachPlace
        let to: ReachPlace

        var passes: [ReachPass] { mesh.compiler.passes(from: from, to: to) }
    }

    private let before: PolicyMesh
    private let after: PolicyMesh
    /// By what the pair comes to: receivers of each sender.
    private var pairs: [Outcome: [String: Set<String>]] = [:]

    init(_ before: PolicyMesh, _ after: PolicyMesh) {
        self.before = before
        self.after = after
    }

    mutating func add(_ from: PolicyMesh.Part, _ to: PolicyMesh.Part) {
        guard let receiver = to.pods.first(where: { $0 != from.pods[0] }) else { return }
        guard let a = before.place(from.pods[0]), let b = before.place(receiver), let c = after.place(from.pods[0]),
            let d = after.place(receiver)
        else { return }
        add(from.text, to.text, Pair(mesh: before, from: a, to: b), Pair(mesh: after, from: c, to: d))
    }

    mutating func add(_ part: PolicyMesh.Part, _ region: OutsideRegion, isOutgoing: Bool) {
        guard let a = before.place(part.pods[0]), let b = before.place(region.address),
            let c = after.place(part.pods[0]), let d = after.place(region.address)
        else { return }
        if isOutgoing {
            add(part.text, region.text, Pair(mesh: before, from: a, to: b), Pair(mesh: after, from: c, to: d))
        } else {
            add(region.text, part.text, Pair(mesh: before, from: b, to: a), Pair(mesh: after, from: d, to: c))
        }
    }

    private mutating func add(_ from: String, _ to: String, _ old: Pair, _ new: Pair) {
        let (was, will) = (old.passes.map(\.span), new.passes.map(\.span))
        let gained = PortSpan.difference(will, was)
        let lost = PortSpan.difference(was, will)
        if gained.isEmpty, lost.isEmpty { return }
        let opened = Self.reasons(gained, open: new, shut: old)
        let closed = Self.reasons(lost, open: old, shut: new)
        let allowing = opened.allowing.map { "allowed by \($0)" }
        let outcome = Outcome(
            gained: gained, lost: lost,
            gainedBecause: allowing.isEmpty ? opened.refusing.map { "no longer \($0)" } : allowing,
            lostBecause: closed.refusing + closed.allowing.map { "no longer allowed by \($0)" })
        pairs[outcome, default: [:]][from, default: []].insert(to)
    }

    /// Of ports that pass in one world and not in the other: what refuses them where they do not, and the rules that
    /// allow them where they do, in the directions that are refused.
    private static func reasons(
        _ spans: [PortSpan], open: Pair, shut: Pair
    ) -> (refusing: [String], allowing: [String]) {
        if spans.isEmpty { return ([], []) }
        let refusals = shut.mesh.compiler.refusals(from: shut.from, to: shut.to).filter { refusal in
            spans.contains { $0.overlaps(refusal.span) }
        }
        var allowing: Set<String> = []
        for pass in open.passes where spans.contains(where: { $0.overlaps(pass.span) }) {
            for refusal in refusals where refusal.span.overlaps(pass.span) {
                let rule = refusal.isEgress ? pass.egressRule : pass.ingressRule
                if let text = open.mesh.ruleText(rule) { allowing.insert(text) }
            }
        }
        return (Set(refusals.map(shut.mesh.refusalText)).sorted(), allowing.sorted())
    }

    /// Senders with the same receivers stand together. The widest rows first.
    var rows: [PolicyDiff.Row] {
        pairs.flatMap { outcome, receivers -> [PolicyDiff.Row] in
            Dictionary(grouping: receivers.keys) { receivers[$0] ?? [] }.map { to, from in
                PolicyDiff.Row(
                    from: from.sorted(), to: to.sorted(), gained: outcome.gained, lost: outcome.lost,
                    gainedBecause: outcome.gainedBecause, lostBecause: outcome.lostBecause)
            }
        }.sorted { left, right in
            let sizes = (left.from.count * left.to.count, right.from.count * right.to.count)
            if sizes.0 != sizes.1 { return sizes.0 > sizes.1 }
            if left.from != right.from { return left.from.lexicographicallyPrecedes(right.from) }
            return left.to.lexicographicallyPrecedes(right.to)
        }
    }
}
