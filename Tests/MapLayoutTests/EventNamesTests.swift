import CMartletABI
import MapLayout
import Testing

struct EventNamesTests {
    @Test("Every drop reason of the kernel's has a name of its own, and the counter that the kernel uses")
    func reasons() {
        #expect(DropReason.allCases.count == Int(MARTLET_DROP_REASONS.rawValue))
        #expect(Set(DropReason.allCases.map(\.name)).count == DropReason.allCases.count)
        let pairs: [(DropReason, martlet_drop_reason)] = [
            (.none, MARTLET_DROP_NONE), (.policy, MARTLET_DROP_POLICY), (.policyClosed, MARTLET_DROP_POLICY_CLOSED),
            (.endpointClosed, MARTLET_DROP_ENDPOINT_CLOSED), (.spoofedSource, MARTLET_DROP_SPOOFED_SOURCE),
            (.malformed, MARTLET_DROP_MALFORMED), (.unsupportedEthertype, MARTLET_DROP_UNSUPPORTED_ETHERTYPE),
            (.unsupportedProtocol, MARTLET_DROP_UNSUPPORTED_PROTOCOL),
            (.fragmentUnknown, MARTLET_DROP_FRAGMENT_UNKNOWN), (.noService, MARTLET_DROP_NO_SERVICE),
            (.noBackend, MARTLET_DROP_NO_BACKEND), (.unknownPeer, MARTLET_DROP_UNKNOWN_PEER),
            (.noRoute, MARTLET_DROP_NO_ROUTE), (.tooBig, MARTLET_DROP_TOO_BIG),
            (.natExhausted, MARTLET_DROP_NAT_EXHAUSTED), (.staleFlow, MARTLET_DROP_STALE_FLOW),
            (.icmpUnrelated, MARTLET_DROP_ICMP_UNRELATED), (.nodeSpoofed, MARTLET_DROP_NODE_SPOOFED),
            (.ttlExceeded, MARTLET_DROP_TTL_EXCEEDED), (.multicast, MARTLET_DROP_MULTICAST),
            (.internal, MARTLET_DROP_INTERNAL),
        ]
        #expect(pairs.map(\.0) == DropReason.allCases)
        for (ours, kernel) in pairs {
            #expect(UInt32(ours.rawValue) == kernel.rawValue)
            #expect(Counter.drops(ours) == Int(MARTLET_COUNTER_DROPS.rawValue + kernel.rawValue))
        }
    }

    @Test("Kinds, hooks, directions, actions, tiers and counters have the kernel's numbers")
    func numbers() {
        #expect(EventKind.flow.rawValue == UInt8(MARTLET_EVENT_FLOW.rawValue))
        #expect(EventKind.drop.rawValue == UInt8(MARTLET_EVENT_DROP.rawValue))
        #expect(EventKind.close.rawValue == UInt8(MARTLET_EVENT_CLOSE.rawValue))
        #expect(Hook.fromPod.rawValue == UInt8(MARTLET_HOOK_FROM_POD.rawValue))
        #expect(Hook.toPod.rawValue == UInt8(MARTLET_HOOK_TO_POD.rawValue))
        #expect(Hook.fromNetwork.rawValue == UInt8(MARTLET_HOOK_FROM_NETWORK.rawValue))
        #expect(Hook.toNetwork.rawValue == UInt8(MARTLET_HOOK_TO_NETWORK.rawValue))
        #expect(Hook.connect.rawValue == UInt8(MARTLET_HOOK_CONNECT.rawValue))
        #expect(Hook.explain.rawValue == UInt8(MARTLET_HOOK_EXPLAIN.rawValue))
        #expect(VerdictDirection.egress.rawValue == UInt8(MARTLET_DIRECTION_EGRESS.rawValue))
        #expect(VerdictDirection.ingress.rawValue == UInt8(MARTLET_DIRECTION_INGRESS.rawValue))
        #expect(RuleAction.allow.rawValue == UInt8(MARTLET_ACTION_ALLOW.rawValue))
        #expect(RuleAction.deny.rawValue == UInt8(MARTLET_ACTION_DENY.rawValue))
        #expect(RuleAction.pass.rawValue == UInt8(MARTLET_ACTION_PASS.rawValue))
        #expect(RuleTier.admin.rawValue == UInt8(MARTLET_TIER_ADMIN.rawValue))
        #expect(RuleTier.networkPolicy.rawValue == UInt8(MARTLET_TIER_NETWORK_POLICY.rawValue))
        #expect(RuleTier.baseline.rawValue == UInt8(MARTLET_TIER_BASELINE.rawValue))
        let counters: [(Counter, martlet_counter)] = [
            (.forwardedPackets, MARTLET_COUNTER_FORWARDED_PACKETS),
            (.forwardedBytes, MARTLET_COUNTER_FORWARDED_BYTES), (.eventsLost, MARTLET_COUNTER_EVENTS_LOST),
            (.flowsOpened, MARTLET_COUNTER_FLOWS_OPENED), (.connectTranslated, MARTLET_COUNTER_CONNECT_TRANSLATED),
            (.connectRefused, MARTLET_COUNTER_CONNECT_REFUSED), (.flowsRejudged, MARTLET_COUNTER_FLOWS_REJUDGED),
            (.masqueradesOpened, MARTLET_COUNTER_MASQUERADES_OPENED),
        ]
        #expect(counters.map(\.0) == Counter.allCases)
        for (ours, kernel) in counters { #expect(ours.rawValue == Int(kernel.rawValue)) }
    }

    @Test("Protocol names lead to their numbers and back, in any case")
    func protocols() {
        for number in UInt8.min...UInt8.max { #expect(ProtocolName.number(ProtocolName.of(number)) == number) }
        #expect(ProtocolName.number("icmpV6") == 58)
        #expect(ProtocolName.number("256") == nil)
        #expect(ProtocolName.number("") == nil)
    }
}
