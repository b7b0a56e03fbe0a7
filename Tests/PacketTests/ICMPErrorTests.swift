import BPFRuntime
import CMartletABI
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// ICMP errors find the flow of the packet they quote, and are translated as that was.
    @Suite
    struct ICMPErrorTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        private func ends(_ family: IPFamily) -> (client: String, server: String, frontend: String) {
            let frontend = family == .v4 ? "10.96.0.10" : "fd96::10"
            return (PacketNode.client.address(family), PacketNode.server.address(family), frontend)
        }

        /// The checksum of a transport header in the quotation is the sender's: a translator leaves it as it was.
        private func withInnerChecksum(of other: PacketBytes, _ packet: PacketBytes) -> PacketBytes {
            packet.with {
                let header = $0.source.isV4 ? 20 : 40
                guard $0.payload.count >= header + 8, other.payload.count >= header + 8 else { return }
                $0.payload.replaceSubrange(header + 6..<header + 8, with: other.payload[header + 6..<header + 8])
            }
        }

        @Test("An error about a plain flow passes where the flow did, unchanged")
        func plain() throws {
            for family in IPFamily.allCases {
                let (client, server, _) = ends(family)
                try node.setPolicy(of: 2, egress: .isolated())
                let query = PacketBytes.udp(client, 4000, server, 53)
                _ = try node.fromPod(query)
                let error = PacketBytes.error(server, client, about: query)
                let outcome = try node.fromPod(error)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == error.delivered(to: PacketNode.client.mac).bytes)
            }
        }

        @Test("A backend's error reaches the client as the Service's, about what the client sent")
        func fromBackend() throws {
            for family in IPFamily.allCases {
                let (client, server, frontend) = ends(family)
                try node.putService(1, frontend, 53, 17, at: 0, [(server, 5353)])
                let query = PacketBytes.udp(client, 4000, frontend, 53)
                _ = try node.fromPod(query)
                let sent = PacketBytes.error(server, client, about: .udp(client, 4000, server, 5353))
                let seen = withInnerChecksum(of: sent, .error(frontend, client, about: query))
                let outcome = try node.fromPod(sent)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == seen.delivered(to: PacketNode.client.mac).bytes)
            }
        }

        @Test("A client's error about a Service's answer reaches the backend, about what the backend sent")
        func fromClient() throws {
            for family in IPFamily.allCases {
                let (client, server, frontend) = ends(family)
                try node.putService(1, frontend, 53, 17, at: 0, [(server, 5353)])
                _ = try node.fromPod(.udp(client, 4000, frontend, 53))
                let answer = PacketBytes.udp(server, 5353, client, 4000)
                _ = try node.fromPod(answer)
                let sent = PacketBytes.error(client, frontend, about: .udp(frontend, 53, client, 4000))
                let seen = withInnerChecksum(of: sent, .error(client, server, about: answer))
                let outcome = try node.fromPod(sent)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == seen.delivered(to: PacketNode.server.mac).bytes)
            }
        }

        @Test("A router's error about a masqueraded flow reaches the pod, from the router")
        func fromRouter() throws {
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let router = family == .v4 ? "198.51.100.7" : "2001:db8:1::7"
                let (client, _, _) = ends(family)
                let query = PacketBytes.udp(client, 4000, PacketNode.outside[index], 53)
                _ = try node.fromPod(query)
                let port = try #require(try node.masqueradePort(query))
                let onWire = PacketBytes.udp(PacketNode.node[index], port, PacketNode.outside[index], 53)
                let sent = PacketBytes.error(router, PacketNode.node[index], about: onWire)
                let seen = withInnerChecksum(of: sent, .error(router, client, about: query))
                let outcome = try node.run("from_network", sent)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == seen.delivered(to: PacketNode.client.mac).bytes)
            }
        }

        @Test("A pod reports errors of its own only, not a router's")
        func podAsRouter() throws {
            let query = PacketBytes.udp("10.244.1.11", 53, "10.244.1.14", 1)
            _ = try node.fromPod(query)
            let error = PacketBytes.error("10.244.1.10", "10.244.1.11", about: query)
            let grown = try node.newDrops { _ = try node.fromPod(error) }
            #expect(grown == [MARTLET_DROP_SPOOFED_SOURCE.rawValue: 1])
        }

        @Test("The node's own errors reach its pods")
        func fromNode() throws {
            let query = PacketBytes.udp("10.244.1.10", 4000, PacketNode.outside[0], 53)
            let error = PacketBytes.error(PacketNode.node[0], "10.244.1.10", about: query)
            #expect(try node.run("to_pod", error) == PacketOutcome(verdict: PacketOutcome.pass, bytes: error.bytes))
        }

        @Test("An error for the node is the node's")
        func toNode() throws {
            let about = PacketBytes.udp(PacketNode.node[0], 5000, PacketNode.outside[0], 53)
            let error = PacketBytes.error(PacketNode.outside[0], PacketNode.node[0], about: about)
            #expect(
                try node.run("from_network", error) == PacketOutcome(verdict: PacketOutcome.pass, bytes: error.bytes))
        }
    }
}
