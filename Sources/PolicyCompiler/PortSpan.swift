import MapLayout
package import NetTypes

/// Ports of one protocol (IANA number); protocols without ports have port 0 alone.
package struct PortSpan: Hashable, Sendable {
    package let transport: UInt8
    package let ports: PortRange

    package init(_ transport: UInt8, _ ports: PortRange) {
        self.transport = transport
        self.ports = ports
    }

    /// Everything that policy judges: TCP, UDP, SCTP, ICMP and ICMPv6.
    package static let everything: [PortSpan] =
        [6, 17, 132].map { PortSpan($0, .all) } + [1, 58].map { PortSpan($0, PortRange(0)) }

    /// What both cover; nil where that is nothing.
    func common(with rule: RuleEntry) -> PortSpan? {
        if rule.transport == 0 { return self }
        guard rule.transport == transport else { return nil }
        return common(with: PortSpan(transport, rule.ports))
    }

    func common(with other: PortSpan) -> PortSpan? {
        guard transport == other.transport else { return nil }
        return PortRange(low: max(ports.low, other.ports.low), high: min(ports.high, other.ports.high))
            .map { PortSpan(transport, $0) }
    }

    /// What is left without `part`, which lies inside.
    func without(_ part: PortSpan) -> [PortSpan] {
        var left: [PortSpan] = []
        if part.ports.low > ports.low, let below = PortRange(low: ports.low, high: part.ports.low - 1) {
            left.append(PortSpan(transport, below))
        }
        if part.ports.high < ports.high, let above = PortRange(low: part.ports.high + 1, high: ports.high) {
            left.append(PortSpan(transport, above))
        }
        return left
    }
}
