import BPFRuntime
import CMartletABI
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// Packets that a program makes itself, byte for byte.
    @Suite
    struct AnswerTests {
        private let node: PacketNode
        private let clientMAC = PacketNode.client.mac

        init() throws { node = try PacketNode() }

        /// The answer goes back into the pod that asked.
        private func expectAnswer(
            _ packet: [UInt8], _ answer: [UInt8], on other: PacketNode? = nil,
            at location: SourceLocation = #_sourceLocation
        ) throws {
            let outcome = try (other ?? node).run("from_pod", packet)
            #expect(outcome.verdict == PacketOutcome.redirect, sourceLocation: location)
            #expect(outcome.bytes == answer, sourceLocation: location)
        }

        @Test("The gateway's hardware address is told by ARP; nobody else's is")
        func arp() throws {
            let gateway: [UInt8] = [169, 254, 1, 1]
            let pod: [UInt8] = [10, 244, 1, 10]
            let kind: [UInt8] = [0, 1, 8, 0, 6, 4]
            let none: [UInt8] = [0, 0, 0, 0, 0, 0]
            let all: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
            let question = all + clientMAC + [8, 6] + kind + [0, 1] + clientMAC + pod + none + gateway
            let hardware = PacketBytes.gatewayMAC
            let answer = clientMAC + hardware + [8, 6] + kind + [0, 2] + hardware + gateway + clientMAC + pod
            try expectAnswer(question, answer)
            var other = question
            other[41] = 2
            let grown = try node.newDrops { _ = try node.run("from_pod", other) }
            #expect(grown == [MARTLET_DROP_MULTICAST.rawValue: 1])
        }

        @Test("The gateway's hardware address is told by neighbour discovery")
        func neighbour() throws {
            let target = PacketBytes.address("fe80::1").networkBytes
            for destination in ["ff02::1:ff00:1", "fe80::1"] {
                let question = PacketBytes(
                    "fd44:0:0:1::10", destination, .icmp(type: 135, code: 0, word: 0),
                    payload: target + [1, 1] + clientMAC
                ).with { $0.ttl = 255 }
                let answer = PacketBytes(
                    "fe80::1", "fd44:0:0:1::10", .icmp(type: 136, code: 0, word: 0xe000_0000),
                    payload: target + [2, 1] + PacketBytes.gatewayMAC
                ).with { $0.ttl = 255 }
                try expectAnswer(question.bytes, answer.delivered(to: clientMAC).bytes)
            }
        }

        @Test("Without a ready backend, a connection is reset and a datagram refused, in both families")
        func refused() throws {
            for (client, frontend) in [("10.244.1.10", "10.96.0.10"), ("fd44:0:0:1::10", "fd96::10")] {
                try node.putService(1, frontend, 80, 6, at: 0, [])
                let syn = PacketBytes.tcp(client, 4000, frontend, 80, sequence: 77)
                let reset = PacketBytes.tcp(
                    frontend, 80, client, 4000, [.reset, .ack], sequence: 0, acknowledgement: 78
                ).with { $0.window = 0 }
                try expectAnswer(syn.bytes, answer(reset))
                let datagram = PacketBytes.udp(client, 4000, frontend, 81)
                let error = PacketBytes.error(frontend, client, about: datagram, quoted: client.contains(":") ? 56 : 28)
                try expectAnswer(datagram.bytes, answer(error))
            }
        }

        @Test("A segment with ACK to an address that serves nobody is reset where it stands (RFC 9293, 3.5.2)")
        func resetWithACK() throws {
            let data = PacketBytes.tcp(
                "10.244.1.10", 4000, "10.96.0.10", 80, [.ack], sequence: 5, acknowledgement: 900,
                payload: Array("data".utf8))
            let reset = PacketBytes.tcp("10.96.0.10", 80, "10.244.1.10", 4000, [.reset], sequence: 900)
            try expectAnswer(data.bytes, answer(reset.with { $0.window = 0 }))
        }

        @Test("A reset is never answered")
        func noResetForReset() throws {
            let reset = PacketBytes.tcp("10.244.1.10", 4000, "10.96.0.10", 80, [.reset])
            #expect(try node.fromPod(reset).verdict == PacketOutcome.shot)
        }

        @Test("Too big is answered with the MTU of the next link, by the node")
        func tooBig() throws {
            let payload = [UInt8](repeating: 9, count: 1600)
            let packet4 = PacketBytes.udp("10.244.1.10", 1, "10.244.1.11", 53, payload: payload)
            let error4 = PacketBytes.error(
                PacketNode.node[0], "10.244.1.10", about: packet4, type: 3, code: 4, word: 1500)
            try expectAnswer(packet4.bytes, answer(error4))
            let packet6 = PacketBytes.udp("fd44:0:0:1::10", 1, "fd44:0:0:1::11", 53, payload: payload)
            let error6 = PacketBytes.error(
                PacketNode.node[1], "fd44:0:0:1::10", about: packet6, type: 2, code: 0, word: 1500)
            try expectAnswer(packet6.bytes, answer(error6))
        }

        @Test("From the network, too big is answered to where the packet came from")
        func tooBigFromNetwork() throws {
            let packet = PacketBytes.udp(
                PacketNode.outside[0], 1, "10.244.1.11", 53, payload: [UInt8](repeating: 9, count: 1600))
            let error = PacketBytes.error(
                PacketNode.node[0], PacketNode.outside[0], about: packet, type: 3, code: 4, word: 1500
            ).with {
                $0.destinationMAC = packet.sourceMAC
                $0.sourceMAC = packet.destinationMAC
                $0.identification = 0
            }
            let outcome = try node.run("from_network", packet)
            #expect(outcome == PacketOutcome(verdict: PacketOutcome.redirect, bytes: error.bytes))
        }

        @Test("Used-up hops are answered by the node")
        func timeExceeded() throws {
            let uplink = try PacketNode(uplink: 1)
            let packet = PacketBytes.udp("10.244.1.10", 1, PacketNode.outside[0], 53).with { $0.ttl = 1 }
            let error = PacketBytes.error(PacketNode.node[0], "10.244.1.10", about: packet, type: 11, code: 0)
            try expectAnswer(packet.bytes, answer(error), on: uplink)
            let packet6 = PacketBytes.udp("fd44:0:0:1::10", 1, PacketNode.outside[1], 53).with { $0.ttl = 1 }
            let error6 = PacketBytes.error(
                PacketNode.node[1], "fd44:0:0:1::10", about: packet6, type: 3, code: 0, quoted: 56)
            try expectAnswer(packet6.bytes, answer(error6), on: uplink)
        }

        /// The frame in which an answer reaches the client.
        private func answer(_ packet: PacketBytes) -> [UInt8] {
            packet.delivered(to: clientMAC).with { $0.identification = 0 }.bytes
        }
    }
}
