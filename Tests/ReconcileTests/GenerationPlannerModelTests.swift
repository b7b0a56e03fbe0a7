import Reconcile
import TestKit
import Testing

/// A kernel whose programs hold a generation for as long as they like. It knows of grace periods only that one ends
/// after every program that ran when it began.
private struct SlowKernel {
    typealias Planner = GenerationPlanner<Int, Int, Int, Int>

    struct Program {
        let generation: UInt32
        let started: Int
        /// What it has to read, whatever is written meanwhile.
        let slot: [Int: Int]
    }

    var planner: Planner
    var random: SeededGenerator
    var now = 0
    var generation: UInt32
    var slots = [[Int: Int]](repeating: [:], count: 4)
    var programs: [Program] = []
    var waits: [(ticket: Planner.Ticket, since: Int)] = []
    /// What everybody should see once nothing is held back.
    var wanted: [Int: Int] = [:]
    var nextNumber = 0
    /// Numbers that were handed in, with the generation that no longer refers to them (nil: as soon as submitted).
    var retired: [Int: Int] = [:]
    var released: Set<Int> = []
    /// The moment from which no program that begins can meet the number.
    var unreachable: [Int: Int] = [:]
    var faults: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        generation = seed % 3 == 0 ? .max - 5 : 0
        planner = Planner(generation: generation)
        planner.start()
    }

    /// Every action takes a moment, in which programs begin and end.
    mutating func run(_ actions: [Planner.Action]) {
        for action in actions {
            now += 1
            switch action {
            case .write: break
            case .fill(let values):
                for slot in 0..<4 { slots[slot].merge(values) { $1 } }
            case .writeSlot(let slot, let values):
                if programs.contains(where: { Int($0.generation & 3) == slot }) || Int(generation & 3) == slot {
                    faults.append("slot \(slot) is written while it is read")
                }
                slots[slot].merge(values) { $1 }
            case .publish(let next):
                if next != generation &+ 1 { faults.append("\(next) follows \(generation)") }
                generation = next
                // All that was submitted is in force now.
                if slots[Int(next & 3)] != wanted { faults.append("generation \(next) is not what was submitted") }
                for number in retired.keys where unreachable[number] == nil { unreachable[number] = now }
            case .awaitGrace(let ticket):
                waits.append((ticket, now))
                if waits.count > 16 { faults.append("\(waits.count) tickets wait") }
            case .release(let numbers): for number in numbers { release(number) }
            }
            if Bool.random(using: &random) { startProgram() }
        }
    }

    private mutating func release(_ number: Int) {
        guard let since = unreachable[number] else { return faults.append("\(number) is released before its flip") }
        if !released.insert(number).inserted { faults.append("\(number) is released twice") }
        if programs.contains(where: { $0.started <= since }) { faults.append("\(number) is released while it is used") }
        // Whoever is given it back may submit in answer.
        if Int.random(in: 0..<3, using: &random) == 0 { submit() }
    }

    mutating func startProgram() {
        programs.append(Program(generation: generation, started: now, slot: slots[Int(generation & 3)]))
    }

    mutating func endProgram() {
        guard !programs.isEmpty else { return }
        let program = programs.remove(at: Int.random(in: 0..<programs.count, using: &random))
        let slot = slots[Int(program.generation & 3)]
        if program.slot.contains(where: { slot[$0] != $1 }) { faults.append("a program saw a value change") }
    }

    mutating func submit() {
        now += 1
        var change = Planner.Change()
        if Int.random(in: 0..<4, using: &random) > 0 {
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                change.values[Int.random(in: 0..<8, using: &random)] = now
            }
        }
        if Int.random(in: 0..<3, using: &random) == 0 { change.births[1000 + now] = now }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            change.retired.append(nextNumber)
            retired[nextNumber] = now
            nextNumber += 1
        }
        wanted.merge(change.values) { $1 }
        wanted.merge(change.births) { $1 }
        // Without a flip nothing refers to them from now on.
        if change.values.isEmpty, !planner.isHeldBack { for number in change.retired { unreachable[number] = now } }
        run(planner.submit(change))
    }

    /// One of the grace periods whose programs are gone ends, in no order.
    @discardableResult
    mutating func endWait() -> Bool {
        let over = waits.indices.filter { index in !programs.contains { $0.started <= waits[index].since } }
        guard let index = over.randomElement(using: &random) else { return false }
        now += 1
        run(planner.graceElapsed(waits.remove(at: index).ticket))
        return true
    }

    mutating func step() {
        now += 1
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<2: submit()
        case 2: startProgram()
        case 3..<7: endProgram()
        default: endWait()
        }
    }
}

@Suite struct GenerationPlannerModelTests {
    @Test(arguments: UInt64(0)..<40) func noProgramSeesWhatItHoldsChangeAndNothingIsForgotten(seed: UInt64) {
        var kernel = SlowKernel(seed: seed)
        for _ in 0..<1_500 { kernel.step() }
        #expect(kernel.faults.isEmpty, "\(kernel.faults.prefix(3))")
        let count = kernel.nextNumber
        #expect(count > 100 && kernel.released.count > 50)
        // Answers to a release go on for a while, and get fewer.
        while !kernel.programs.isEmpty || !kernel.waits.isEmpty {
            kernel.endProgram()
            kernel.endWait()
        }
        #expect(kernel.faults.isEmpty, "\(kernel.faults.prefix(3))")
        #expect(kernel.released.count == kernel.nextNumber && !kernel.planner.isHeldBack)
        #expect(kernel.planner.flipsInFlight == 0 && kernel.slots[Int(kernel.generation & 3)] == kernel.wanted)
    }
}
