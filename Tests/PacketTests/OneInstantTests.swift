import CMartletABI
import Synchronization
import TestKit
import Testing

@testable import BPFRuntime

/// What the kernel's events say of the packets that it dropped.
private final class ToldVerdicts: Sendable {
    struct Place: Hashable {
        let hook: martlet_hook.RawValue
        let port: UInt16
        let isFirst: Bool
    }

    private struct State {
        var seen: [Place: Int] = [:]
        var faults: [String] = []
    }

    private let state = Mutex(State())

    /// How many packets each set dropped at each hook, of those that the ring had room for.
    var seen: [Place: Int] { state.withLock { $0.seen } }
    /// The first verdicts that are not what the set of the packet's generation says.
    var faults: [String] { state.withLock { $0.faults } }

    func read(_ stream: EventStream) async {
        for await batch in stream {
            state.withLock { state in for event in batch.events { Self.note(event, &state) } }
        }
    }

    private static func note(_ event: martlet_event, _ state: inout State) {
        let port = UInt16(bigEndian: event.destination_port)
        let isFirst = AlternatingSets.isFirst(event.generation)
        if event.kind == MARTLET_EVENT_DROP.rawValue, event.rule_id == AlternatingSets.rule(isFirst, port: port) {
            state.seen[Place(hook: UInt32(event.hook), port: port, isFirst: isFirst), default: 0] += 1
        } else if state.faults.count < 10 {
            state.faults.append(
                "hook \(event.hook), port \(port): kind \(event.kind), reason \(event.reason), rule \(event.rule_id) "
                    + "in generation \(event.generation)")
        }
    }
}

extension PacketSuite {
    /// One packet is judged by one policy set, whole.
    @Suite(.timeLimit(.minutes(5)))
    struct OneInstantTests {
        private static let fromPod = [UInt16(80), 82].map {
            PacketLoad.Hook(program: "from_pod", source: "10.244.1.10", port: $0)
        }
        private static let others = [
            PacketLoad.Hook(program: "to_pod", source: "10.244.2.20", port: 81),
            PacketLoad.Hook(program: "from_network", source: "10.244.2.20", port: 81),
        ]
        private static let hooks = fromPod + others
        /// What the events have to name of each hook and set.
        private static let toldMin = 10_000

        struct Seen {
            var flips: UInt32 = 0
            /// By hook.
            var runs: [Int] = []
            /// By the kernel's counters.
            var drops: [UInt32: UInt64] = [:]
            var passed: UInt64 = 0
            fileprivate let told = ToldVerdicts()
        }

        /// Alternates the sets under packets until `isEnough`, at least for as many flips.
        private func alternate(
            elf: [UInt8]? = nil, flipsMin: UInt32, _ isEnough: (Seen) -> Bool
        ) async throws -> Seen {
            let node = try PacketNode(elf: elf)
            let sets = AlternatingSets(node: node)
            try sets.prepare()
            var seen = Seen()
            let load = PacketLoad(node.datapath, Self.hooks)
            let opened = Int(MARTLET_COUNTER_FLOWS_OPENED.rawValue)
            let (told, stream) = (seen.told, try node.datapath.events())
            let reader = Task { await told.read(stream) }
            let before = try node.datapath.counters()
            try await load.during {
                seen.flips = try await sets.alternate { flips in
                    seen.runs = load.runs.withLock { $0 }
                    seen.passed = try node.datapath.counters()[opened] - before[opened]
                    return flips >= flipsMin && isEnough(seen)
                }
            }
            reader.cancel()
            await reader.value
            let after = try node.datapath.counters()
            seen.passed = after[opened] - before[opened]
            for reason in 0..<MARTLET_DROP_REASONS.rawValue {
                let index = Int(MARTLET_COUNTER_DROPS.rawValue + reason)
                if after[index] != before[index] { seen.drops[reason] = after[index] - before[index] }
            }
            seen.runs = load.runs.withLock { $0 }
            #expect(load.failure.withLock { $0 } == nil)
            return seen
        }

