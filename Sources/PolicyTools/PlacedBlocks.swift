import KubeObjects
import NetTypes

/// The address blocks of policies, found by the network that they lie in.
struct PlacedBlocks: Sendable {
    /// A block at its place.
    struct Block: Sendable {
        let block: AddressBlock
        let policy: NetworkPolicy
        let direction: PolicyLint.Direction
        let rule: PolicyRule
        let ruleIndex: Int
        let peerIndex: Int

        /// `spec.egress[0].to[1]`.
        var field: String { "spec.\(direction.field)[\(ruleIndex)].\(direction.peers)[\(peerIndex)]" }

        func isInRule(of other: Self) -> Bool { policy.key == other.policy.key && ruleIndex == other.ruleIndex }

        /// As the report about another policy names it.
        func name(in other: NetworkPolicy) -> String { policy.key == other.key ? field : "\(field) of \(policy.key)" }
    }

    private struct Scope: Hashable {
        let namespace: String
        let direction: PolicyLint.Direction
    }

    private struct Near: Sendable {
        var blocks: [Block] = []
        var index = BlockIndex()
        var ofPolicy: [ObjectKey: [Int]] = [:]
    }

    private var scopes: [Scope: Near] = [:]

    /// - Parameter policies: in the order in which their blocks are named.
    init(_ policies: [NetworkPolicy]) {
        for policy in policies {
            for direction in [PolicyLint.Direction.ingress, .egress] {
                for (index, rule) in (PolicyLint.rules(of: policy, direction) ?? []).enumerated() {
                    for (number, peer) in rule.peers.enumerated() {
                        guard case .block(let block) = peer, !block.isEmpty else { continue }
                        add(
                            Block(
                                block: block, policy: policy, direction: direction, rule: rule, ruleIndex: index,
                                peerIndex: number))
                    }
                }
            }
        }
    }

    private mutating func add(_ block: Block) {
        let scope = Scope(namespace: block.policy.metadata.namespace, direction: block.direction)
        let place = scopes[scope]?.blocks.count ?? 0
        scopes[scope, default: Near()].blocks.append(block)
        scopes[scope]?.index.add(block.block.cidr, place)
        scopes[scope]?.ofPolicy[block.policy.key, default: []].append(place)
    }

    func blocks(of policy: NetworkPolicy, _ direction: PolicyLint.Direction) -> [Block] {
        guard let near = scopes[Scope(namespace: policy.metadata.namespace, direction: direction)] else { return [] }
        return (near.ofPolicy[policy.key] ?? []).map { near.blocks[$0] }
    }

    /// Those with an address of this one, itself among them, of its policy and then of policies of which one selects
    /// all that the other does. Nil where the budget is spent.
    func near(_ block: Block, _ budget: inout ComparisonBudget) -> [Block]? {
        let scope = Scope(namespace: block.policy.metadata.namespace, direction: block.direction)
        guard let near = scopes[scope] else { return [] }
        let (cidr, selector) = (block.block.cidr, block.policy.podSelector)
        let own = near.ofPolicy[block.policy.key] ?? []
        let places = near.index.candidates(cidr).sorted()
        guard budget.spend(places.count) else { return nil }
        let found = places.filter { near.blocks[$0].block.cidr.overlaps(cidr) }
        guard budget.spend(found.count * Self.stepsToCompare) else { return nil }
        let others = found.filter { place in
            let other = near.blocks[place].policy
            return other.key != block.policy.key
                && (other.podSelector.covers(selector) || selector.covers(other.podSelector))
        }
        return (own.filter { near.blocks[$0].block.cidr.overlaps(cidr) } + others).map { near.blocks[$0] }
    }

    /// Of two blocks that overlap, whether one says something about the other.
    private static let stepsToCompare = 16
}
