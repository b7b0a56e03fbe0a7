import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct FlowEventTests {
        @Test("A flow's opening and close are told, with what it carried")
        func life() async throws {
            let node = try PacketNode()
            try node.setPolicy(of: 2, ingress: .isolated([.allow(21)]))
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [("10.244.1.11", 8080)])
            try node.setGeneration(4)
            let syn = PacketBytes.tcp("10.244.1.10", 4000, "10.96.0.10", 80)
            let reset = PacketBytes.tcp("10.244.1.11", 8080, "10.244.1.10", 4000, [.reset, .ack])
            let told = try await node.events(2) {
                _ = try node.fromPod(syn)
                _ = try node.fromPod(reset)
            }
            #expect(told.map(\.kind) == [MARTLET_EVENT_FLOW, MARTLET_EVENT_CLOSE].map { UInt8($0.rawValue) })
            for event in told {
                #expect(IPAddress(event.source) == syn.source)
                #expect(IPAddress(event.destination) == PacketBytes.address("10.244.1.11"))
                #expect(IPAddress(event.frontend) == syn.destination)
                #expect(UInt16(bigEndian: event.frontend_port) == 80)
                #expect(UInt16(bigEndian: event.destination_port) == 8080)
                #expect(event.source_endpoint == 1 && event.destination_endpoint == 2)
                #expect(event.source_incarnation == 1 && event.destination_incarnation == 1)
                #expect(event.rule_id == 21 && event.generation == 4)
            }
            #expect(told[1].packets == (1, 1))
            #expect(told[1].bytes == (54, 54))
        }

        @Test("A flow that passes tells the rules of both directions, and that of egress where ingress has none")
        func bothDirections() async throws {
            let node = try PacketNode()
            try node.setPolicy(of: 1, egress: .isolated([.allow(31)]))
            try node.setGeneration(2)
            let alone = try await node.events(1) { _ = try node.fromPod(.tcp("10.244.1.10", 1, "10.244.1.11", 80)) }
            #expect(alone.map(\.rule_id) == [31] && alone.map(\.other_rule_id) == [0])
            #expect(alone.map(\.direction) == [UInt8(MARTLET_DIRECTION_EGRESS.rawValue)])
            try node.setPolicy(of: 2, ingress: .isolated([.allow(32)]))
            try node.setGeneration(3)
            let both = try await node.events(1) { _ = try node.fromPod(.tcp("10.244.1.10", 2, "10.244.1.11", 80)) }
            #expect(both.map(\.rule_id) == [32] && both.map(\.other_rule_id) == [31])
            #expect(both.map(\.direction) == [UInt8(MARTLET_DIRECTION_INGRESS.rawValue)])
        }

        @Test("A flow that is picked up from its answering end tells the rule that lets it in")
        func pickedUp() async throws {
            let node = try PacketNode()
            try node.setPolicy(of: 1, ingress: .isolated([.allow(33)]), egress: .isolated())
            try node.setGeneration(2)
            let told = try await node.events(1) {
                _ = try node.fromPod(.tcp("10.244.1.10", 80, "10.244.1.11", 40000, [.ack]))
            }
            #expect(told.map(\.kind) == [UInt8(MARTLET_EVENT_FLOW.rawValue)])
            #expect(told.map(\.rule_id) == [33])
        }

        @Test("A drop is told with reason, rule, direction and generation")
        func drop() async throws {
            let node = try PacketNode()
            try node.setPolicy(of: 1, egress: .isolated())
            try node.setGeneration(2)
            let told = try await node.events(1) { _ = try node.fromPod(.udp("10.244.1.10", 1, "10.244.1.11", 53)) }
            let event = try #require(told.first)
            #expect(event.kind == UInt8(MARTLET_EVENT_DROP.rawValue))
            #expect(event.reason == UInt8(MARTLET_DROP_POLICY.rawValue))
            #expect(event.direction == UInt8(MARTLET_DIRECTION_EGRESS.rawValue))
            #expect(event.hook == UInt8(MARTLET_HOOK_FROM_POD.rawValue))
            #expect(event.rule_id == PacketNode.isolationRule && event.generation == 2)
        }

        @Test("Events over the limit are counted, not told")
        func limit() throws {
            let node = try PacketNode { $0.events_per_second = 5 }
            for _ in 0..<40 { _ = try node.fromPod(.udp("10.244.1.77", 1, "10.244.1.11", 53)) }
            let counters = try node.datapath.counters()
            // A second may end in between, and the runs may move to another processor once or twice.
            let lost = counters[Int(MARTLET_COUNTER_EVENTS_LOST.rawValue)]
            #expect((10...35).contains(lost))
            #expect(try node.drops(MARTLET_DROP_SPOOFED_SOURCE) == 40)
        }
    }
}

extension PacketNode {
    /// Runs packets, then reads `count` events.
    func events(_ count: Int, _ body: () throws -> Void) async throws -> [martlet_event] {
        let stream = try datapath.events()
        try body()
        var events: [martlet_event] = []
        var iterator = stream.makeAsyncIterator()
        while events.count < count, let batch = await iterator.next() { events += batch.events }
        return events
    }
}
