import CMartletABI
import MapLayout
import PolicyCompiler
import Reconcile
import Synchronization
import TestKit
import Testing

@testable import BPFRuntime

/// Two policy sets that both drop the packet, by different rules, made so that every mix of class, CIDR class and list
/// lets it through. They alternate through the planner that the daemon uses while packets run without pause.
private struct AlternatingSets {
    typealias Planner = GenerationPlanner<PolicySlot, PolicySlotValue, MapOperation, Never>

    static let flipsMin: UInt32 = 1_000
    static let network: UInt32 = 9
    let node: PacketNode

    /// Everything that no generation switches. Class of the peer 10 or 11, of the server 20 or 21; CIDR class of the
    /// peer 1 or 2; each list lets through what the other set's class or CIDR class says, then denies.
    func prepare() throws {
        for (classNumber, bit) in [(10, 1), (11, 2)] {
            try node.setSelectors([UInt32(bit)], ofClass: UInt32(classNumber))
        }
        for cidrClass in [UInt32(1), 2] {
            try node.putNetwork(Self.network, "0.0.0.0/0", cidrClass: cidrClass, blocks: [cidrClass])
        }
        for (offset, other, id) in [(UInt32(100), UInt32(2), UInt32(31)), (200, 1, 41)] {
            try node.datapath.write(
                MapCatalog.rules, from: Int(offset),
                [
                    .allow(id + 1, kind: MARTLET_PEER_BLOCK, peer: other),
                    .allow(id + 2, kind: MARTLET_PEER_SELECTOR, peer: other),
                    .allow(id, action: MARTLET_ACTION_DENY),
                ])
        }
    }

    func values(_ isFirst: Bool) -> [PolicySlot: PolicySlotValue] {
        let list = ListEntry(
            extent: Extent(offset: isFirst ? 100 : 200, count: 3), flags: [], version: isFirst ? 5 : 6,
            isolationRuleID: 0)
        let lists = ClassLists(ingress: list, egress: .open)
        var values: [PolicySlot: PolicySlotValue] = [
            .endpointClass(2): .word(isFirst ? 20 : 21), .networkClass(Self.network): .word(isFirst ? 1 : 2),
            .lists(20): .lists(isFirst ? lists : .open), .lists(21): .lists(isFirst ? .open : lists),
            .controlFlags: .word(MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue),
        ]
        for peer in [UInt32(1), 3] { values[.endpointClass(peer)] = .word(isFirst ? 10 : 11) }
        return values
    }

    /// Alternates the sets until `flipsMin` flips are done and `isEnough` says so. Returns how many there were.
    func alternate(_ isEnough: () -> Bool) throws -> UInt32 {
        var planner = Planner()
        planner.start()
        var tickets: [Planner.Ticket] = []
        var isFirst = true
        func perform(_ actions: [Planner.Action]) throws {
            for action in actions {
                switch action {
                case .writeSlot(let slot, let values):
                    for (place, value) in values {
                        for case .store(let map, let offset, let bytes) in place.operations(slot: slot, value) {
                            try node.datapath.write(map, at: offset, bytes)
                        }
                    }
                case .publish(let generation): try node.datapath.publish(generation: generation)
                case .awaitGrace(let ticket): tickets.append(ticket)
                case .write, .fill, .release: break
                }
            }
        }
        while planner.generation < Self.flipsMin || !isEnough() {
            try perform(planner.submit(.init(values: values(isFirst))))
            isFirst.toggle()
            while planner.flipsInFlight >= Planner.flipsInFlightMax, !tickets.isEmpty {
                try node.datapath.gracePeriod()
                try perform(planner.graceElapsed(tickets.removeFirst()))
            }
        }
        return planner.generation
    }
}

extension PacketSuite {
    /// One packet is judged by one policy set, whole.
    @Suite
    struct OneInstantTests {
        private static let hooks = [
            PacketLoad.Hook(program: "from_pod", source: "10.244.1.10"),
            PacketLoad.Hook(program: "to_pod", source: "10.244.2.20"),
            PacketLoad.Hook(program: "from_network", source: "10.244.2.20"),
        ]

