import BPFRuntime
import CMartletABI
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct FragmentTests {
        private let node: PacketNode
        private let payload = (0..<64).map { UInt8($0) }

        init() throws { node = try PacketNode() }

        private func ends(_ family: IPFamily) -> (client: String, server: String) {
            (PacketNode.client.address(family), PacketNode.server.address(family))
        }

        @Test("Later fragments follow the first, under its ports' verdict")
        func follow() throws {
            for family in IPFamily.allCases {
                let (client, server) = ends(family)
                let list = RuleList.isolated([.allow(21, protocol: 17, ports: 53...53)])
                try node.setPolicy(of: 2, ingress: list)
                for (port, verdict) in [(UInt16(53), PacketOutcome.redirect), (54, PacketOutcome.shot)] {
                    let packet = PacketBytes.udp(client, 4000, server, port, payload: payload).with {
                        $0.identification = UInt32(port)
                    }
                    let (first, second) = packet.fragmented(at: 32)
                    #expect(try node.fromPod(first).verdict == verdict)
                    #expect(try node.fromPod(second).verdict == verdict)
                }
            }
        }

        @Test("Fragments to a Service are translated: the first with ports and checksum, later ones in their addresses")
        func translated() throws {
            for (family, frontend) in [(IPFamily.v4, "10.96.0.10"), (.v6, "fd96::10")] {
                let (client, server) = ends(family)
                try node.putService(1, frontend, 53, 17, at: 0, [(server, 5353)])
                let sent = PacketBytes.udp(client, 4000, frontend, 53, payload: payload).fragmented(at: 32)
                let arrived = PacketBytes.udp(client, 4000, server, 5353, payload: payload).fragmented(at: 32)
                let mac = PacketNode.server.mac
                #expect(try node.fromPod(sent.first).bytes == arrived.first.delivered(to: mac).bytes)
                #expect(try node.fromPod(sent.second).bytes == arrived.second.delivered(to: mac).bytes)
            }
        }

        @Test("A first fragment whose transport header does not fit is malformed")
        func tiny() throws {
            let first = PacketBytes.tcp("10.244.1.10", 1, "10.244.1.11", 80, payload: payload).fragmented(at: 16).first
            let grown = try node.newDrops { _ = try node.fromPod(first) }
            #expect(grown == [MARTLET_DROP_MALFORMED.rawValue: 1])
        }

        @Test("Fragments of another packet, protocol or sender do not follow")
        func strangers() throws {
            let packet = PacketBytes.udp("10.244.1.10", 4000, "10.244.1.11", 53, payload: payload)
            #expect(try node.fromPod(packet.fragmented(at: 32).first).verdict == PacketOutcome.redirect)
            let other = packet.with { $0.identification = 2 }.fragmented(at: 32).second
            let back = PacketBytes.udp("10.244.1.11", 53, "10.244.1.10", 4000, payload: payload).fragmented(at: 32)
            let grown = try node.newDrops {
                _ = try node.fromPod(other)
                _ = try node.fromPod(back.second)
            }
            #expect(grown == [MARTLET_DROP_FRAGMENT_UNKNOWN.rawValue: 2])
        }

        @Test("Fragments that are not for a pod are left to the node's stack")
        func forNode() throws {
            let packet = PacketBytes.udp(PacketNode.outside[0], 1, PacketNode.node[0], 53, payload: payload)
            #expect(try node.run("from_network", packet.fragmented(at: 32).second).verdict == PacketOutcome.pass)
        }
    }
}
