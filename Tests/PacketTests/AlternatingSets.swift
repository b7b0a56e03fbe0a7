import CMartletABI
import MapLayout
import PolicyCompiler
import Reconcile
import TestKit

@testable import BPFRuntime

/// Two policy sets that both drop the packet, each by rules of its own, made so that every mix of them lets it through:
/// of classes, CIDR class and lists, and of the two directions of a flow from pod to pod. They alternate through the
/// planner that the daemon uses while packets run without pause.
///
/// To port 81 both sets drop by their ingress list. To port 80 the first one drops by its ingress list and the second
/// by its egress list; to port 82 it is the other way round. So one set's egress with the other's ingress, whichever is
/// whose, lets a packet from pod to pod through at one of these two ports.
struct AlternatingSets {
    typealias Planner = GenerationPlanner<PolicySlot, PolicySlotValue, MapOperation, Never>

    private static let network: UInt32 = 9

    /// One list of one set: lets through what the other set's CIDR class or class of the peer says, then drops.
    private struct JudgingList {
        let offset: UInt32
        /// Of the rule that drops.
        let rule: UInt32
        let ports: ClosedRange<UInt16>
        /// What the other set's CIDR class has.
        let otherBlock: UInt32
        /// What the other set's class of the peer has.
        let otherSelector: UInt32

        var rules: [martlet_rule] {
            [
                .allow(rule + 1, kind: MARTLET_PEER_BLOCK, peer: otherBlock, protocol: 6, ports: ports),
                .allow(rule + 2, kind: MARTLET_PEER_SELECTOR, peer: otherSelector, protocol: 6, ports: ports),
                .allow(rule, protocol: 6, ports: ports, action: MARTLET_ACTION_DENY),
            ]
        }

        var entry: ListEntry {
            ListEntry(
                extent: Extent(offset: offset, count: 3), flags: [], version: rule, isolationRuleID: 0)
        }
    }

    private struct Directions {
        let ingress: JudgingList
        let egress: JudgingList
    }

    // Selectors 1 and 2 are of the peer's classes 10 and 11, 3 and 4 of the server's 20 and 21.
    private static let first = Directions(
        ingress: JudgingList(offset: 100, rule: 31, ports: 80...81, otherBlock: 2, otherSelector: 2),
        egress: JudgingList(offset: 150, rule: 36, ports: 82...82, otherBlock: 2, otherSelector: 4))
    private static let second = Directions(
        ingress: JudgingList(offset: 200, rule: 41, ports: 81...82, otherBlock: 1, otherSelector: 1),
        egress: JudgingList(offset: 250, rule: 46, ports: 80...80, otherBlock: 1, otherSelector: 3))

    /// What a program could take from one set or the other.
    static let parts: [[PolicySlot]] = [
        [.endpointClass(1), .endpointClass(3)], [.endpointClass(2)], [.networkClass(network)],
        [.lists(20), .lists(21)], [.lists(10), .lists(11)],
    ]
    /// The part that only a sender's egress depends on.
    static let egressPart = 4

    /// Whether the first set is the one in force.
    static func isFirst(_ generation: UInt32) -> Bool { generation % 2 == 0 }

    /// The rule by which a set drops what goes to a port from pod to pod; at other hooks only 81 is asked about.
    static func rule(_ isFirst: Bool, port: UInt16) -> UInt32 {
        let set = isFirst ? first : second
        return set.egress.ports.contains(port) ? set.egress.rule : set.ingress.rule
    }

    let node: PacketNode

    /// Everything that no generation switches, and the first set in all slots.
    func prepare() throws {
        for (classNumber, selector) in [(UInt32(10), UInt32(1)), (11, 2), (20, 3), (21, 4)] {
            try node.setSelectors([selector], ofClass: classNumber)
        }
        for cidrClass in [UInt32(1), 2] {
            try node.putNetwork(Self.network, "0.0.0.0/0", cidrClass: cidrClass, blocks: [cidrClass])
        }
        for set in [Self.first, Self.second] {
            for list in [set.ingress, set.egress] {
                try node.datapath.write(MapCatalog.rules, from: Int(list.offset), list.rules)
            }
        }
        try writeAllSlots(values(true))
    }

    /// The list that judges is that of the set's own class: another class has none.
    func values(_ isFirst: Bool) -> [PolicySlot: PolicySlotValue] {
        let set = isFirst ? Self.first : Self.second
        let ingress = ClassLists(ingress: set.ingress.entry, egress: .open)
        let egress = ClassLists(ingress: .open, egress: set.egress.entry)
        var values: [PolicySlot: PolicySlotValue] = [
            .endpointClass(2): .word(isFirst ? 20 : 21), .networkClass(Self.network): .word(isFirst ? 1 : 2),
            .lists(20): .lists(isFirst ? ingress : .open), .lists(21): .lists(isFirst ? .open : ingress),
            .lists(10): .lists(isFirst ? egress : .open), .lists(11): .lists(isFirst ? .open : egress),
            .controlFlags: .word(MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue),
        ]
        for peer in [UInt32(1), 3] { values[.endpointClass(peer)] = .word(isFirst ? 10 : 11) }
        return values
    }

    func writeAllSlots(_ values: [PolicySlot: PolicySlotValue]) throws {
        for (place, value) in values {
            for slot in 0..<Planner.slots { try write(place, value, slot) }
        }
    }

    private func write(_ place: PolicySlot, _ value: PolicySlotValue, _ slot: Int) throws {
        for case .store(let map, let offset, let bytes) in place.operations(slot: slot, value) {
            try node.datapath.write(map, at: offset, bytes)
        }
    }

    /// Alternates the sets until `isEnough`, which is told how many flips there were. Returns that number.
    func alternate(_ isEnough: (UInt32) throws -> Bool) async throws -> UInt32 {
        var planner = Planner()
        planner.start()
        var tickets: [Planner.Ticket] = []
        func perform(_ actions: [Planner.Action]) throws {
            for action in actions {
                switch action {
                case .writeSlot(let slot, let values):
                    for (place, value) in values { try write(place, value, slot) }
                case .publish(let generation): try node.datapath.publish(generation: generation)
                case .awaitGrace(let ticket): tickets.append(ticket)
                case .write, .fill, .release: break
                }
            }
        }
        while try !isEnough(planner.generation) {
            try Task.checkCancellation()
            try perform(planner.submit(.init(values: values(Self.isFirst(planner.generation + 1)))))
            while planner.flipsInFlight >= Planner.flipsInFlightMax, !tickets.isEmpty {
                try node.datapath.gracePeriod()
                try perform(planner.graceElapsed(tickets.removeFirst()))
            }
            await Task.yield()
        }
        return planner.generation
    }
}
