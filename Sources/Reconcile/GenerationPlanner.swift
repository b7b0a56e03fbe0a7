/// Orders what changes so that a packet sees whole generations only (`docs/ARCHITECTURE.md`, generations).
///
/// Every value that a generation may change stands in four slots; a packet loads the generation once and reads slot
/// `generation & 3`. To publish generation g+1 the planner fills slot (g+1) & 3, which last held g-3, with the last
/// four change sets, and then stores g+1. That slot is free only when a grace period has passed since the flip to g-2,
/// so at most three flips are in flight; further changes wait and go out together with the next flip. A number is
/// released one grace period after the flip that retired it. Each flip waits for a grace period of its own, beside
/// those of the flips before: one that began after the end of another would often miss the kernel's next one. Births
/// (values of numbers that nothing refers to yet) fill all four slots at once and need no flip.
///
/// Wiring:
/// ```
/// let actions = planner.submit(change)            // for each delta of a compiler
/// for action in actions { … }                     // in order, before the next event
///   .write(operations)          perform each, in order
///   .fill(values)               write each value into all four slots
///   .writeSlot(slot, values)    write each value into that slot
///   .publish(generation)        release-store the generation
///   .awaitGrace(ticket)         wait for a grace period elsewhere, then: planner.graceElapsed(ticket)
///   .release(retired)           give the numbers back to the compiler; submit the delta it answers with
/// ```
package struct GenerationPlanner<
    Key: Hashable & Sendable, Value: Sendable & Equatable, Operation: Sendable, Retired: Sendable
>: Sendable {
    /// What one delta asks for.
    package struct Change: Sendable {
        /// Immutable data, written at once in this order.
        package var operations: [Operation]
        package var births: [Key: Value]
        /// Keys that are born without a value here: what older change sets say of them is void.
        package var voided: [Key]
        package var values: [Key: Value]
        package var retired: [Retired]

        package init(
            operations: [Operation] = [], births: [Key: Value] = [:], voided: [Key] = [], values: [Key: Value] = [:],
            retired: [Retired] = []
        ) {
            self.operations = operations
            self.births = births
            self.voided = voided
            self.values = values
            self.retired = retired
        }
    }

    package enum Action: Sendable {
        case write([Operation])
        case fill([Key: Value])
        case writeSlot(Int, [Key: Value])
        case publish(UInt32)
        case awaitGrace(Ticket)
        case release([Retired])
    }

    /// Names a grace period that is being waited for.
    package struct Ticket: Hashable, Sendable {
        let number: UInt64
    }

    /// Something that waits for a grace period: a flip, or numbers retired without one.
    private struct Waiting: Sendable {
        let ticket: UInt64
        let isFlip: Bool
        let retired: [Retired]
    }

    package static var slots: Int { 4 }
    package static var flipsInFlightMax: Int { 3 }
    /// How many grace periods are waited for at once.
    package static var gracePeriodsMax: Int { 3 }

    /// The generation in force.
    package private(set) var generation: UInt32
    private var isStarted = false
    /// A value, and the generation that changed it last.
    private struct Recent: Sendable {
        let value: Value
        let generation: UInt32
    }

    /// What the last three generations changed.
    private var recent: [Key: Recent] = [:]
    private var queuedValues: [Key: Value] = [:]
    private var queuedRetired: [Retired] = []
    private var waiting: [Waiting] = []
    private var nextTicket: UInt64 = 1
    /// Of each grace period that runs the last ticket that it covers, in the order in which they began.
    private var running: [UInt64] = []

    /// - Parameter generation: what stands in the kernel; 0 for empty maps.
    package init(generation: UInt32 = 0) {
        self.generation = generation
    }

    /// How many flips are published whose grace period is not over.
    package var flipsInFlight: Int { waiting.count(where: \.isFlip) }
    /// Whether a change waits for a free slot.
    package var isHeldBack: Bool { !queuedValues.isEmpty }

    /// The three slots that are not in force may be written: the maps are empty, or a grace period has passed since the
    /// daemon that wrote them ended. What that one wrote last is not known, so the first change has to name every value
    /// that its generation uses. Nothing is published before.
    package mutating func start() { isStarted = true }

    package mutating func submit(_ change: Change) -> [Action] {
        var actions: [Action] = []
        if !change.operations.isEmpty { actions.append(.write(change.operations)) }
        for key in change.births.keys { void(key) }
        for key in change.voided { void(key) }
        if !change.births.isEmpty { actions.append(.fill(change.births)) }
        if queuedValues.isEmpty { queuedValues = change.values } else { queuedValues.merge(change.values) { $1 } }
        if queuedValues.isEmpty {
            // No flip is due, or no longer: what is retired waits for the programs that run now.
            retire(queuedRetired + change.retired)
            queuedRetired = []
        } else {
            queuedRetired += change.retired
        }
        return actions + advance()
    }

    package mutating func graceElapsed(_ ticket: Ticket) -> [Action] {
        // One that began later and has ended covered this one too.
        guard let index = running.firstIndex(of: ticket.number) else { return [] }
        running.removeSubrange(...index)
        let done = waiting.filter { $0.ticket <= ticket.number }
        waiting.removeAll { $0.ticket <= ticket.number }
        let retired = done.flatMap(\.retired)
        // Released last: what is submitted in answer may wait for a grace period, and that covers this flip, too.
        return advance() + (retired.isEmpty ? [] : [.release(retired)])
    }

    private mutating func void(_ key: Key) {
        queuedValues[key] = nil
        recent[key] = nil
    }

    private mutating func retire(_ retired: [Retired]) {
        guard !retired.isEmpty else { return }
        waiting.append(Waiting(ticket: nextTicket, isFlip: false, retired: retired))
        nextTicket += 1
    }

    private mutating func advance() -> [Action] {
        var actions: [Action] = []
        if isStarted, !queuedValues.isEmpty, flipsInFlight < Self.flipsInFlightMax { actions += flip() }
        return actions + startGrace()
    }

    private mutating func flip() -> [Action] {
        generation &+= 1
        for (key, value) in queuedValues { recent[key] = Recent(value: value, generation: generation) }
        let values = recent.mapValues(\.value)
        let oldest = generation &- UInt32(Self.slots - 1)
        if recent.count > queuedValues.count { recent = recent.filter { $1.generation != oldest } }
        waiting.append(Waiting(ticket: nextTicket, isFlip: true, retired: queuedRetired))
        nextTicket += 1
        queuedValues = [:]
        queuedRetired = []
        return [.writeSlot(Int(generation & 3), values), .publish(generation)]
    }

    private mutating func startGrace() -> [Action] {
        guard running.count < Self.gracePeriodsMax, let last = waiting.last?.ticket, last > running.last ?? 0 else {
            return []
        }
        running.append(last)
        return [.awaitGrace(Ticket(number: last))]
    }
}
