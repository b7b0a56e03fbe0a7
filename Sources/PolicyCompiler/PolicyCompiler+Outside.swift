import KubeObjects
import MapLayout
import NetTypes

/// Addresses that no pod has, as senders: in no class, and in the blocks that lie over them. What a list says of them
/// is settled by one address for each set of its own blocks that such an address can be in.
extension PolicyCompiler {
    /// The first flow from outside that a list of one of the classes lets in. Nodes are outside; that a pod's own node
    /// reaches it whatever policies say is not looked at.
    func reachFromOutside(to targets: Set<UInt32>, _ ports: [PortSpan]) -> ReachWitness? {
        for index in targets.sorted() {
            guard let entry = classes.classes[index], !entry.members.isEmpty else { continue }
            let list = lists.content(of: index)?.ingress ?? .open
            for (address, side) in outsiders(of: list) {
                let admitted = passed(list, peer: side, ports)
                let lowest = admitted.min {
                    ($0.span.transport, $0.span.ports.low) < ($1.span.transport, $1.span.ports.low)
                }
                guard let lowest, let receiver = receiver(among: members(of: entry), address.family) else { continue }
                return ReachWitness(
                    from: .address(address), to: .pod(receiver), transport: lowest.span.transport,
                    ports: lowest.span.ports, egressRule: 0, ingressRule: lowest.rule)
            }
        }
        return nil
    }

    /// A pod with an address of the family, or with none yet.
    private func receiver(among members: some Sequence<UInt32>, _ family: IPFamily) -> ObjectKey? {
        let fitting = members.filter { member in
            let addresses = pods[member]?.addresses ?? []
            return addresses.isEmpty || addresses.contains { $0.family == family }
        }
        return fitting.min().flatMap { pods[$0]?.key }
    }

    /// Of documentation (RFC 5737, RFC 3849): shown where the list treats any other address alike.
    private static let examples = ["203.0.113.7", "2001:db8::7"].compactMap { IPAddress($0) }

    private func outsiders(of list: ListContent) -> [(IPAddress, Side)] {
        if list.flags.contains(.closed) { return [] }
        let bits = list.rules.compactMap { rule -> UInt32? in
            guard case .block(let bit) = rule.peer else { return nil }
            return bit
        }
        let named = Set(bits).compactMap { bit in blocks.blocks[bit].map { (bit: bit, block: $0) } }
        let whole = [IPAddress.unspecifiedV4, .unspecifiedV6].compactMap { CIDR($0, prefixLength: 0) }
        let networks = Set(named.flatMap(\.block.borders) + whole + podCIDRs).sorted()
        let own = networks.indices.lazy.compactMap { networks.addressOfItsOwn(at: $0, except: strays) }
        var seen: Set<Place> = []
        var found: [(IPAddress, Side)] = []
        for address in Self.examples + own where isStray(address) && !strays.contains(address) {
            let over = named.filter { $0.block.contains(CIDR(address)) }.map(\.bit)
            let place = Place(blocks: Set(over), family: address.family)
            guard seen.insert(place).inserted else { continue }
            found.append((address, Side(place, index: 0, row: [], list: .open, members: [])))
        }
        return found
    }
}

extension [CIDR] {
    /// Of networks in order, each once: an address that is in the network at `index`, in none within that, and not
    /// taken; not the network's first, where there is another. Nil where those leave none.
    func addressOfItsOwn(at index: Int, except taken: StrayAddresses) -> IPAddress? {
        let (first, last) = (self[index].address, self[index].last)
        func own(from start: IPAddress) -> IPAddress? {
            var next = start
            for part in self[(index + 1)...] {
                while next < part.address {
                    guard taken.contains(next) else { return next }
                    guard next < last, let following = next.advanced(by: 1) else { return nil }
                    next = following
                }
                guard part.last >= next else { continue }
                guard part.last < last, let following = part.last.advanced(by: 1) else { return nil }
                next = following
            }
            while taken.contains(next) {
                guard next < last, let following = next.advanced(by: 1) else { return nil }
                next = following
            }
            return next
        }
        if let second = first.advanced(by: 1), second < last, let found = own(from: second) { return found }
        return own(from: first)
    }
}
