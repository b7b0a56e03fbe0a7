import KubeObjects
import MapLayout

/// Room for address blocks: asked for before a policy is taken, and looked at after each batch, since pods and nodes
/// that come and go move the borders too.
extension PolicyCompiler {
    /// What the blocks of a policy ask for that is not there; nil where they fit.
    func blockMisfit(_ policy: ObjectKey, _ wanted: Set<BlockCondition>) -> PolicyError? {
        let fresh = wanted.filter { !blocks.isLive($0) }
        if fresh.isEmpty { return nil }
        let bits = fresh.count { !blocks.isAwaited($0) }
        if bits > blocks.freeBits {
            return PolicyError(
                .noBlockFree, policy,
                "needs \(bits) more address blocks; \(blocks.freeBits) of \(limits.blocks) are free")
        }
        let made = fresh.map { BlockTable.Block(condition: $0, hosts: hosts(of: $0)) }
        let borders = Set(made.flatMap(\.borders)).count { blocks.networks[$0] == nil && !blocks.isAwaited($0) }
        if borders > blocks.freeNetworks {
            return PolicyError(
                .noNetworkFree, policy,
                "needs \(borders.counted("more network")); \(blocks.freeNetworks) of \(limits.networks - 1) are free")
        }
        guard let (needed, free) = blocks.classShortage(of: made) else { return nil }
        let more = needed.counted("more CIDR class", several: "more CIDR classes")
        return PolicyError(
            .noCIDRClassFree, policy, "needs \(more); \(free) of \(limits.cidrClasses - 1) are free")
    }

    /// Names the policies of whose blocks some found no room, and has the lists made anew where that changed.
    mutating func judgeBlocks(_ batch: inout Batch) {
        if blocks.faultyBits.isEmpty, blockProblems.isEmpty { return }
        let before = blockProblems
        blockProblems = [:]
        for (key, record) in policies {
            let bits = blocks.faultyBits.intersection(record.blocks)
            if bits.isEmpty { continue }
            blockProblems[key] = (blockProblem(record, bits), bits)
        }
        for key in Set(before.keys).union(blockProblems.keys) where before[key]?.bits != blockProblems[key]?.bits {
            if let record = policies[key] { batch.subjects.insert(record.subject) }
        }
    }

    /// Whether a direction has to be shut since a block in it does not hold what it should: a Deny or Pass that is
    /// missed would let through what it is there to stop. What allows is left out instead (`write`).
    func isShort(_ compiled: CompiledDirection) -> Bool {
        !blocks.faultyBits.isEmpty && compiled.templates.contains { $0.action != .allow && isShort($0) }
    }

    /// Whether the block that a rule is about does not hold what it should.
    func isShort(_ template: RuleTemplate) -> Bool {
        guard case .block(let bit) = template.peer else { return false }
        return blocks.faultyBits.contains(bit)
    }

    private func blockProblem(_ record: PolicyRecord, _ bits: Set<UInt32>) -> PolicyError {
        let faults = Set(bits.compactMap { blocks.blocks[$0]?.condition.peer }).compactMap { blocks.faults[$0] }
        let numberless = faults.reduce(0) { $0 + $1.numberless }
        let classless = faults.reduce(0) { $0 + $1.classless }
        let directions = [("ingress", record.ingress), ("egress", record.egress)]
        let shut = directions.filter { $0.1.map(isShort) ?? false }.map(\.0)
        let effect =
            shut.isEmpty
            ? "its rules by these blocks let nothing through"
            : shut.joined(separator: " and ") + (shut.count > 1 ? " are closed" : " is closed")
        let key = record.policy.key
        guard numberless > 0 else {
            return PolicyError(
                .noCIDRClassFree, key,
                "\(classless.counted("network")) of its address blocks without a CIDR class; "
                    + "\(blocks.partition.freeCount) of \(limits.cidrClasses - 1) are free", effect: effect)
        }
        return PolicyError(
            .noNetworkFree, key,
            "needs \(numberless.counted("more network")); \(blocks.freeNetworks) of \(limits.networks - 1) are free",
            effect: effect)
    }
}
