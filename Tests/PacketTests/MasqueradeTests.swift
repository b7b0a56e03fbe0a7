import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketNode {
    /// Sends a pod's packet out of the uplink; the port that it leaves with.
    func masqueradePort(_ packet: PacketBytes) throws -> UInt16? {
        let outcome = try run("to_network", packet)
        guard outcome.verdict == PacketOutcome.pass else { return nil }
        let transport = packet.source.isV4 ? 34 : 54
        return UInt16(outcome.bytes[transport]) << 8 | UInt16(outcome.bytes[transport + 1])
    }
}

extension PacketSuite {
    @Suite
    struct MasqueradeTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        @Test("A pod's packet leaves as the node's, and the answer finds back to the pod")
        func bothWays() throws {
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let (address, outside) = (PacketNode.node[index], PacketNode.outside[index])
                let client = PacketNode.client.address(family)
                let query = PacketBytes.udp(client, 4000, outside, 53)
                _ = try node.fromPod(query)
                let port = try #require(try node.masqueradePort(query))
                #expect(port >= 61000)
                let onWire = PacketBytes.udp(address, port, outside, 53)
                #expect(try node.run("to_network", query).bytes == onWire.bytes)
                try node.setPolicy(of: 1, ingress: .isolated())
                let answer = PacketBytes.udp(outside, 53, address, port)
                let seen = PacketBytes.udp(outside, 53, client, 4000).delivered(to: PacketNode.client.mac)
                let outcome = try node.run("from_network", answer)
                #expect(outcome == PacketOutcome(verdict: PacketOutcome.redirect, bytes: seen.bytes))
                let stranger = PacketBytes.udp(outside, 54, address, port)
                #expect(try node.run("from_network", stranger).verdict == PacketOutcome.pass)
            }
        }

        @Test("An echo leaves with an identifier of the node's, and its reply finds back")
        func echo() throws {
            for family in IPFamily.allCases {
                let index = family == .v4 ? 0 : 1
                let (address, outside) = (PacketNode.node[index], PacketNode.outside[index])
                let client = PacketNode.client.address(family)
                let request = PacketBytes.echo(client, outside, identifier: 7)
                _ = try node.fromPod(request)
                let sent = try node.run("to_network", request).bytes
                let position = family == .v4 ? 38 : 58
                let identifier = UInt16(sent[position]) << 8 | UInt16(sent[position + 1])
                #expect(identifier >= 61000)
                #expect(sent == PacketBytes.echo(address, outside, identifier: identifier).bytes)
                let reply = PacketBytes.echo(outside, address, identifier: identifier, reply: true)
                let seen = PacketBytes.echo(outside, client, identifier: 7, reply: true)
                let outcome = try node.run("from_network", reply)
                #expect(outcome.verdict == PacketOutcome.redirect)
                #expect(outcome.bytes == seen.delivered(to: PacketNode.client.mac).bytes)
            }
        }

        @Test("A Service with a backend outside: the answer finds back through both translations")
        func serviceOutside() throws {
            for (family, frontend) in [(IPFamily.v4, "10.96.0.10"), (.v6, "fd96::10")] {
                let index = family == .v4 ? 0 : 1
                let (address, outside) = (PacketNode.node[index], PacketNode.outside[index])
                let client = PacketNode.client.address(family)
                try node.putService(1, frontend, 53, 17, at: 0, [(outside, 5353)])
                let aimed = try node.fromPod(.udp(client, 4000, frontend, 53))
                #expect(aimed == PacketOutcome(verdict: 0, bytes: PacketBytes.udp(client, 4000, outside, 5353).bytes))
                let port = try #require(try node.masqueradePort(.udp(client, 4000, outside, 5353)))
                let answer = PacketBytes.udp(outside, 5353, address, port)
                let seen = PacketBytes.udp(frontend, 53, client, 4000).delivered(to: PacketNode.client.mac)
                #expect(
                    try node.run("from_network", answer)
                        == PacketOutcome(verdict: PacketOutcome.redirect, bytes: seen.bytes))
            }
        }

        @Test("Two pods with one source port leave with two")
        func twoPods() throws {
            let first = try node.masqueradePort(.udp("10.244.1.10", 4000, PacketNode.outside[0], 53))
            let second = try node.masqueradePort(.udp("10.244.1.11", 4000, PacketNode.outside[0], 53))
            #expect(first != nil && second != nil && first != second)
        }

        @Test("The node's own flows in that range keep their port, and nobody gets it after them")
        func ownFlows() throws {
            let own = PacketBytes.udp(PacketNode.node[0], 61234, PacketNode.outside[0], 53)
            #expect(try node.run("to_network", own) == PacketOutcome(verdict: PacketOutcome.pass, bytes: own.bytes))
            let answer = PacketBytes.udp(PacketNode.outside[0], 53, PacketNode.node[0], 61234)
            #expect(
                try node.run("from_network", answer) == PacketOutcome(verdict: PacketOutcome.pass, bytes: answer.bytes))
            for port in 1...300 {
                let packet = PacketBytes.udp("10.244.1.10", UInt16(port), PacketNode.outside[0], 53)
                #expect(try node.masqueradePort(packet) != 61234)
            }
            let low = PacketBytes.udp(PacketNode.node[0], 5000, PacketNode.outside[0], 53)
            _ = try node.run("to_network", low)
            let entries = try node.datapath.entries(MapCatalog.masquerades)
            #expect(!entries.contains { $0.key.local_port == UInt16(5000).bigEndian })
        }

        @Test("The node's own flow takes another port where a pod's has its own")
        func collision() throws {
            let port = try #require(try node.masqueradePort(.udp("10.244.1.10", 4000, PacketNode.outside[0], 53)))
            let own = PacketBytes.udp(PacketNode.node[0], port, PacketNode.outside[0], 53)
            let moved = try #require(try node.masqueradePort(own))
            #expect(moved != port)
            let answer = PacketBytes.udp(PacketNode.outside[0], 53, PacketNode.node[0], moved)
            let seen = PacketBytes.udp(PacketNode.outside[0], 53, PacketNode.node[0], port)
            #expect(try node.run("from_network", answer) == PacketOutcome(verdict: 0, bytes: seen.bytes))
        }

        @Test("Towards the cluster's own pods, and in answer to the outside, a pod shows its own address")
        func excluded() throws {
            let inside = PacketBytes.udp("10.244.1.10", 4000, "10.244.2.20", 53)
            #expect(try node.run("to_network", inside) == PacketOutcome(verdict: 0, bytes: inside.bytes))
            let incoming = PacketBytes.udp(PacketNode.outside[0], 4000, "10.244.1.10", 53)
            _ = try node.run("from_network", incoming)
            let answer = PacketBytes.udp("10.244.1.10", 53, PacketNode.outside[0], 4000)
            #expect(try node.run("to_network", answer) == PacketOutcome(verdict: 0, bytes: answer.bytes))
        }

        @Test("Where masquerade is off, nothing is rewritten")
        func off() throws {
            let plain = try PacketNode { $0.flags = 0 }
            let query = PacketBytes.udp("10.244.1.10", 4000, PacketNode.outside[0], 53)
            #expect(try plain.run("to_network", query) == PacketOutcome(verdict: 0, bytes: query.bytes))
        }

        @Test("The answer's entry is put back when it was lost")
        func lostEntry() throws {
            let query = PacketBytes.udp("10.244.1.10", 4000, PacketNode.outside[0], 53)
            let port = try #require(try node.masqueradePort(query))
            for entry in try node.datapath.entries(MapCatalog.masquerades)
            where entry.key.way == UInt8(MARTLET_MASQUERADE_IN.rawValue) {
                try node.datapath.remove(MapCatalog.masquerades, entry.key)
            }
            #expect(try node.masqueradePort(query) == port)
            #expect(try node.datapath.entries(MapCatalog.masquerades).count == 2)
        }
    }
}
