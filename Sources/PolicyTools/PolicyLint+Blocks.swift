import KubeObjects
import NetTypes

/// Address blocks against each other: in one rule, over the rules of a policy, and over policies of a namespace of
/// which one selects all that the other does.
extension PolicyLint {
    func overlaps(_ direction: Direction, _ report: inout Report<PolicyWorld.Entry>) {
        let policy = report.policy
        for block in blocks.blocks(of: policy, direction) {
            guard let near = blocks.near(block, &report.budget) else {
                report.budget.noteCut()
                continue
            }
            if overlapsInRule(block, near.filter { $0.isInRule(of: block) }, &report) { continue }
            let elsewhere = near.filter { !$0.isInRule(of: block) }
            if opens(block, elsewhere, &report) { continue }
            // Where all of the rule is superfluous, that is said.
            if shadowed[RulePlace(policy: policy.key, direction: direction, rule: block.ruleIndex)] == nil {
                liesWithin(block, elsewhere, &report)
            }
        }
    }

    /// Two blocks of one rule: nobody means the wider one's exception and the other together.
    private func overlapsInRule(
        _ block: PlacedBlocks.Block, _ others: [PlacedBlocks.Block], _ report: inout Report<PolicyWorld.Entry>
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
        _ block: PlacedBlocks.Block, _ others: [PlacedBlocks.Block], _ report: inout Report<PolicyWorld.Entry>
    ) -> Bool {
        let opened = others.filter { !$0.block.except.isEmpty && $0.rule.meetsPorts(block.rule) }.flatMap { other in
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

    /// A block that lets nothing more through, of a rule that does. What is to be removed itself stands for nothing.
    private func liesWithin(
        _ block: PlacedBlocks.Block, _ others: [PlacedBlocks.Block], _ report: inout Report<PolicyWorld.Entry>
    ) {
        let wider = others.first { other in
            guard other.block.covers(block.block), other.rule.coversPorts(block.rule),
                other.policy.podSelector.covers(block.policy.podSelector),
                shadowed[
                    RulePlace(policy: other.policy.key, direction: other.direction, rule: other.ruleIndex)] == nil
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
