import KubeObjects
import NetTypes

/// Whether rules together match all that another one does, whatever pods there are: each of its peers on each piece of
/// its ports. Never wrong where it says yes; it may miss a case.
struct RuleCover<Wide, Narrow> {
    struct Rule {
        /// Empty: any peer.
        let peers: [Wide]
        let ports: [PolicyPort]
    }

    let covers: (Wide, Narrow) -> Bool
    /// Nil for a peer that is no block.
    let block: (Wide) -> AddressBlock?
    let narrowBlock: (Narrow) -> AddressBlock?

    /// With more rules that help, those that are not needed are not told from the others.
    private static var neededMax: Int { 64 }

    /// Of the rules at `places` those that are needed for it: one where one will do. Nil where something is left, or
    /// where the budget is spent.
    func needed(
        of rules: [Rule], at places: [Int], covering peers: [Narrow], _ ports: [PolicyPort],
        _ budget: inout ComparisonBudget
    ) -> [Int]? {
        if places.isEmpty { return nil }
        var helpful: [Int] = []
        var found: [Int]?
        for place in places {
            guard budget.spend(Self.steps(rules[place], peers, ports)) else { break }
            guard helps(rules[place], peers, ports) else { continue }
            if isCovered(peers, ports, by: [rules[place]], &budget) {
                found = [place]
                break
            }
            helpful.append(place)
        }
        if found == nil, helpful.count > 1, isCovered(peers, ports, by: helpful.map { rules[$0] }, &budget) {
            found = fewest(of: helpful, rules, covering: peers, ports, &budget)
        }
        if budget.left == 0 { budget.noteCut() }
        return budget.left == 0 ? nil : found
    }

    private func fewest(
        of helpful: [Int], _ rules: [Rule], covering peers: [Narrow], _ ports: [PolicyPort],
        _ budget: inout ComparisonBudget
    ) -> [Int] {
        var needed = helpful
        for place in helpful.indices.reversed() where helpful.count <= Self.neededMax {
            var fewer = needed
            fewer.remove(at: place)
            if isCovered(peers, ports, by: fewer.map { rules[$0] }, &budget) { needed = fewer }
        }
        return needed
    }

    private static func steps(_ rule: Rule, _ peers: [Narrow], _ ports: [PolicyPort]) -> Int {
        (rule.ports.count + 1) * (ports.count + 1) + (rule.peers.count + 1) * (peers.count + 1)
    }

    /// It takes some part away.
    private func helps(_ rule: Rule, _ peers: [Narrow], _ ports: [PolicyPort]) -> Bool {
        guard rule.ports.isEmpty || rule.ports.contains(where: { port in ports.contains { $0.meets(port) } }) else {
            return false
        }
        return rule.peers.isEmpty
            || rule.peers.contains { peer in
                guard let cidr = block(peer)?.cidr else { return peers.contains { covers(peer, $0) } }
                return cidr.prefixLength == 0 || peers.contains { narrowBlock($0)?.cidr.overlaps(cidr) == true }
            }
    }

    /// False too where the budget is spent.
    private func isCovered(
        _ peers: [Narrow], _ ports: [PolicyPort], by rules: [Rule], _ budget: inout ComparisonBudget
    ) -> Bool {
        for piece in pieces(ports, rules) {
            let steps = rules.reduce(0) { $0 + $1.ports.count + $1.peers.count * (peers.count + 1) + 1 }
            guard budget.spend(steps), isCovered(peers, on: piece, by: rules) else { return false }
        }
        return true
    }

    private func isCovered(_ peers: [Narrow], on piece: PolicyPort?, by rules: [Rule]) -> Bool {
        let asked = rules.filter { rule in
            rule.ports.isEmpty || piece.map { piece in rule.ports.contains { $0.covers(piece) } } ?? false
        }
        if asked.contains(where: \.peers.isEmpty) { return true }
        let wide = asked.flatMap(\.peers)
        let blocks = wide.compactMap(block)
        let isEverywhere = AddressBlock.everywhere.allSatisfy { $0.isCovered(by: blocks) }
        if peers.isEmpty || isEverywhere { return isEverywhere }
        return peers.allSatisfy { peer in
            wide.contains { covers($0, peer) } || narrowBlock(peer)?.isCovered(by: blocks) ?? false
        }
    }

    /// The ports cut where an entry of the rules begins or ends; nil: any protocol. 0 is no port of anything.
    private func pieces(_ ports: [PolicyPort], _ rules: [Rule]) -> [PolicyPort?] {
        if ports.isEmpty { return [nil] }
        return ports.flatMap { port -> [PolicyPort?] in
            let whole: PortRange
            switch port.target {
            case .named: return [port]
            case .all: whole = PortRange(low: 1, high: .max) ?? .all
            case .range(let range): whole = range
            }
            var starts: Set<Int> = []
            for case .range(let range) in rules.flatMap(\.ports).filter({ $0.transport == port.transport }).map(
                \.target)
            {
                starts.formUnion([Int(range.low), Int(range.high) + 1])
            }
            let inside = [Int(whole.low)] + starts.filter { $0 > whole.low && $0 <= whole.high }.sorted()
            let ends = inside.dropFirst().map { $0 - 1 } + [Int(whole.high)]
            return zip(inside, ends).map { low, high in
                PortRange(low: UInt16(low), high: UInt16(high)).map { PolicyPort(port.transport, .range($0)) }
            }
        }
    }
}

extension AddressBlock {
    /// Of both families.
    fileprivate static let everywhere = ["0.0.0.0/0", "::/0"].compactMap { CIDR($0) }.map { AddressBlock($0) }

    /// `parts` together hold every address of it. Halves what a border lies in: at most its length times the borders.
    func isCovered(by parts: [AddressBlock]) -> Bool { isCovered(cidr, by: parts) }

    private func isCovered(_ piece: CIDR, by parts: [AddressBlock]) -> Bool {
        if except.contains(where: { $0.contains(piece) }) { return true }
        let near = parts.filter { part in
            part.cidr.overlaps(piece) && !part.except.contains { $0.contains(piece) }
        }
        if near.contains(where: { part in
            part.cidr.contains(piece) && !part.except.contains { $0.overlaps(piece) }
        }) {
            return true
        }
        guard !near.isEmpty, let lower = CIDR(piece.address, prefixLength: piece.prefixLength + 1),
            let upper = CIDR(piece.last, prefixLength: piece.prefixLength + 1)
        else { return false }
        return isCovered(lower, by: near) && isCovered(upper, by: near)
    }
}
