import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// The policy stage, asked through packets and through `explain` alike.
    @Suite
    struct PolicyTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        private struct Answer: Equatable {
            var egress = MARTLET_ACTION_ALLOW
            var ingress = MARTLET_ACTION_ALLOW
            var egressRule: UInt32 = 0
            var ingressRule: UInt32 = 0

            static func == (left: Self, right: Self) -> Bool {
                left.egress.rawValue == right.egress.rawValue && left.ingress.rawValue == right.ingress.rawValue
                    && left.egressRule == right.egressRule && left.ingressRule == right.ingressRule
            }
        }

        private func explain(
            _ source: String, _ destination: String, _ port: UInt16, protocol number: UInt8 = 6
        ) throws -> Answer {
            var question = martlet_question()
            question.source = PacketBytes.address(source).mapped
            question.destination = PacketBytes.address(destination).mapped
            question.destination_port = port.bigEndian
            question.protocol = number
            let answer = try node.datapath.explain(question)
            return Answer(
                egress: martlet_action(rawValue: UInt32(answer.egress_verdict)),
                ingress: martlet_action(rawValue: UInt32(answer.ingress_verdict)),
                egressRule: answer.egress_rule, ingressRule: answer.ingress_rule)
        }

        /// Both answers: the explain program's, which writes nothing, and a packet's.
        private func isAllowed(
            _ source: String, _ destination: String, _ port: UInt16, protocol number: UInt8 = 6,
            at location: SourceLocation = #_sourceLocation
        ) throws -> Bool {
            let before = try node.datapath.counters()
            let answer = try explain(source, destination, port, protocol: number)
            #expect(try node.datapath.counters() == before, sourceLocation: location)
            let told =
                answer.egress.rawValue == MARTLET_ACTION_ALLOW.rawValue
                && answer.ingress.rawValue == MARTLET_ACTION_ALLOW.rawValue
            for table in [MapCatalog.flows, MapCatalog.halfFlows] {
                for entry in try node.datapath.entries(table) { try node.datapath.remove(table, entry.key) }
            }
            let packet =
                number == 6
                ? PacketBytes.tcp(source, 4000, destination, port) : .udp(source, 4000, destination, port)
            let program = source.hasPrefix("10.244.1.") || source.hasPrefix("fd44:0:0:1:") ? "from_pod" : "from_network"
            let passed = try node.run(program, packet).verdict != PacketOutcome.shot
            #expect(passed == told, "packet and explain", sourceLocation: location)
            return passed
        }

        @Test("A pod that no policy selects is open, in both families")
        func open() throws {
            #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80))
            #expect(try isAllowed("fd44:0:0:1::10", "fd44:0:0:1::11", 80))
            #expect(try explain("10.244.1.10", "10.244.1.11", 80) == Answer())
        }

        @Test("Egress of the sender and ingress of the receiver are both asked")
        func bothDirections() throws {
            try node.setPolicy(of: 1, egress: .isolated())
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21)]))
            let rule = PacketNode.isolationRule
            #expect(
                try explain("10.244.1.10", "10.244.1.11", 80)
                    == Answer(egress: MARTLET_ACTION_DENY, egressRule: rule, ingressRule: 21))
            #expect(try !isAllowed("10.244.1.10", "10.244.1.11", 80))
        }

        @Test("A selector's bit is the peer's class', across the words of a row")
        func selectors() throws {
            for bit: UInt32 in [0, 63, 64, 4095] {
                try node.setPolicy(
                    of: 2, ingress: .isolated([.allow(21, kind: MARTLET_PEER_SELECTOR, peer: bit)]))
                try node.setSelectors([bit], ofClass: 1)
                #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80))
                #expect(try isAllowed("fd44:0:0:1::10", "fd44:0:0:1::11", 80))
                try node.setSelectors([bit ^ 1], ofClass: 1)
                #expect(try !isAllowed("10.244.1.10", "10.244.1.11", 80))
            }
        }

        @Test("A pod of another node is a peer by its class")
        func remotePeer() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21, kind: MARTLET_PEER_SELECTOR, peer: 7)]))
            try node.setSelectors([7], ofClass: PacketNode.remote.number)
            #expect(try isAllowed("10.244.2.20", "10.244.1.11", 80))
            #expect(try !isAllowed("10.244.2.21", "10.244.1.11", 80))
            #expect(try !isAllowed(PacketNode.outside[0], "10.244.1.11", 80))
        }

        @Test("A block holds the addresses of its network; the longest prefix says which blocks those are")
        func blocks() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21, kind: MARTLET_PEER_BLOCK, peer: 70)]))
            try node.putNetwork(1, "203.0.113.0/24", cidrClass: 1, blocks: [70])
            try node.putNetwork(2, "203.0.113.128/25", cidrClass: 2, blocks: [])
            try node.putNetwork(3, "2001:db8::/32", cidrClass: 1, blocks: [70])
            #expect(try isAllowed("203.0.113.9", "10.244.1.11", 80))
            #expect(try !isAllowed("203.0.113.200", "10.244.1.11", 80))
            #expect(try !isAllowed("198.51.100.1", "10.244.1.11", 80))
            #expect(try isAllowed("2001:db8::9", "fd44:0:0:1::11", 80))
        }

        @Test("A block holds pods only while one overlaps the pod CIDRs")
        func blocksOfPods() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21, kind: MARTLET_PEER_BLOCK, peer: 0)]))
            try node.putNetwork(1, "10.244.1.0/24", cidrClass: 1, blocks: [0])
            #expect(try !isAllowed("10.244.1.10", "10.244.1.11", 80))
            var control = martlet_control()
            control.flags.0 = MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue
            try node.datapath.write(MapCatalog.control, at: 0, control)
            #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80))
        }

        @Test("A pod without a Pod object, and an address that is no pod's, are peers by block alone")
        func unmanaged() throws {
            try node.setPolicy(
                of: 2,
                ingress: .isolated([
                    .allow(21, kind: MARTLET_PEER_SELECTOR, peer: 3), .allow(22, kind: MARTLET_PEER_BLOCK, peer: 0),
                ]))
            let flags = PacketNode.liveHere | MARTLET_ENDPOINT_UNMANAGED.rawValue
            try node.put(PacketNode.client, flags: flags, classNumber: 0)
            #expect(try !isAllowed("10.244.1.10", "10.244.1.11", 80))
            try node.putNetwork(1, "10.244.0.0/16", cidrClass: 1, blocks: [0])
            #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80))
            #expect(try isAllowed("10.244.2.99", "10.244.1.11", 80))
        }

        @Test("Protocol and port range are the destination's")
        func ports() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21, protocol: 6, ports: 80...90)]))
            for (port, allowed) in [(UInt16(79), false), (80, true), (85, true), (90, true), (91, false)] {
                #expect(try isAllowed("10.244.1.10", "10.244.1.11", port) == allowed)
            }
            #expect(try !isAllowed("10.244.1.10", "10.244.1.11", 80, protocol: 17))
        }

        @Test("The first match decides; Pass goes on with the next tier; an isolated list ends before Baseline")
        func tiers() throws {
            let deny = MARTLET_ACTION_DENY
            let admin = MARTLET_TIER_ADMIN
            let baseline = MARTLET_TIER_BASELINE
            let cases: [([martlet_rule], isolated: Bool, Bool, UInt32)] = [
                ([.allow(21, tier: admin, action: deny), .allow(22)], true, false, 21),
                ([.allow(21, tier: admin), .allow(22, action: deny)], true, true, 21),
                (
                    [
                        .allow(21, tier: admin, action: MARTLET_ACTION_PASS), .allow(22, tier: admin, action: deny),
                        .allow(23),
                    ], true, true, 23
                ),
                ([.allow(21, tier: admin, action: MARTLET_ACTION_PASS), .allow(24, tier: baseline)], true, false, 99),
                ([.allow(24, tier: baseline, action: deny)], false, false, 24),
                ([.allow(24, tier: baseline)], true, false, 99),
                ([.allow(24, tier: baseline, action: MARTLET_ACTION_PASS)], false, true, 0),
            ]
            for (rules, isolated, allowed, rule) in cases {
                try node.setPolicy(of: 2, ingress: isolated ? .isolated(rules) : RuleList(rules: rules))
                #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80) == allowed)
                #expect(try explain("10.244.1.10", "10.244.1.11", 80).ingressRule == rule)
            }
        }

        @Test("The last of a thousand and twenty-four rules still counts")
        func longList() throws {
            var rules = (0..<1023).map { martlet_rule.allow(UInt32(100 + $0), protocol: 6, ports: 1...1) }
            rules.append(.allow(77, protocol: 6, ports: 80...80))
            try node.setPolicy(of: 1, egress: .isolated(rules), slots: [0])
            #expect(try explain("10.244.1.10", "10.244.1.11", 80).egressRule == 77)
            #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80))
        }

        @Test("A list ends where it ends, wherever in a page, whatever lies before and after it")
        func pages() throws {
            let page = Int(MARTLET_PAGE_RULES.rawValue)
            var lists = try node.datapath.read(MapCatalog.classLists, at: 2)
            for first in 0..<page {
                for count in [1, page - 1, page, page + 1, 3 * page] {
                    let neighbour = martlet_rule.allow(1)
                    var rules = [martlet_rule](repeating: neighbour, count: 6 * page)
                    let own = page + first..<page + first + count
                    for position in own { rules[position] = .allow(2, protocol: 6, ports: 1...1) }
                    rules[own.lowerBound] = .allow(3, protocol: 6, ports: 80...80, action: MARTLET_ACTION_PASS)
                    rules[own.upperBound - 1] = .allow(4, protocol: 6, ports: 443...443)
                    try node.datapath.write(MapCatalog.rules, from: 20_000, rules)
                    lists.ingress.0 = martlet_list(
                        offset: UInt32(20_000 + own.lowerBound), count: UInt16(count),
                        flags: UInt16(MARTLET_LIST_ISOLATED.rawValue), version: 1,
                        isolation_rule_id: PacketNode.isolationRule)
                    try node.datapath.write(MapCatalog.classLists, at: 2, lists)
                    for (port, rule) in [(UInt16(80), PacketNode.isolationRule), (443, 4), (81, 99)] {
                        let answer = try explain("10.244.1.10", "10.244.1.11", port)
                        #expect(answer.ingressRule == rule, "\(count) rules from \(first), port \(port)")
                    }
                }
            }
        }

        @Test("A run sees the generation's own slot, of class, network and list")
        func slots() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(31)]), slots: [1])
            try node.setPolicy(of: 2, ingress: .isolated(), slots: [2])
            for (generation, allowed) in [(UInt32(0), true), (1, true), (2, false), (3, true), (6, false), (7, true)] {
                try node.setGeneration(generation)
                #expect(try isAllowed("10.244.1.10", "10.244.1.11", 80) == allowed, "generation \(generation)")
            }
        }

        @Test("The node is answered for by its own rule, from any of its addresses")
        func nodePeer() throws {
            try node.setPolicy(of: 1, ingress: .isolated(), egress: .isolated())
            let rule = MARTLET_RULE_NODE.rawValue
            for (source, destination) in [(PacketNode.node[0], "10.244.1.10"), ("fd44:0:0:1::10", PacketNode.node[1])] {
                #expect(
                    try explain(source, destination, 80) == Answer(egressRule: rule, ingressRule: rule))
            }
        }
    }
}
