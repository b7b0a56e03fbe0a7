import KubeObjects
import NetTypes

/// Address blocks against each other: in one rule, over the rules of a policy, and over policies of a namespace of
/// which one selects all that the other does.
extension PolicyLint {
    /// A block at its place.
    private struct PlacedBlock {
        let block: AddressBlock
        let policy: NetworkPolicy
        let rule: PolicyRule
        let ruleIndex: Int
        let peerIndex: Int
        /// `spec.egress[0].to[1]`.
        let field: String

        func isInRule(of other: Self) -> Bool { policy.key == other.policy.key && ruleIndex == other.ruleIndex }

        /// As the report about another policy names it.
        func name(in other: NetworkPolicy) -> String { policy.key == other.key ? field : "\(field) of \(policy.key)" }
    }

    func overlaps(_ direction: Direction, _ report: inout Report<PolicyWorld.Entry>) {
        let policy = report.policy
        let mine = blocks(of: policy, direction)
        if mine.isEmpty { return }
        let near = world.policies.map(\.policy).filter { other in
            other.metadata.namespace == policy.metadata.namespace && other.key != policy.key
                && (other.podSelector.covers(policy.podSelector) || policy.podSelector.covers(other.podSelector))
        }
        let others = mine + near.flatMap { blocks(of: $0, direction) }
        for block in mine {
            if overlapsInRule(block, mine.filter { $0.isInRule(of: block) }, &report) { continue }
            let elsewhere = others.filter { !$0.isInRule(of: block) }
            if opens(block, elsewhere, &report) { continue }
            // Where all of the rule is superfluous, that is said.
            if shadowed[RulePlace(policy: policy.key, direction: direction, rule: block.ruleIndex)] == nil {
                liesWithin(block, elsewhere, &report)
            }
        }
    }

    private func blocks(of policy: NetworkPolicy, _ direction: Direction) -> [PlacedBlock] {
        (Self.rules(of: policy, direction) ?? []).enumerated().flatMap { index, rule in
            rule.peers.enumerated().compactMap { number, peer in
                guard case .block(let block) = peer, !block.isEmpty else { return nil }
                return PlacedBlock(
                    block: block, policy: policy, rule: rule, ruleIndex: index, peerIndex: number,
                    field: "spec.\(direction.field)[\(index)].\(direction.peers)[\(number)]")
            }
        }
    }

    /// Two blocks of one rule: nobody means the wider one's exception and the other together.
    private func overlapsInRule(
        _ block: PlacedBlock, _ others: [PlacedBlock], _ report: inout Report<PolicyWorld.Entry>
    ) -> Bool {
        let cidr = block.block.cidr
        let wider = others.first { other in
            other.peerIndex != block.peerIndex && other.block.cidr.contains(cidr)
                && (other.block.cidr != cidr || other.peerIndex < block.peerIndex)
        }
        guard let wider else { return false }
        let hole = wider.block.except.first { block.block.part(in: $0) != nil }
        report.add(
            hole == nil ? .note : .warning, .overlappingBlocks, "\(block.field).ipBlock",
            hole.map { "opens what the exception \($0) of \(wider.field) takes out: peers add up" }
                ?? "lies within \(wider.block.cidr) of \(wider.field)",
            hole == nil ? "remove it" : "remove one of the two")
        return true
    }

    /// What another rule takes out. Where all of an exception is open again for all of its pods and ports, the
    /// exception does nothing, which nobody means; where it is a part, that may be what this rule is for.
    private func opens(
        _ block: PlacedBlock, _ others: [PlacedBlock], _ report: inout Report<PolicyWorld.Entry>
    ) -> Bool {
        let opened = others.filter { $0.rule.meetsPorts(block.rule) }.flatMap { other in
            other.block.except.compactMap { hole in block.block.part(in: hole).map { (other, hole, $0) } }
        }
        let undone = opened.first { other, hole, part in
            part.covers(AddressBlock(hole)) && block.rule.coversPorts(other.rule)
                && block.policy.podSelector.covers(other.policy.podSelector)
        }
        guard let (other, hole, part) = undone ?? opened.first else { return false }
        let name = other.name(in: block.policy)
        if undone == nil {
            report.add(
                .note, .overlappingBlocks, "\(block.field).ipBlock",
                "opens \(part.cidr), which the exception \(hole) of \(name) takes out: rules and policies add up",
                "narrow it where that is not meant")
        } else {
            report.add(
                .warning, .overlappingBlocks, "\(block.field).ipBlock",
                "opens all that the exception \(hole) of \(name) takes out, on all its ports: rules and policies add "
                    + "up, so the exception does nothing",
                "remove the exception, or the block")
        }
        return true
    }

    /// A block that lets nothing more through, of a rule that does.
    private func liesWithin(
        _ block: PlacedBlock, _ others: [PlacedBlock], _ report: inout Report<PolicyWorld.Entry>
    ) {
        let wider = others.first { other in
            guard other.block.covers(block.block), other.rule.coversPorts(block.rule),
                other.policy.podSelector.covers(block.policy.podSelector)
            else { return false }
            let isMutual =
                block.block.covers(other.block) && block.rule.coversPorts(other.rule)
                && block.policy.podSelector.covers(other.policy.podSelector)
            return !isMutual || (other.policy.key, other.ruleIndex) < (block.policy.key, block.ruleIndex)
        }
        guard let wider else { return }
        report.add(
            .note, .overlappingBlocks, "\(block.field).ipBlock",
            "lies within \(wider.block.cidr) of \(wider.name(in: block.policy)), which is open on the same ports",
            "remove it")
    }
}
