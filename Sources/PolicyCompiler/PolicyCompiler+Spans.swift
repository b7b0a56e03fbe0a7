package import KubeObjects
import MapLayout
package import NetTypes

/// One end of a question about ports.
package enum ReachEnd: Hashable, Sendable, CustomStringConvertible {
    case pod(ObjectKey)
    /// No pod's.
    case address(IPAddress)

    package var description: String {
        switch self {
        case .pod(let key): "\(key)"
        case .address(let address): "\(address)"
        }
    }
}

/// An end as the compiled tables see it, for many questions.
package struct ReachPlace: Sendable {
    /// One for each address.
    let egress: [PolicyCompiler.Side]
    let ingress: [PolicyCompiler.Side]
    /// Index of the class; nil for an address.
    package let classIndex: UInt32?

    /// Ends of one class and in the same blocks are the same to every rule.
    package struct Likeness: Hashable, Sendable {
        let classIndex: UInt32?
        let places: [[UInt32]]
    }

    package var likeness: Likeness {
        Likeness(
            classIndex: classIndex,
            places: egress.map { [$0.family.map { UInt32($0.rawValue) } ?? 0] + $0.blocks.sorted() }.sorted {
                $0.lexicographicallyPrecedes($1)
            })
    }
}

/// Ports that get through, and the rules that let them; 0 where no policy decides in that direction.
package struct ReachPass: Hashable, Sendable {
    package let span: PortSpan
    package let egressRule: UInt32
    package let ingressRule: UInt32
}

extension PolicyCompiler {
    /// Nil for a pod that was not compiled in.
    package func place(of end: ReachEnd) -> ReachPlace? {
        switch end {
        case .address(let address):
            let place = Place(blocks: blocks.bits(over: address), family: address.family)
            let side = Side(place, index: 0, row: [], list: .open, members: [])
            return ReachPlace(egress: [side], ingress: [side], classIndex: nil)
        case .pod(let key):
            guard let member = memberOf[key], let pod = pods[member] else { return nil }
            let index = (placed[member] ?? 0) & 0xffff
            let content = lists.content(of: index)
            func side(_ address: IPAddress?, _ list: ListContent?) -> Side {
                let over = blocksCoverPods ? address.map { blocks.bits(over: $0) } ?? [] : []
                return Side(
                    Place(blocks: over, family: address?.family), index: index, row: rows.rows[index] ?? [],
                    list: index == Self.closedClass ? .closed : list ?? .open, members: [key])
            }
            let addresses: [IPAddress?] = pod.addresses.isEmpty ? [nil] : pod.addresses.map { $0 }
            return ReachPlace(
                egress: addresses.map { side($0, content?.egress) },
                ingress: addresses.map { side($0, content?.ingress) }, classIndex: index)
        }
    }

    /// Whether some policy decides who may ask the end.
    package func isIngressDecided(_ place: ReachPlace) -> Bool {
        place.ingress.contains { !$0.list.rules.isEmpty || !$0.list.flags.isDisjoint(with: [.isolated, .closed]) }
    }

    /// What gets from one end to another, over either family; in the order of protocols and ports. What pairs of
    /// addresses decide by different rules stands there for each.
    package func passes(from: ReachPlace, to: ReachPlace) -> [ReachPass] {
        var found: Set<ReachPass> = []
        for sender in from.egress {
            for receiver in to.ingress {
                if let mine = sender.family, let other = receiver.family, mine != other { continue }
                let incoming = passed(receiver.list, peer: sender, PortSpan.everything)
                if incoming.isEmpty { continue }
                let outgoing = passed(sender.list, peer: receiver, incoming.map(\.span))
                for (span, egressRule) in outgoing {
                    for (allowed, ingressRule) in incoming {
                        guard let common = span.common(with: allowed) else { continue }
                        found.insert(ReachPass(span: common, egressRule: egressRule, ingressRule: ingressRule))
                    }
                }
            }
        }
        return found.sorted { left, right in
            (left.span.transport, left.span.ports.low, left.egressRule, left.ingressRule)
                < (right.span.transport, right.span.ports.low, right.egressRule, right.ingressRule)
        }
    }
}

/// Ports as sets.
extension PortSpan {
    /// In order, without overlaps, neighbours joined.
    package static func union(_ spans: [PortSpan]) -> [PortSpan] {
        var joined: [PortSpan] = []
        for span in spans.sorted(by: { ($0.transport, $0.ports.low) < ($1.transport, $1.ports.low) }) {
            if let last = joined.last, last.transport == span.transport,
                Int(span.ports.low) <= Int(last.ports.high) + 1,
                let ports = PortRange(low: last.ports.low, high: max(last.ports.high, span.ports.high))
            {
                joined[joined.count - 1] = PortSpan(span.transport, ports)
            } else {
                joined.append(span)
            }
        }
        return joined
    }

    /// What is in `spans` and in none of `others`.
    package static func difference(_ spans: [PortSpan], _ others: [PortSpan]) -> [PortSpan] {
        others.reduce(union(spans)) { left, other in
            left.flatMap { span in span.common(with: other).map(span.without) ?? [span] }
        }
    }

    package func overlaps(_ other: PortSpan) -> Bool { common(with: other) != nil }

    package func contains(_ transport: UInt8, _ port: UInt16) -> Bool {
        self.transport == transport && ports.contains(port)
    }

    /// `TCP 80`, `TCP 1-1023`, `TCP`, `ICMP`.
    package var text: String {
        guard let known = TransportProtocol(rawValue: transport) else { return transport == 1 ? "ICMP" : "ICMPv6" }
        if ports == .all { return known.kubernetesName }
        let (low, high) = (ports.low, ports.high)
        return "\(known.kubernetesName) \(low == high ? "\(low)" : "\(low)-\(high)")"
    }

    /// `any port` where nothing is missing, `any port but TCP 80` where that is shorter.
    package static func text(_ spans: [PortSpan]) -> String {
        let missing = difference(everything, spans)
        if missing.isEmpty { return "any port" }
        if missing.count < spans.count { return "any port but " + missing.map(\.text).joined(separator: ", ") }
        return spans.map(\.text).joined(separator: ", ")
    }
}
