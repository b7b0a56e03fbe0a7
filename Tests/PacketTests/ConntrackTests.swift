import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct ConntrackTests {
        private let node: PacketNode
        private let syn = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 80)
        private let ack = PacketBytes.tcp("10.244.1.10", 4000, "10.244.1.11", 80, [.ack])
        private let synAck = PacketBytes.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.syn, .ack])
        private let reset = PacketBytes.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.reset, .ack])
        private let query = PacketBytes.udp("10.244.1.10", 4000, "10.244.1.11", 53)
        private let answer = PacketBytes.udp("10.244.1.11", 53, "10.244.1.10", 4000)

        init() throws { node = try PacketNode() }

        private func passes(_ packet: PacketBytes) throws -> Bool {
            try node.fromPod(packet).verdict != PacketOutcome.shot
        }

        @Test("One entry serves both directions: the answer passes where the answering pod may open nothing")
        func replies() throws {
            try node.setPolicy(of: 2, egress: .isolated())
            try node.setPolicy(of: 1, ingress: .isolated())
            #expect(try !passes(.tcp("10.244.1.11", 81, "10.244.1.10", 4000)))
            #expect(try passes(syn))
            #expect(try passes(synAck))
            #expect(try node.datapath.entries(MapCatalog.flows).count == 1)
            #expect(try node.datapath.entries(MapCatalog.halfFlows).isEmpty)
            let flow = try #require(try node.flow(syn)).1
            #expect(flow.packets == (1, 1))
            #expect(flow.bytes == (UInt64(syn.bytes.count), UInt64(synAck.bytes.count)))
            #expect(flow.endpoint == (1, 2))
        }

        @Test("A flow without an answer stays among the half-open, and so does one that is refused")
        func half() throws {
            _ = try node.fromPod(syn)
            _ = try node.fromPod(syn)
            #expect(try node.flow(syn)?.table.identity == MapCatalog.halfFlows.identity)
            _ = try node.fromPod(reset)
            #expect(try node.flow(syn)?.table.identity == MapCatalog.halfFlows.identity)
            #expect(try node.flow(syn)?.1.state == UInt8(MARTLET_STATE_CLOSED.rawValue))
        }

        @Test("FINs of both ends close a flow, and a new SYN opens another in its place")
        func closing() throws {
            for packet in [
                syn, synAck, ack, .tcp("10.244.1.10", 4000, "10.244.1.11", 80, [.fin, .ack]),
            ] { _ = try node.fromPod(packet) }
            #expect(try node.flow(syn)?.1.state == UInt8(MARTLET_STATE_CLOSING.rawValue))
            _ = try node.fromPod(.tcp("10.244.1.11", 80, "10.244.1.10", 4000, [.fin, .ack]))
            #expect(try node.flow(syn)?.1.state == UInt8(MARTLET_STATE_CLOSED.rawValue))
            #expect(try passes(ack))
            try node.setPolicy(of: 2, ingress: .isolated())
            #expect(try !passes(syn))
            // What is refused takes nothing's place.
            #expect(try node.flow(syn)?.1.state == UInt8(MARTLET_STATE_CLOSED.rawValue))
        }

        @Test("What the answering end begins is judged as its own: an echo request, an SCTP association, a connection")
        func beginnings() throws {
            try node.setPolicy(of: 1, ingress: .isolated())
            for family in IPFamily.allCases {
                let (client, server) = (PacketNode.client.address(family), PacketNode.server.address(family))
                let reply = PacketBytes.echo(server, client, identifier: 7, reply: true)
                #expect(try !passes(reply))
                #expect(try passes(.echo(client, server, identifier: 7)))
                #expect(try passes(reply))
                #expect(try !passes(.echo(server, client, identifier: 7)))
                // The flow is still there for its opener.
                #expect(try passes(reply) && passes(.echo(client, server, identifier: 7)))

                #expect(try passes(.sctp(client, 4000, server, 55, .initiation)))
                #expect(try passes(.sctp(server, 55, client, 4000, .initiationAck)))
                #expect(try !passes(.sctp(server, 55, client, 4000, .initiation)))
                #expect(try passes(.sctp(server, 55, client, 4000, .data)))

                #expect(try passes(.tcp(client, 4000, server, 80)))
                #expect(try passes(.tcp(server, 80, client, 4000, [.syn, .ack])))
                #expect(try !passes(.tcp(server, 80, client, 4000)))
                #expect(try passes(.tcp(server, 80, client, 4000, [.ack])))
            }
        }

        @Test("What the answering end may begin takes the place of the flow that has its key")
        func beginningsInPlace() throws {
            #expect(try passes(syn) && passes(synAck))
            #expect(try passes(.tcp("10.244.1.11", 80, "10.244.1.10", 4000)))
            #expect(try node.datapath.entries(MapCatalog.flows).isEmpty)
            #expect(try #require(try node.flow(syn)).1.endpoint == (2, 1))
        }

        @Test(
            "An entry past its time counts as absent",
            arguments: [
                (MARTLET_TIMEOUT_NEW_S, false), (MARTLET_TIMEOUT_ESTABLISHED_S, true),
            ])
        func expiry(timeout: martlet_timeout, answered: Bool) throws {
            _ = try node.fromPod(query)
            if answered { _ = try node.fromPod(answer) }
            try node.setPolicy(of: 2, egress: .isolated())
            try node.age(query, seconds: UInt64(timeout.rawValue) - 2)
            let last = answered ? answer : query
            #expect(try passes(last))
            try node.age(query, seconds: UInt64(timeout.rawValue) + 1)
            #expect(try !passes(answer))
        }

        @Test("TCP is given longer, by state")
        func expiryOfTCP() throws {
            try node.setPolicy(of: 2, egress: .isolated())
            _ = try node.fromPod(syn)
            try node.age(syn, seconds: UInt64(MARTLET_TIMEOUT_TCP_NEW_S.rawValue) - 2)
            #expect(try passes(synAck))
            try node.age(syn, seconds: UInt64(MARTLET_TIMEOUT_TCP_ESTABLISHED_S.rawValue) - 2)
            #expect(try passes(ack))
            _ = try node.fromPod(reset)
            try node.age(syn, seconds: UInt64(MARTLET_TIMEOUT_TCP_CLOSED_S.rawValue) + 1)
            _ = try node.fromPod(ack)
            let flow = try #require(try node.flow(syn)).1
            #expect(flow.flags & UInt16(MARTLET_FLOW_PICKED_UP.rawValue) != 0)
        }

        @Test("A flow ends with either of its pods: the next to get the address inherits nothing")
        func incarnations() throws {
            for pod in [PacketNode.client, PacketNode.server] {
                _ = try node.fromPod(query)
                try node.setPolicy(of: 2, egress: .isolated())
                #expect(try passes(answer))
                try node.put(pod, incarnation: 2)
                #expect(try !passes(answer))
                try node.setPolicy(of: 2)
                try node.put(pod, incarnation: 1)
            }
        }

        @Test("A flow to an address that was nobody's ends when a pod gets it")
        func birth() throws {
            let newborn = PacketNode.Pod(
                number: 9, addresses: ["10.244.2.9", "fd44:0:0:2::9"], mac: [2, 0, 0, 0, 0, 9])
            let packet = PacketBytes.udp("10.244.1.10", 4000, "10.244.2.9", 53)
            _ = try node.fromPod(packet)
            #expect(try node.flow(packet)?.1.endpoint.1 == 0)
            try node.put(newborn, flags: MARTLET_ENDPOINT_LIVE.rawValue)
            _ = try node.fromPod(packet)
            #expect(try node.flow(packet)?.1.endpoint.1 == 9)
        }

        @Test("An entry whose tag is another key's is not taken for this flow's")
        func tag() throws {
            _ = try node.fromPod(query)
            for entry in try node.datapath.entries(MapCatalog.halfFlows) {
                var flow = entry.value
                flow.tag ^= 2
                try node.datapath.put(MapCatalog.halfFlows, entry.key, flow)
            }
            try node.setPolicy(of: 2, egress: .isolated())
            #expect(try !passes(answer))
        }

        @Test("In a new generation with the same lists and classes a flow is restamped, not judged")
        func restamp() throws {
            _ = try node.fromPod(query)
            try node.setGeneration(1)
            _ = try node.fromPod(answer)
            #expect(try node.flow(query)?.1.generation == 1)
            #expect(try node.datapath.counters()[Int(MARTLET_COUNTER_FLOWS_REJUDGED.rawValue)] == 0)
        }

        @Test("A list that changed judges the flow's own direction again, whichever packet comes next")
        func rejudge() throws {
            for next in [query, answer] {
                _ = try node.fromPod(query)
                try node.setPolicy(of: 2, ingress: .isolated(version: 5), slots: [1])
                try node.setGeneration(1)
                let grown = try node.newDrops {
                    let passed = try passes(next)
                    #expect(!passed)
                }
                #expect(grown == [MARTLET_DROP_POLICY.rawValue: 1])
                // Allowed again: the entry is still there.
                try node.setGeneration(2)
                #expect(try passes(next))
                try node.setGeneration(0)
            }
        }

        @Test("A flow that a changed list still allows is told the new rule")
        func newRule() throws {
            _ = try node.fromPod(query)
            try node.setPolicy(of: 2, ingress: .isolated([.allow(41)], version: 6), slots: [1])
            try node.setGeneration(1)
            #expect(try passes(answer))
            #expect(try node.flow(query)?.1.rule_id.1 == 41)
        }

        @Test("A change of either pod's class judges the flow again")
        func newClass() throws {
            _ = try node.fromPod(query)
            try node.setPolicy(of: 8, ingress: .isolated(version: 1))
            var endpoint = try node.datapath.read(MapCatalog.endpoints, at: 2)
            endpoint.class_id.1 = 8
            try node.datapath.write(MapCatalog.endpoints, at: 2, endpoint)
            #expect(try passes(query))
            try node.setGeneration(1)
            #expect(try !passes(query))
        }

        @Test("A flow of the node's own passes in every generation")
        func nodeFlow() throws {
            let probe = PacketBytes.tcp("192.168.9.77", 4000, "10.244.1.11", 80)
            let reply = PacketBytes.tcp("10.244.1.11", 80, "192.168.9.77", 4000, [.syn, .ack])
            #expect(try node.run("to_pod", probe).verdict == PacketOutcome.pass)
            try node.setPolicy(of: 2, ingress: .isolated(version: 3), egress: .isolated(version: 3), slots: [1])
            try node.setGeneration(1)
            #expect(try node.fromPod(reply).verdict == PacketOutcome.pass)
        }

        @Test("TCP in mid-stream is picked up in the direction that is allowed, for a short time")
        func pickUp() throws {
            try node.setPolicy(of: 1, ingress: .isolated(version: 2))
            let late = PacketBytes.tcp("10.244.1.11", 80, "10.244.1.10", 40_000, [.ack])
            #expect(try passes(late))
            let flow = try #require(try node.flow(late)).1
            #expect(flow.endpoint == (1, 2))
            #expect(flow.flags & UInt16(MARTLET_FLOW_PICKED_UP.rawValue) != 0)
            #expect(try passes(.tcp("10.244.1.10", 40_000, "10.244.1.11", 80, [.ack])))
            try node.age(late, seconds: UInt64(MARTLET_TIMEOUT_TCP_PICKED_UP_S.rawValue) + 1)
            #expect(try !passes(.tcp("10.244.1.11", 80, "10.244.1.10", 40_000, [.fin])))
        }

        @Test("Who may not open a connection gets none by a packet in mid-stream", arguments: [80, 40_001])
        func pickUpOpensNothing(port: UInt16) throws {
            try node.setPolicy(of: 2, ingress: .isolated())
            func packet(_ flags: PacketBytes.TCPFlags) -> PacketBytes {
                .tcp("10.244.1.10", 4000, "10.244.1.11", port, flags)
            }
            #expect(try !passes(packet([.syn])))
            // To a port from which connections are opened it may be an answer; to a service's port it is none.
            #expect(try passes(packet([.ack])) == (port > 32_768))
            #expect(try passes(packet([.syn, .ack])) == (port > 32_768))
            #expect(try !passes(packet([.syn])))
        }

        @Test("A reset without a flow passes where it may, and leaves no entry")
        func strayReset() throws {
            #expect(try passes(reset))
            #expect(try node.flow(reset) == nil)
        }

        @Test("A pod's traffic to itself and to its own node is always allowed")
        func selfAndNode() throws {
            try node.setPolicy(of: 1, ingress: .isolated(), egress: .isolated())
            #expect(try passes(.tcp("10.244.1.10", 1, "fd44:0:0:1::10", 2).with { $0.destination = $0.source }))
            #expect(try passes(.tcp("10.244.1.10", 1, PacketNode.node[0], 10250)))
            #expect(try !passes(.tcp("10.244.1.10", 1, "10.244.1.11", 2)))
        }
    }
}
