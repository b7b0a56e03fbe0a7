/// Why a packet was dropped (`enum martlet_drop_reason`). Names are those of the CLI and of metrics.
package enum DropReason: UInt8, Sendable, CaseIterable {
    case none = 0
    case policy
    case policyClosed
    case endpointClosed
    case spoofedSource
    case malformed
    case unsupportedEthertype
    case unsupportedProtocol
    case fragmentUnknown
    case noService
    case noBackend
    case unknownPeer
    case noRoute
    case tooBig
    case natExhausted
    case staleFlow
    case icmpUnrelated
    case nodeSpoofed
    case ttlExceeded
    case multicast
    case `internal`

    package var name: String {
        switch self {
        case .none: "none"
        case .policy: "policy"
        case .policyClosed: "policy-closed"
        case .endpointClosed: "endpoint-closed"
        case .spoofedSource: "spoofed-source"
        case .malformed: "malformed"
        case .unsupportedEthertype: "unsupported-ethertype"
        case .unsupportedProtocol: "unsupported-protocol"
        case .fragmentUnknown: "fragment-unknown"
        case .noService: "no-service"
        case .noBackend: "no-backend"
        case .unknownPeer: "unknown-peer"
        case .noRoute: "no-route"
        case .tooBig: "too-big"
        case .natExhausted: "nat-exhausted"
        case .staleFlow: "stale-flow"
        case .icmpUnrelated: "icmp-unrelated"
        case .nodeSpoofed: "node-spoofed"
        case .ttlExceeded: "ttl-exceeded"
        case .multicast: "multicast"
        case .internal: "internal"
        }
    }
}

/// What a record of the ring tells (`enum martlet_event_kind`).
package enum EventKind: UInt8, Sendable, CaseIterable {
    /// The first packet of an allowed flow.
    case flow = 1
    case drop
    case close
    /// A change of policy forbids an open flow, and resets it.
    case reset

    package var name: String {
        switch self {
        case .flow: "flow"
        case .drop: "drop"
        case .close: "close"
        case .reset: "reset"
        }
    }
}

/// Which program saw the packet (`enum martlet_hook`).
package enum Hook: UInt8, Sendable, CaseIterable {
    case fromPod = 1
    case toPod
    case fromNetwork
    case toNetwork
    case connect
    case explain
    case recheck

    package var name: String {
        switch self {
        case .fromPod: "from-pod"
        case .toPod: "to-pod"
        case .fromNetwork: "from-network"
        case .toNetwork: "to-network"
        case .connect: "connect"
        case .explain: "explain"
        case .recheck: "recheck"
        }
    }
}

/// Which list of rules decided (`enum martlet_direction`).
package enum VerdictDirection: UInt8, Sendable, CaseIterable {
    case none = 0
    case egress
    case ingress

    package var name: String {
        switch self {
        case .none: "none"
        case .egress: "egress"
        case .ingress: "ingress"
        }
    }
}

/// What a rule does (`enum martlet_action`).
package enum RuleAction: UInt8, Sendable, CaseIterable {
    case allow = 1
    case deny
    case pass

    package var name: String {
        switch self {
        case .allow: "allow"
        case .deny: "deny"
        case .pass: "pass"
        }
    }
}

/// The order in which rules are asked (`enum martlet_tier`).
package enum RuleTier: UInt8, Sendable, CaseIterable, Comparable {
    case admin = 0
    case networkPolicy
    case baseline

    package var name: String {
        switch self {
        case .admin: "admin"
        case .networkPolicy: "network-policy"
        case .baseline: "baseline"
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Name of an IP protocol number, as CLI and flows write it: `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6`, else the number.
package enum ProtocolName {
    package static func of(_ number: UInt8) -> String {
        switch number {
        case 1: "ICMP"
        case 6: "TCP"
        case 17: "UDP"
        case 58: "ICMPv6"
        case 132: "SCTP"
        default: String(number)
        }
    }

    /// The number of a name, in any case; nil where it is none.
    package static func number(_ name: String) -> UInt8? {
        switch name.uppercased() {
        case "ICMP": 1
        case "TCP": 6
        case "UDP": 17
        case "ICMPV6": 58
        case "SCTP": 132
        default: UInt8(name)
        }
    }
}

/// Index in the counter map of each plain counter (`enum martlet_counter`); drops are elsewhere.
package enum Counter: Int, Sendable, CaseIterable {
    case forwardedPackets = 0
    case forwardedBytes
    case eventsLost
    case flowsOpened
    case connectTranslated
    case connectRefused
    case flowsRejudged
    case masqueradesOpened

    /// As a part of a metric's name.
    package var name: String {
        switch self {
        case .forwardedPackets: "forwarded_packets"
        case .forwardedBytes: "forwarded_bytes"
        case .eventsLost: "events_lost"
        case .flowsOpened: "flows_opened"
        case .connectTranslated: "connect_translated"
        case .connectRefused: "connect_refused"
        case .flowsRejudged: "flows_rejudged"
        case .masqueradesOpened: "masquerades_opened"
        }
    }

    /// Index of the counter of drops for a reason.
    package static func drops(_ reason: DropReason) -> Int { 16 + Int(reason.rawValue) }
}
