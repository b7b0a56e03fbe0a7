import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// Every drop reason is reached by a packet.
    @Suite
    struct DropTests {
        private let node: PacketNode
        private let client = "10.244.1.10"
        private let server = "10.244.1.11"

        init() throws { node = try PacketNode() }

        /// The packet is dropped, for that reason alone.
        private func expectDrop(
            _ reason: martlet_drop_reason, _ bytes: [UInt8], in program: String = "from_pod",
            on other: PacketNode? = nil, verdict: Int32 = PacketOutcome.shot,
            at location: SourceLocation = #_sourceLocation
        ) throws {
            let node = other ?? self.node
            var outcome = PacketOutcome(verdict: -1, bytes: [])
            let grown = try node.newDrops { outcome = try node.run(program, bytes) }
            #expect(grown == [reason.rawValue: 1], sourceLocation: location)
            #expect(outcome.verdict == verdict, sourceLocation: location)
        }

        @Test("A rule, the end of an isolated list, and a list that could not be enforced")
        func policy() throws {
            try node.setPolicy(of: 2, ingress: .isolated())
            try expectDrop(MARTLET_DROP_POLICY, PacketBytes.tcp(client, 1, server, 80).bytes)
            try node.setPolicy(of: 2, ingress: RuleList(rules: [.allow(20, action: MARTLET_ACTION_DENY)]))
            try expectDrop(MARTLET_DROP_POLICY, PacketBytes.tcp(client, 2, server, 80).bytes)
            try node.setPolicy(of: 2, ingress: RuleList(flags: MARTLET_LIST_CLOSED))
            try expectDrop(MARTLET_DROP_POLICY_CLOSED, PacketBytes.tcp(client, 3, server, 80).bytes)
        }

        @Test("A list longer than admission allows is not believed")
        func corruptList() throws {
            var lists = martlet_class_lists()
            lists.ingress.0.count = 2000
            try node.datapath.write(MapCatalog.classLists, at: 2, lists)
            try expectDrop(MARTLET_DROP_INTERNAL, PacketBytes.tcp(client, 1, server, 80).bytes)
        }

        @Test("A pod that is still closed neither sends nor receives, not even from the node")
        func closed() throws {
            let flags = PacketNode.liveHere | MARTLET_ENDPOINT_CLOSED.rawValue
            try node.put(PacketNode.server, flags: flags)
            try expectDrop(MARTLET_DROP_ENDPOINT_CLOSED, PacketBytes.tcp(client, 1, server, 80).bytes)
            try expectDrop(MARTLET_DROP_ENDPOINT_CLOSED, PacketBytes.tcp(server, 1, client, 80).bytes)
            let probe = PacketBytes.tcp(PacketNode.node[0], 1, server, 80).bytes
            try expectDrop(MARTLET_DROP_ENDPOINT_CLOSED, probe, in: "to_pod")
            let outside = PacketBytes.tcp(PacketNode.outside[0], 1, server, 80).bytes
            try expectDrop(MARTLET_DROP_ENDPOINT_CLOSED, outside, in: "from_network")
        }

        @Test(
            "A pod sends from its own addresses only",
            arguments: [
                ("10.244.1.14", "10.244.1.11"), ("10.244.1.77", "10.244.1.11"), ("192.168.9.1", "10.244.1.11"),
                ("203.0.113.9", "10.244.1.11"), ("10.244.2.20", "10.244.1.11"), ("0.0.0.0", "10.244.1.11"),
                ("fd44:0:0:1::14", "fd44:0:0:1::11"), ("fe80::2", "fd44:0:0:1::11"), ("::", "fd44:0:0:1::11"),
            ])
        func spoofed(source: String, destination: String) throws {
            try expectDrop(MARTLET_DROP_SPOOFED_SOURCE, PacketBytes.udp(source, 1, destination, 53).bytes)
        }

        @Test("A dead pod's address is nobody's")
        func dead() throws {
            try node.put(PacketNode.client, flags: 0)
            try expectDrop(MARTLET_DROP_SPOOFED_SOURCE, PacketBytes.udp(client, 1, server, 53).bytes)
        }

        @Test("An address whose number belongs to another key is nobody's")
        func wrongTag() throws {
            let address = PacketBytes.address(client).mapped
            try node.datapath.put(MapCatalog.endpointIDs, address, TaggedNumber(number: 1, tag: 12345).word)
            try expectDrop(MARTLET_DROP_SPOOFED_SOURCE, PacketBytes.udp(client, 1, server, 53).bytes)
        }

        @Test("Other ethertypes and protocols")
        func unsupported() throws {
            var frame = PacketBytes.udp(client, 1, server, 53).bytes
            frame[12] = 0x88
            frame[13] = 0xcc
            try expectDrop(MARTLET_DROP_UNSUPPORTED_ETHERTYPE, frame)
            for (from, to) in [(client, server), ("fd44:0:0:1::10", "fd44:0:0:1::11")] {
                let packet = PacketBytes(from, to, .raw(protocol: 47), payload: [UInt8](repeating: 0, count: 16))
                try expectDrop(MARTLET_DROP_UNSUPPORTED_PROTOCOL, packet.bytes)
            }
        }

        @Test("Multicast, broadcast and DHCP are counted under one reason")
        func multicast() throws {
            for (source, destination) in [
                (client, "224.0.0.251"), ("0.0.0.0", "255.255.255.255"), ("fe80::2", "ff02::fb"),
                ("::", "ff02::1:ff00:10"),
            ] {
                try expectDrop(MARTLET_DROP_MULTICAST, PacketBytes.udp(source, 68, destination, 67).bytes)
            }
            let router = PacketBytes("fe80::2", "ff02::2", .icmp(type: 133, code: 0, word: 0))
            try expectDrop(MARTLET_DROP_MULTICAST, router.bytes)
        }

        @Test("A service address without that port, or without a ready backend")
        func services() throws {
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [])
            let redirect = PacketOutcome.redirect
            let wrongPort = PacketBytes.tcp(client, 1, "10.96.0.10", 81).bytes
            try expectDrop(MARTLET_DROP_NO_SERVICE, wrongPort, verdict: redirect)
            let none = PacketBytes.tcp(client, 1, "10.96.0.10", 80).bytes
            try expectDrop(MARTLET_DROP_NO_BACKEND, none, verdict: redirect)
            let ping = PacketBytes.echo(client, "10.96.0.10", identifier: 1).bytes
            try expectDrop(MARTLET_DROP_NO_SERVICE, ping)
        }

        @Test("An unknown peer where the receiver has a rule about pods")
        func unknownPeer() throws {
            let list = RuleList(
                rules: [.allow(20, tier: MARTLET_TIER_ADMIN)],
                flags: martlet_list_flag(rawValue: MARTLET_LIST_POD_DENY.rawValue))
            try node.setPolicy(of: 2, ingress: list)
            let stranger = PacketBytes.tcp("10.244.2.99", 1, server, 80).bytes
            try expectDrop(MARTLET_DROP_UNKNOWN_PEER, stranger, in: "from_network")
            let outside = PacketBytes.tcp(PacketNode.outside[0], 1, server, 80)
            #expect(try node.run("from_network", outside).verdict == PacketOutcome.redirect)
        }

        @Test("An address of this node's pods that no pod has")
        func noRoute() throws {
            try expectDrop(MARTLET_DROP_NO_ROUTE, PacketBytes.tcp(client, 1, "10.244.1.200", 80).bytes)
            try expectDrop(MARTLET_DROP_NO_ROUTE, PacketBytes.tcp("fd44:0:0:1::10", 1, "fd44:0:0:1::99", 80).bytes)
        }

        @Test("A packet over the MTU, and one whose hops are used up, are answered")
        func answered() throws {
            let long = PacketBytes.udp(client, 1, server, 53, payload: [UInt8](repeating: 7, count: 1600))
            try expectDrop(MARTLET_DROP_TOO_BIG, long.bytes, verdict: PacketOutcome.redirect)
            let uplink = try PacketNode(uplink: 1)
            let tired = PacketBytes.udp(client, 1, PacketNode.outside[0], 53).with { $0.ttl = 1 }
            try expectDrop(MARTLET_DROP_TTL_EXCEEDED, tired.bytes, on: uplink, verdict: PacketOutcome.redirect)
        }

        @Test("A later fragment without its first")
        func fragment() throws {
            for (from, to) in [(client, server), ("fd44:0:0:1::10", "fd44:0:0:1::11")] {
                let packet = PacketBytes.udp(from, 1, to, 53, payload: [UInt8](repeating: 1, count: 64))
                try expectDrop(MARTLET_DROP_FRAGMENT_UNKNOWN, packet.fragmented(at: 32).second.bytes)
            }
        }

        @Test("TCP in mid-stream that no direction allows, and without anything to go by")
        func stale() throws {
            try node.setPolicy(of: 2, ingress: .isolated())
            try node.setPolicy(of: 1, ingress: .isolated())
            try expectDrop(MARTLET_DROP_STALE_FLOW, PacketBytes.tcp(client, 1, server, 80, [.ack]).bytes)
            try expectDrop(MARTLET_DROP_STALE_FLOW, PacketBytes.tcp(client, 1, server, 80, [.fin]).bytes)
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [(server, 8080)])
            try expectDrop(MARTLET_DROP_STALE_FLOW, PacketBytes.tcp(client, 1, "10.96.0.10", 80, [.ack]).bytes)
        }

        @Test("An ICMP error about no known flow")
        func unrelated() throws {
            let never = PacketBytes.udp(server, 53, client, 1)
            try expectDrop(MARTLET_DROP_ICMP_UNRELATED, PacketBytes.error(client, server, about: never).bytes)
            let cut = PacketBytes.error(client, server, about: never, quoted: 20)
            try expectDrop(MARTLET_DROP_ICMP_UNRELATED, cut.bytes)
            let other = PacketBytes.error(client, server, about: .udp(PacketNode.outside[0], 53, client, 1))
            try expectDrop(MARTLET_DROP_ICMP_UNRELATED, other.bytes)
        }

        @Test("From the network with an address of the node's or of its pods")
        func nodeSpoofed() throws {
            for source in [PacketNode.node[0], client] {
                for destination in [server, PacketNode.node[0]] {
                    let packet = PacketBytes.tcp(source, 1, destination, 80).bytes
                    try expectDrop(MARTLET_DROP_NODE_SPOOFED, packet, in: "from_network")
                }
            }
        }

        @Test("No masquerade port left towards that address and port")
        func exhausted() throws {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            let outside = PacketBytes.address(PacketNode.outside[0]).mapped
            var taken: [(key: martlet_masquerade_key, value: martlet_masquerade)] = []
            for port in UInt16(MARTLET_MASQUERADE_PORT_LOW.rawValue)...UInt16(MARTLET_MASQUERADE_PORT_HIGH.rawValue) {
                var key = martlet_masquerade_key()
                key.remote = outside
                key.remote_port = UInt16(53).bigEndian
                key.local = PacketBytes.address(PacketNode.node[0]).mapped
                key.local_port = port.bigEndian
                key.protocol = 17
                key.way = UInt8(MARTLET_MASQUERADE_IN.rawValue)
                var value = martlet_masquerade()
                value.tag = martlet_masquerade_tag(&key)
                value.address = PacketBytes.address("10.244.1.14").mapped
                value.last_seen_ns = UInt64(now.tv_sec) * 1_000_000_000
                taken.append((key, value))
            }
            try node.datapath.putAll(MapCatalog.masquerades, taken)
            let packet = PacketBytes.udp(client, 1, PacketNode.outside[0], 53).bytes
            try expectDrop(MARTLET_DROP_NAT_EXHAUSTED, packet, in: "to_network")
        }
    }
}