        @Test("A million fresh flows through each hook while two sets alternate: each set's verdict often, no third")
        func noMix() async throws {
            let places = Self.hooks.count * 2
            let seen = try await alternate(flipsMin: 1_000) { seen in
                let told = seen.told.seen
                return seen.runs.allSatisfy { $0 >= 1_000_000 } && told.count == places
                    && told.values.allSatisfy { $0 >= Self.toldMin } || !seen.told.faults.isEmpty
            }
            #expect(seen.flips >= 1_000)
            #expect(seen.runs.allSatisfy { $0 >= 1_000_000 })
            #expect(seen.passed == 0)
            #expect(seen.drops == [MARTLET_DROP_POLICY.rawValue: UInt64(seen.runs.reduce(0, +))])
            #expect(seen.told.faults == [])
            let told = seen.told.seen
            #expect(told.count == places && told.values.allSatisfy { $0 >= Self.toldMin }, "\(told)")
            print("\(seen.flips) flips, \(seen.runs) packets; told: \(told.values.sorted())")
        }

        @Test("Each set drops by its own rules, and each mix of the two lets a packet through")
        func mixes() throws {
            let node = try PacketNode()
            let sets = AlternatingSets(node: node)
            try sets.prepare()
            let all = 1 << AlternatingSets.parts.count
            for mix in 0..<all {
                for (index, part) in AlternatingSets.parts.enumerated() {
                    try sets.writeAllSlots(
                        sets.values(mix & (1 << index) == 0).filter { part.contains($0.key) })
                }
                func drops(_ hook: PacketLoad.Hook) throws -> Bool {
                    let packet = PacketBytes.tcp(hook.source, UInt16(1_000 + mix), "10.244.1.11", hook.port)
                    let outcome = try node.run(hook.program, packet, forwarded: hook.program == "to_pod")
                    return outcome.verdict == PacketOutcome.shot
                }
                let dropped = try Self.fromPod.filter { try drops($0) }
                let isWhole = mix == 0 || mix == all - 1
                #expect((dropped.count == Self.fromPod.count) == isWhole, "mix \(mix), from_pod")
                // What comes from another node is judged by its receiver's ingress alone.
                let ofIngress = 1 << AlternatingSets.egressPart - 1
                let isIngressWhole = mix & ofIngress == 0 || mix & ofIngress == ofIngress
                for hook in Self.others {
                    #expect(try drops(hook) == isIngressWhole, "mix \(mix), \(hook.program)")
                }
            }
        }

        /// Programs that load the generation again after their first load.
        enum Mutant: CaseIterable {
            /// For each list; classes stay.
            case forEachList
            /// Between the egress and the ingress of a flow from pod to pod; classes stay.
            case betweenDirections
            /// The same, and with it the classes: one direction is wholly of one set, the other of the other.
            case betweenWholeDirections

            private static let reload =
                "__u32 key = 0; struct martlet_control *now = bpf_map_lookup_elem(&control, &key); "

            func compile() throws -> [UInt8] {
                let list = "list_of(query->class_id[self], query->generation, way)"
                return switch self {
                case .forEachList:
                    try MutantObject.compile(
                        "lib/policy.h", list,
                        by: "list_of(query->class_id[self], ({ \(Self.reload)"
                            + "now ? READ_ONCE(now->generation) : 0; }), way)")
                case .betweenDirections:
                    try MutantObject.compile(
                        "lib/policy.h", list,
                        by: "list_of(query->class_id[self], ({ \(Self.reload)"
                            + "now && way == INGRESS ? READ_ONCE(now->generation) : query->generation; }), way)")
                case .betweenWholeDirections:
                    try MutantObject.compile(
                        "lib/policy.h", "query->reason[INGRESS] = judge_list(query, INGRESS);",
                        by: "{ load_again(query); query->reason[INGRESS] = judge_list(query, INGRESS); }",
                        // In a function of its own: the chain of calls has no room for more on its stack.
                        preamble: (
                            function: "STAGE bool judge(struct query *query)",
                            text: "STAGE int load_again(struct query *query) { if (!query) return 0; \(Self.reload)"
                                + "if (now) query->generation = READ_ONCE(now->generation); return identify(query); }\n"
                        ))
                }
            }
        }

        @Test("A program that loads the generation twice is seen", arguments: Mutant.allCases)
        func mutant(_ mutant: Mutant) async throws {
            let seen = try await alternate(elf: mutant.compile(), flipsMin: 1) { seen in
                seen.passed > 0 || seen.runs.allSatisfy { $0 >= 10_000_000 }
            }
            #expect(seen.passed > 0, "\(seen.flips) flips, \(seen.runs) packets")
            print("\(mutant): \(seen.passed) of \(seen.runs) packets passed in \(seen.flips) flips")
        }
    }
}
