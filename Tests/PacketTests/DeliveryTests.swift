import BPFRuntime
import CMartletABI
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct DeliveryTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        @Test("A packet to a pod of this node goes into the pod, changed in its hardware addresses alone")
        func localPod() throws {
            for family in IPFamily.allCases {
                let client = PacketNode.client.address(family)
                let server = PacketNode.server.address(family)
                for packet in [
                    PacketBytes.tcp(client, 4000, server, 80), .udp(client, 4000, server, 53),
                    .echo(client, server, identifier: 7),
                ] {
                    let outcome = try node.fromPod(packet)
                    #expect(outcome.verdict == PacketOutcome.redirect)
                    #expect(outcome.bytes == packet.delivered(to: PacketNode.server.mac).bytes)
                }
            }
        }

        @Test("A packet to the node or to a pod of another node is left to the stack as it is")
        func stack() throws {
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let client = PacketNode.client.address(family)
                for destination in [
                    PacketNode.node[index], PacketNode.remote.address(family), PacketNode.outside[index],
                ] {
                    let packet = PacketBytes.tcp(client, 4000, destination, 80)
                    let outcome = try node.fromPod(packet)
                    #expect(outcome == PacketOutcome(verdict: PacketOutcome.pass, bytes: packet.bytes))
                }
            }
        }

        @Test("What the node's own stack sends to a pod passes, and so does the answer")
        func fromNode() throws {
            try node.setPolicy(of: PacketNode.server.number, ingress: .isolated(), egress: .isolated())
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let server = PacketNode.server.address(family)
                let probe = PacketBytes.tcp(PacketNode.node[index], 4000, server, 80)
                let answer = PacketBytes.tcp(server, 80, PacketNode.node[index], 4000, [.syn, .ack])
                #expect(try node.run("to_pod", probe).verdict == PacketOutcome.pass)
                #expect(try node.fromPod(answer).verdict == PacketOutcome.pass)
                let flow = try #require(try node.flow(probe))
                #expect(flow.1.rule_id.1 == MARTLET_RULE_NODE.rawValue)
            }
        }

        @Test("What the stack forwards to a pod is judged like anything from the network")
        func forwarded() throws {
            let packet = PacketBytes.tcp(PacketNode.outside[0], 4000, "10.244.1.11", 80)
            #expect(try node.run("to_pod", packet, forwarded: true).verdict == PacketOutcome.pass)
            try node.setPolicy(of: PacketNode.server.number, ingress: .isolated())
            let second = PacketBytes.tcp(PacketNode.outside[0], 4001, "10.244.1.11", 80)
            #expect(try node.run("to_pod", second, forwarded: true).verdict == PacketOutcome.shot)
        }

        @Test("A packet from the network to a pod goes into the pod; all else is the node's own business")
        func fromNetwork() throws {
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let packet = PacketBytes.tcp(PacketNode.outside[index], 4000, PacketNode.server.address(family), 80)
                let outcome = try node.run("from_network", packet)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == packet.delivered(to: PacketNode.server.mac).bytes)
                let own = PacketBytes.tcp(PacketNode.outside[index], 4000, PacketNode.node[index], 22)
                #expect(try node.run("from_network", own) == PacketOutcome(verdict: 0, bytes: own.bytes))
            }
        }

        @Test("Of a segment train each segment must fit the next link, with its own headers")
        func segments() throws {
            let payload = [UInt8](repeating: 5, count: 3000)
            let cases: [(PacketBytes, UInt16)] = [
                (.tcp("10.244.1.10", 1, "10.244.1.11", 80, [.ack], payload: payload), 1460),
                (.udp("10.244.1.10", 1, "10.244.1.11", 53, payload: payload), 1472),
                (.tcp("fd44:0:0:1::10", 1, "fd44:0:0:1::11", 80, [.ack], payload: payload), 1440),
            ]
            for (packet, largest) in cases {
                let fitting = try node.run("from_pod", packet.bytes, segment: largest)
                #expect(fitting.bytes == packet.delivered(to: PacketNode.server.mac).bytes)
                let grown = try node.newDrops {
                    _ = try node.run("from_pod", packet.bytes, segment: largest + 1)
                }
                #expect(grown == [MARTLET_DROP_TOO_BIG.rawValue: 1])
            }
        }

        @Test("Extension headers are stepped over to the ports, up to four")
        func extensions() throws {
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21, protocol: 17, ports: 53...53)]))
            let padding: [UInt8] = [0, 1, 4, 0, 0, 0, 0]
            for (port, verdict) in [(UInt16(53), PacketOutcome.redirect), (54, PacketOutcome.shot)] {
                let plain = PacketBytes.udp("fd44:0:0:1::10", 1, "fd44:0:0:1::11", port)
                let packet = plain.with {
                    $0.body = .raw(protocol: 0)
                    $0.payload = [60] + padding + [43] + padding + [17] + padding + plain.transportBytes
                }
                #expect(try node.fromPod(packet).verdict == verdict)
            }
            let endless = PacketBytes.udp("fd44:0:0:1::10", 1, "fd44:0:0:1::11", 53).with {
                $0.body = .raw(protocol: 60)
                $0.payload = Array((0..<5).flatMap { _ in [60] + padding }) + [UInt8](repeating: 0, count: 8)
            }
            let grown = try node.newDrops { _ = try node.fromPod(endless) }
            #expect(grown == [MARTLET_DROP_UNSUPPORTED_PROTOCOL.rawValue: 1])
        }

        @Test("A packet put on the uplink by the program has crossed a router")
        func uplink() throws {
            let node = try PacketNode(uplink: 1)
            for family in IPFamily.allCases {
                let packet = PacketBytes.tcp(
                    PacketNode.client.address(family), 4000, PacketNode.outside[family == .v4 ? 0 : 1], 80)
                let outcome = try node.fromPod(packet)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == packet.with { $0.ttl = 63 }.bytes)
            }
        }
    }
}
