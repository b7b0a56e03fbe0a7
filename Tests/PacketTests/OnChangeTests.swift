import BPFRuntime
import CMartletABI
import MapLayout
import TestKit
import Testing

extension PacketSuite {
    /// What a change of policy does to an open flow.
    @Suite
    struct OnChangeTests {
        private let node: PacketNode
        private let syn = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 80)
        private let ack = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 80, [.ack])
        private let synAck = PacketBytes.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.syn, .ack])
        private let answerAck = PacketBytes.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.ack])

        init() throws { node = try PacketNode() }

        private func passes(_ packet: PacketBytes) throws -> Bool {
            let outcome = try node.fromPod(packet)
            return outcome.verdict == PacketOutcome.redirect && outcome.bytes.count == packet.bytes.count
                && outcome.bytes[26..<30] == packet.bytes[26..<30]
        }

        private func list(
            _ mode: martlet_list_flag, _ rules: [martlet_rule] = [], isolated: Bool = true, version: UInt32
        ) -> RuleList {
            let flags = mode.rawValue | (isolated ? MARTLET_LIST_ISOLATED.rawValue : 0)
            return RuleList(rules: rules, flags: martlet_list_flag(rawValue: flags), version: version)
        }

        /// Opens the flow in generation 0, then puts generation 1 in force with the receiver's lists as given.
        private func change(
            from before: martlet_list_flag, to after: martlet_list_flag, _ rules: [martlet_rule] = []
        ) throws {
            try node.setPolicy(of: 2, ingress: list(before, [.allow(21)], version: 2))
            #expect(try passes(syn))
            #expect(try passes(synAck))
            #expect(try passes(ack))
            try node.setPolicy(of: 2, ingress: list(after, rules, version: 3), slots: [1])
            try node.setGeneration(1)
        }

        private func has(_ flag: martlet_flow_flag) throws -> Bool {
            UInt32(try #require(try node.flow(syn)).1.flags) & flag.rawValue != 0
        }

        @Test("A kept flow goes on in both directions, over later changes that keep it, and nothing begins on it")
        func keep() throws {
            try change(from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP)
            #expect(try passes(ack))
            #expect(try passes(answerAck))
            #expect(try has(MARTLET_FLOW_KEPT))
            let other = martlet_rule.allow(5, protocol: 6, ports: 1...2)
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_KEEP, [other], version: 4), slots: [2])
            try node.setGeneration(2)
            #expect(try passes(ack))
            #expect(try !passes(syn))
            // Nor does a stray SYN end it.
            #expect(try passes(ack) && passes(answerAck))
        }

        @Test("No association begins on a kept one of SCTP; the echo requests of a kept flow go on")
        func keepOthers() throws {
            let (client, server) = ("10.244.1.10", "10.244.1.11")
            let ping = PacketBytes.echo(client, server, identifier: 7)
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_KEEP, [.allow(21)], version: 2))
            #expect(try passes(.sctp(client, 4000, server, 55, .initiation)) && passes(ping))
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_KEEP, version: 3), slots: [1])
            try node.setGeneration(1)
            #expect(try passes(.sctp(client, 4000, server, 55, .data)) && passes(ping))
            #expect(try !passes(.sctp(client, 4000, server, 55, .initiation)))
            #expect(try passes(.sctp(client, 4000, server, 55, .data)) && passes(ping))
        }

        @Test("A kept flow is an ordinary one once it is allowed again")
        func keptNoLonger() throws {
            try change(from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP)
            #expect(try passes(ack))
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_RECHECK, [.allow(22)], version: 4), slots: [2])
            try node.setGeneration(2)
            #expect(try passes(ack))
            #expect(try !has(MARTLET_FLOW_KEPT))
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_KEEP, version: 5), slots: [3])
            try node.setGeneration(3)
            #expect(try !passes(ack))
        }

        @Test("A kept flow ends with its pod")
        func keptPodGoes() throws {
            try change(from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP)
            #expect(try passes(ack))
            // Nor may the new pod have opened it.
            try node.setPolicy(
                of: 2, ingress: list(MARTLET_LIST_KEEP, version: 3), egress: list(MARTLET_LIST_KEEP, version: 4),
                slots: [1])
            #expect(try passes(ack))
            try node.put(PacketNode.server, incarnation: 2)
            #expect(try !passes(ack))
        }

        @Test("A Deny ends a kept flow, and so does a list that is closed")
        func keepIsNoOverride() throws {
            try change(
                from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP,
                [.allow(7, tier: MARTLET_TIER_ADMIN, action: MARTLET_ACTION_DENY)])
            #expect(try !passes(ack))
            let closed = MARTLET_LIST_KEEP.rawValue | MARTLET_LIST_CLOSED.rawValue
            try node.setPolicy(
                of: 2, ingress: RuleList(flags: martlet_list_flag(rawValue: closed), version: 6), slots: [2])
            try node.setGeneration(2)
            #expect(try !passes(ack))
        }

        @Test(
            "The strictest mode decides: before or after, of either end",
            arguments: [
                (MARTLET_LIST_KEEP, MARTLET_LIST_RECHECK), (MARTLET_LIST_RECHECK, MARTLET_LIST_KEEP),
                (MARTLET_LIST_RESET, MARTLET_LIST_KEEP), (MARTLET_LIST_KEEP, MARTLET_LIST_RESET),
            ])
        func strictest(before: martlet_list_flag, after: martlet_list_flag) throws {
            try change(from: before, to: after)
            let resets = [before, after].contains(MARTLET_LIST_RESET)
            #expect(try !passes(ack))
            #expect(try has(MARTLET_FLOW_WAS_RESET) == resets)
        }

        @Test("The mode of the sender's policies counts too, whichever direction forbids")
        func otherEnd() throws {
            for mode in [MARTLET_LIST_RECHECK, MARTLET_LIST_RESET] {
                try node.setGeneration(0)
                try node.setPolicy(of: 1, egress: list(mode, isolated: false, version: 9))
                try change(from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP)
                #expect(try !passes(ack))
                #expect(try has(MARTLET_FLOW_WAS_RESET) == (mode == MARTLET_LIST_RESET))
                #expect(try !has(MARTLET_FLOW_KEPT))
            }
        }

        @Test("A flow that is reset answers its sender with an RST, and lets nothing but an RST pass")
        func reset() async throws {
            let told = try await node.events(4) {
                try change(from: MARTLET_LIST_RESET, to: MARTLET_LIST_RESET)
                let answer = try node.fromPod(ack)
                #expect(answer.verdict == PacketOutcome.redirect)
                #expect(answer.bytes[47] == 0x04)
                #expect(answer.bytes[30..<34] == ack.bytes[26..<30])
                _ = try node.fromPod(answerAck)
            }
            #expect(
                told.map(\.kind)
                    == [MARTLET_EVENT_FLOW, MARTLET_EVENT_RESET, MARTLET_EVENT_DROP, MARTLET_EVENT_DROP]
                    .map { UInt8($0.rawValue) })
            for event in told.dropFirst() {
                #expect(event.rule_id == PacketNode.isolationRule && event.generation == 1)
                #expect(event.direction == UInt8(MARTLET_DIRECTION_INGRESS.rawValue))
                #expect(event.reason == UInt8(MARTLET_DROP_POLICY.rawValue))
            }
            #expect(told[1].packets == (2, 1))
            // Which end a dropped packet came from: an answer is no flow of its own.
            #expect(told[2].packets == (1, 0))
            #expect(told[3].packets == (0, 1))
            #expect(try passes(.tcp("10.244.1.10", 4000, "10.244.1.11", 80, [.reset])))
            #expect(try passes(.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.reset, .ack])))
            #expect(try !passes(ack))
        }

        @Test("A new connection of the same ports is a new flow, judged as one")
        func afterReset() throws {
            try change(from: MARTLET_LIST_RESET, to: MARTLET_LIST_RESET)
            #expect(try !passes(ack))
            #expect(try !passes(syn))
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_RESET, [.allow(21)], version: 4), slots: [2])
            try node.setGeneration(2)
            #expect(try passes(syn))
            #expect(try !has(MARTLET_FLOW_WAS_RESET))
        }

        @Test("A datagram of a flow that is reset is answered as unreachable")
        func datagram() throws {
            let query = PacketBytes.udp("10.244.1.10", 4000, "10.244.1.11", 53)
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_RESET, [.allow(21)], version: 2))
            #expect(try passes(query))
            try node.setPolicy(of: 2, ingress: list(MARTLET_LIST_RESET, version: 3), slots: [1])
            try node.setGeneration(1)
            let answer = try node.fromPod(query)
            #expect(answer.verdict == PacketOutcome.redirect)
            #expect(answer.bytes[23] == 1 && answer.bytes[34] == 3 && answer.bytes[35] == 3)
        }

        @Test("A flow without packets is judged by `recheck` as by its next packet, once")
        func idle() async throws {
            let told = try await node.events(2) {
                try change(from: MARTLET_LIST_RESET, to: MARTLET_LIST_KEEP)
                let key = try #require(try node.datapath.entries(MapCatalog.flows).first).key
                for _ in 0..<2 {
                    let rechecked = try #require(try node.datapath.recheck(key))
                    #expect(rechecked.has(MARTLET_FLOW_WAS_RESET))
                    #expect(rechecked.reason == UInt8(MARTLET_DROP_POLICY.rawValue))
                }
            }
            #expect(told.map(\.kind) == [MARTLET_EVENT_FLOW, MARTLET_EVENT_RESET].map { UInt8($0.rawValue) })
            #expect(try node.datapath.counters()[Int(MARTLET_COUNTER_FLOWS_REJUDGED.rawValue)] == 1)
            #expect(try passes(.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.reset])))
        }

        @Test("`recheck` knows what is no flow, restamps what is allowed and keeps what is to be kept")
        func recheck() throws {
            try change(from: MARTLET_LIST_KEEP, to: MARTLET_LIST_KEEP)
            var key = try #require(try node.datapath.entries(MapCatalog.flows).first).key
            let kept = try #require(try node.datapath.recheck(key))
            #expect(kept.has(MARTLET_FLOW_KEPT) && kept.reason == UInt8(MARTLET_DROP_NONE.rawValue))
            #expect(try node.flow(syn)?.1.generation == 1)
            key.low_port ^= 1
            #expect(try node.datapath.recheck(key) == nil)
        }

        @Test("`recheck` says that the next packet of a flow is dropped, each time it is asked, and why")
        func nextPacket() throws {
            try change(from: MARTLET_LIST_RECHECK, to: MARTLET_LIST_RECHECK)
            let key = try #require(try node.datapath.entries(MapCatalog.flows).first).key
            for _ in 0..<2 {
                let rechecked = try #require(try node.datapath.recheck(key))
                #expect(rechecked.reason == UInt8(MARTLET_DROP_POLICY.rawValue))
                #expect(!rechecked.has(MARTLET_FLOW_KEPT) && !rechecked.has(MARTLET_FLOW_WAS_RESET))
            }
        }
    }
}