        struct Seen {
            var flips: UInt32 = 0
            /// By hook.
            var runs: [Int] = []
            /// By the kernel's counters.
            var drops: [UInt32: UInt64] = [:]
            var passed: UInt64 = 0
        }

        private func alternate(runsMin: Int, elf: [UInt8]? = nil) throws -> Seen {
            let node = try PacketNode(elf: elf)
            let sets = AlternatingSets(node: node)
            try sets.prepare()
            // In force before the first packet.
            for (place, value) in sets.values(true) {
                for slot in 0..<4 {
                    for case .store(let map, let offset, let bytes) in place.operations(slot: slot, value) {
                        try node.datapath.write(map, at: offset, bytes)
                    }
                }
            }
            var seen = Seen()
            let load = PacketLoad(node.datapath, Self.hooks)
            let opened = Int(MARTLET_COUNTER_FLOWS_OPENED.rawValue)
            let before = try node.datapath.counters()[opened]
            seen.drops = try node.newDrops {
                try load.during {
                    seen.flips = try sets.alternate { load.runs.withLock { $0.allSatisfy { $0 >= runsMin } } }
                }
            }
            seen.passed = try node.datapath.counters()[opened] - before
            seen.runs = load.runs.withLock { $0 }
            #expect(load.failure.withLock { $0 } == nil)
            return seen
        }

        @Test("A million fresh flows through each hook while two sets alternate: no third verdict")
        func noMix() throws {
            let seen = try alternate(runsMin: 1_000_000)
            #expect(seen.flips >= AlternatingSets.flipsMin)
            #expect(seen.runs.allSatisfy { $0 >= 1_000_000 })
            #expect(seen.passed == 0)
            #expect(seen.drops == [MARTLET_DROP_POLICY.rawValue: UInt64(seen.runs.reduce(0, +))])
        }

        @Test("Each set drops by its own rule, and each mix of the two lets the packet through")
        func mixes() throws {
            let node = try PacketNode()
            let sets = AlternatingSets(node: node)
            try sets.prepare()
            func write(_ values: [PolicySlot: PolicySlotValue]) throws {
                for (place, value) in values {
                    for slot in 0..<4 {
                        for case .store(let map, let offset, let bytes) in place.operations(slot: slot, value) {
                            try node.datapath.write(map, at: offset, bytes)
                        }
                    }
                }
            }
            let parts: [[PolicySlot]] = [
                [.endpointClass(1), .endpointClass(3)], [.endpointClass(2)], [.networkClass(AlternatingSets.network)],
                [.lists(20), .lists(21)],
            ]
            for mix in 0..<16 {
                for (index, part) in parts.enumerated() {
                    try write(sets.values(mix & (1 << index) == 0).filter { part.contains($0.key) })
                }
                try write(sets.values(true).filter { $0.key == .controlFlags })
                let isWhole = mix == 0 || mix == 15
                for (index, hook) in Self.hooks.enumerated() {
                    let port = UInt16(1_000 + mix * 10 + index)
                    let packet = PacketBytes.tcp(hook.source, port, "10.244.1.11", 80)
                    let outcome = try node.run(hook.program, packet, forwarded: hook.program == "to_pod")
                    #expect((outcome.verdict == PacketOutcome.shot) == isWhole, "mix \(mix), \(hook.program)")
                }
            }
        }

        @Test("A program that loads the generation twice is seen")
        func mutant() throws {
            let elf = try MutantObject.compile(
                "lib/policy.h", "list_of(query->class_id[self], query->generation, way)",
                by: "list_of(query->class_id[self], ({ __u32 key = 0; struct martlet_control *now = "
                    + "bpf_map_lookup_elem(&control, &key); now ? READ_ONCE(now->generation) : 0; }), way)")
            let seen = try alternate(runsMin: 1_000_000, elf: elf)
            #expect(seen.passed > 0, "\(seen.flips) flips, \(seen.runs) packets")
        }
    }
}
