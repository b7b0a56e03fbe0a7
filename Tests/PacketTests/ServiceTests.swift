import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct ServiceTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        private func frontend(_ family: IPFamily) -> String { family == .v4 ? "10.96.0.10" : "fd96::10" }

        /// A packet from one pod to another as it reaches the other.
        private func delivered(_ packet: PacketBytes, to pod: PacketNode.Pod) -> PacketOutcome {
            PacketOutcome(verdict: PacketOutcome.redirect, bytes: packet.delivered(to: pod.mac).bytes)
        }

        @Test("A connection to a Service reaches the backend, and its answers come from the Service")
        func bothWays() throws {
            for family in IPFamily.allCases {
                let (client, server) = (PacketNode.client.address(family), PacketNode.server.address(family))
                try node.putService(1, frontend(family), 80, 6, at: 0, [(server, 8080)])
                let payload = Array("hello, odd".utf8) + [1]
                let segments: [(PacketBytes.TCPFlags, [UInt8])] = [(.syn, []), (.ack, payload)]
                for (flags, data) in segments {
                    let sent = PacketBytes.tcp(client, 4000, frontend(family), 80, flags, payload: data)
                    let arrived = PacketBytes.tcp(client, 4000, server, 8080, flags, payload: data)
                    #expect(try node.fromPod(sent) == delivered(arrived, to: PacketNode.server))
                    let answer = PacketBytes.tcp(server, 8080, client, 4000, [.ack], payload: data)
                    let seen = PacketBytes.tcp(frontend(family), 80, client, 4000, [.ack], payload: data)
                    #expect(try node.fromPod(answer) == delivered(seen, to: PacketNode.client))
                }
            }
        }

        @Test("Datagrams to a Service are translated with their checksum, and one without stays without")
        func datagrams() throws {
            for family in IPFamily.allCases {
                let (client, server) = (PacketNode.client.address(family), PacketNode.server.address(family))
                try node.putService(1, frontend(family), 53, 17, at: 0, [(server, 5353)])
                let sent = PacketBytes.udp(client, 4000, frontend(family), 53)
                let arrived = PacketBytes.udp(client, 4000, server, 5353)
                #expect(try node.fromPod(sent) == delivered(arrived, to: PacketNode.server))
            }
            var unsummed = PacketBytes.udp("10.244.1.10", 4000, frontend(.v4), 53).bytes
            unsummed[40] = 0
            unsummed[41] = 0
            #expect(try Array(node.run("from_pod", unsummed).bytes[40...41]) == [0, 0])
        }

        @Test("SCTP to a Service keeps its port and its own checksum")
        func sctp() throws {
            try node.putService(1, "10.96.0.10", 80, 132, at: 0, [("10.244.1.11", 80)])
            let header: [UInt8] = [0x0f, 0xa0, 0, 80, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef]
            let sent = PacketBytes("10.244.1.10", "10.96.0.10", .raw(protocol: 132), payload: header)
            let arrived = PacketBytes("10.244.1.10", "10.244.1.11", .raw(protocol: 132), payload: header)
            #expect(try node.fromPod(sent) == delivered(arrived, to: PacketNode.server))
        }

        @Test("A pod that reaches itself through a Service sees the Service at both ends")
        func hairpin() throws {
            for family in IPFamily.allCases {
                let client = PacketNode.client.address(family)
                try node.setPolicy(of: 1, ingress: .isolated(), egress: .isolated())
                try node.putService(1, frontend(family), 80, 6, at: 0, [(client, 8080)])
                let sent = PacketBytes.tcp(client, 4000, frontend(family), 80)
                let arrived = PacketBytes.tcp(frontend(family), 4000, client, 8080)
                #expect(try node.fromPod(sent) == delivered(arrived, to: PacketNode.client))
                let answer = PacketBytes.tcp(client, 8080, frontend(family), 4000, [.syn, .ack])
                let seen = PacketBytes.tcp(frontend(family), 80, client, 4000, [.syn, .ack])
                #expect(try node.fromPod(answer) == delivered(seen, to: PacketNode.client))
                let next = PacketBytes.tcp(client, 4000, frontend(family), 80, [.ack])
                #expect(
                    try node.fromPod(next)
                        == delivered(.tcp(frontend(family), 4000, client, 8080, [.ack]), to: PacketNode.client))
            }
        }

        @Test("Every backend gets its share, and slots are weights")
        func shares() throws {
            try node.putService(
                1, "10.96.0.10", 80, 17, at: 0,
                [("10.244.2.20", 1), ("10.244.2.20", 2), ("10.244.2.20", 3), ("10.244.2.20", 3)])
            var hits: [UInt8: Int] = [:]
            let flows = 2000
            for port in 0..<flows {
                let packet = PacketBytes.udp("10.244.1.10", UInt16(10_000 + port), "10.96.0.10", 80)
                hits[try node.fromPod(packet).bytes[37], default: 0] += 1
            }
            // Four standard deviations of a binomial share of a quarter, and of a half.
            for (port, share) in [(UInt8(1), 0.25), (2, 0.25), (3, 0.5)] {
                let deviation = (Double(flows) * share * (1 - share)).squareRoot()
                #expect(abs(Double(hits[port] ?? 0) - Double(flows) * share) < 4 * deviation)
            }
            #expect(Set(hits.keys) == [1, 2, 3])
        }

        @Test("A flow stays with its backend while others join; its connection outlives the backend's readiness")
        func sticky() throws {
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [("10.244.1.11", 8080)])
            _ = try node.fromPod(.tcp("10.244.1.10", 4000, "10.96.0.10", 80))
            _ = try node.fromPod(.tcp("10.244.1.11", 8080, "10.244.1.10", 4000, [.syn, .ack]))
            try node.putService(1, "10.96.0.10", 80, 6, at: 100, [("10.244.2.20", 9)])
            let next = try node.fromPod(.tcp("10.244.1.10", 4000, "10.96.0.10", 80, [.ack]))
            let arrived = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 8080, [.ack])
            #expect(next == delivered(arrived, to: PacketNode.server))
            let fresh = try node.fromPod(.tcp("10.244.1.10", 4001, "10.96.0.10", 80))
            #expect(fresh.bytes == PacketBytes.tcp("10.244.1.10", 4001, "10.244.2.20", 9).bytes)
        }

        @Test("A datagram flow leaves a backend that the Service no longer has, and keeps one that it still has")
        func datagramsMove() throws {
            try node.putService(1, "10.96.0.10", 53, 17, at: 0, [("10.244.1.11", 5353)])
            let sent = PacketBytes.udp("10.244.1.10", 4000, "10.96.0.10", 53)
            let kept = delivered(.udp("10.244.1.10", 4000, "10.244.1.11", 5353), to: PacketNode.server)
            #expect(try node.fromPod(sent) == kept)
            let crowd = (1...30).map { ("10.244.2.20", UInt16($0)) } + [("10.244.1.11", UInt16(5353))]
            try node.putService(1, "10.96.0.10", 53, 17, at: 100, crowd)
            for _ in 0..<3 { #expect(try node.fromPod(sent) == kept) }
            try node.putService(1, "10.96.0.10", 53, 17, at: 200, [("10.244.2.20", 9)])
            #expect(try node.fromPod(sent).bytes == PacketBytes.udp("10.244.1.10", 4000, "10.244.2.20", 9).bytes)
        }

        @Test("Two Services with the same backend: one source port may use both at a time")
        func collision() throws {
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [("10.244.1.11", 8080)])
            try node.putService(2, "10.96.0.20", 80, 6, at: 10, [("10.244.1.11", 8080)])
            let first = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 8080)
            #expect(
                try node.fromPod(.tcp("10.244.1.10", 4000, "10.96.0.10", 80)) == delivered(first, to: PacketNode.server)
            )
            let second = try node.fromPod(.tcp("10.244.1.10", 4000, "10.96.0.20", 80))
            let port = UInt16(second.bytes[34]) << 8 | UInt16(second.bytes[35])
            #expect(port >= 32768)
            let arrived = PacketBytes.tcp("10.244.1.10", port, "10.244.1.11", 8080)
            #expect(second == delivered(arrived, to: PacketNode.server))
            let answer = try node.fromPod(.tcp("10.244.1.11", 8080, "10.244.1.10", port, [.syn, .ack]))
            let seen = PacketBytes.tcp("10.96.0.20", 80, "10.244.1.10", 4000, [.syn, .ack])
            #expect(answer == delivered(seen, to: PacketNode.client))
        }

        @Test("A translation that was evicted is put back by the flow's next answer")
        func rebuilt() throws {
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [("10.244.1.11", 8080)])
            let syn = PacketBytes.tcp("10.244.1.10", 4000, "10.96.0.10", 80)
            _ = try node.fromPod(syn)
            for entry in try node.datapath.entries(MapCatalog.translations) {
                try node.datapath.remove(MapCatalog.translations, entry.key)
            }
            try node.age(.tcp("10.244.1.10", 4000, "10.244.1.11", 8080), seconds: 2)
            _ = try node.fromPod(.tcp("10.244.1.11", 8080, "10.244.1.10", 4000, [.syn, .ack]))
            let next = try node.fromPod(.tcp("10.244.1.10", 4000, "10.96.0.10", 80, [.ack]))
            let arrived = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 8080, [.ack])
            #expect(next == delivered(arrived, to: PacketNode.server))
        }

        @Test("A Service whose backend is the node: answers through the stack come from the Service")
        func nodeBackend() throws {
            for family in IPFamily.allCases {
                let client = PacketNode.client.address(family)
                let address = PacketNode.node[family == .v4 ? 0 : 1]
                try node.putService(1, frontend(family), 443, 6, at: 0, [(address, 6443)])
                let sent = PacketBytes.tcp(client, 4000, frontend(family), 443)
                #expect(
                    try node.fromPod(sent)
                        == PacketOutcome(verdict: 0, bytes: PacketBytes.tcp(client, 4000, address, 6443).bytes))
                let answer = PacketBytes.tcp(address, 6443, client, 4000, [.syn, .ack])
                let seen = PacketBytes.tcp(frontend(family), 443, client, 4000, [.syn, .ack])
                #expect(try node.run("to_pod", answer) == PacketOutcome(verdict: 0, bytes: seen.bytes))
            }
        }
    }
}
