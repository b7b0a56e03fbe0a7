package import CMartletABI
package import NetTypes

/// One rule of a list, as user space thinks of it.
package struct RuleEntry: Hashable, Sendable {
    package enum Peer: Hashable, Sendable {
        case any
        /// Bit of the row of the peer's class.
        case selector(UInt32)
        /// Bit of the row of the peer's CIDR class.
        case block(UInt32)
    }

    package var peer: Peer
    package var ruleID: UInt32
    /// IANA number; 0 is any protocol, whatever the ports say.
    package var transport: UInt8
    package var ports: PortRange
    package var action: RuleAction
    package var tier: RuleTier

    package init(
        peer: Peer, ruleID: UInt32, transport: UInt8, ports: PortRange, action: RuleAction, tier: RuleTier
    ) {
        self.peer = peer
        self.ruleID = ruleID
        self.transport = transport
        self.ports = ports
        self.action = action
        self.tier = tier
    }

    /// Nil where the kernel's entry is none that we write.
    package init?(_ rule: martlet_rule) {
        guard let action = RuleAction(rawValue: rule.action), let tier = RuleTier(rawValue: rule.tier),
            let ports = PortRange(low: rule.port_low, high: rule.port_high)
        else { return nil }
        switch UInt32(rule.peer_kind) {
        case MARTLET_PEER_ANY.rawValue: peer = .any
        case MARTLET_PEER_SELECTOR.rawValue: peer = .selector(rule.peer)
        case MARTLET_PEER_BLOCK.rawValue: peer = .block(rule.peer)
        default: return nil
        }
        ruleID = rule.rule_id
        transport = rule.protocol
        self.ports = ports
        self.action = action
        self.tier = tier
    }

    package var layout: martlet_rule {
        var rule = martlet_rule()
        switch peer {
        case .any: rule.peer_kind = UInt8(MARTLET_PEER_ANY.rawValue)
        case .selector(let bit):
            rule.peer_kind = UInt8(MARTLET_PEER_SELECTOR.rawValue)
            rule.peer = bit
        case .block(let bit):
            rule.peer_kind = UInt8(MARTLET_PEER_BLOCK.rawValue)
            rule.peer = bit
        }
        rule.rule_id = ruleID
        rule.protocol = transport
        rule.port_low = ports.low
        rule.port_high = ports.high
        rule.action = action.rawValue
        rule.tier = tier.rawValue
        return rule
    }
}

/// `enum martlet_list_flag`.
package struct ListFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let isolated = ListFlags(rawValue: 1)
    package static let closed = ListFlags(rawValue: 2)
    package static let podDeny = ListFlags(rawValue: 4)
    package static let keep = ListFlags(rawValue: 8)
    package static let recheck = ListFlags(rawValue: 16)
    package static let reset = ListFlags(rawValue: 32)
}

/// Where the rules of one class and direction are.
package struct ListEntry: Hashable, Sendable {
    package var extent: Extent
    package var flags: ListFlags
    package var version: UInt32
    package var isolationRuleID: UInt32

    package init(extent: Extent, flags: ListFlags, version: UInt32, isolationRuleID: UInt32) {
        self.extent = extent
        self.flags = flags
        self.version = version
        self.isolationRuleID = isolationRuleID
    }

    package init(_ list: martlet_list) {
        extent = Extent(offset: list.offset, count: UInt32(list.count))
        flags = ListFlags(rawValue: list.flags)
        version = list.version
        isolationRuleID = list.isolation_rule_id
    }

    /// Without rules, and not isolated.
    package static let open = ListEntry(
        extent: Extent(offset: 0, count: 0), flags: [], version: 0, isolationRuleID: 0)
    /// Nothing passes.
    package static let closed = ListEntry(
        extent: Extent(offset: 0, count: 0), flags: .closed, version: 1, isolationRuleID: 0)

    /// - Precondition: at most 65,535 rules; admission allows 1,024.
    package var layout: martlet_list {
        martlet_list(
            offset: extent.offset, count: UInt16(extent.count), flags: flags.rawValue, version: version,
            isolation_rule_id: isolationRuleID)
    }
}

/// The lists of one class.
package struct ClassLists: Hashable, Sendable {
    package var ingress: ListEntry
    package var egress: ListEntry

    package init(ingress: ListEntry, egress: ListEntry) {
        self.ingress = ingress
        self.egress = egress
    }

    package static let open = ClassLists(ingress: .open, egress: .open)
    package static let closed = ClassLists(ingress: .closed, egress: .closed)
}
