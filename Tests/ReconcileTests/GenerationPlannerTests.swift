import Reconcile
import Testing

/// Four slots in memory; what a planner's actions do to them.
private struct Slots {
    typealias Planner = GenerationPlanner<String, Int, String, Int>

    var planner: Planner
    var slots = [[String: Int]](repeating: [:], count: 4)
    var generation: UInt32
    var written: [String] = []
    var released: [Int] = []
    var waits: [Planner.Ticket] = []

    init(generation: UInt32 = 0, slot: [String: Int] = [:]) {
        self.generation = generation
        slots[Int(generation & 3)] = slot
        planner = Planner(generation: generation)
    }

    var visible: [String: Int] { slots[Int(generation & 3)] }

    mutating func run(_ actions: [Planner.Action]) {
        for action in actions {
            switch action {
            case .write(let operations): written += operations
            case .fill(let values): for slot in 0..<4 { slots[slot].merge(values) { $1 } }
            case .writeSlot(let slot, let values): slots[slot].merge(values) { $1 }
            case .publish(let next): generation = next
            case .awaitGrace(let ticket): waits.append(ticket)
            case .release(let numbers): released += numbers
            }
        }
    }

    mutating func submit(_ values: [String: Int], births: [String: Int] = [:], retired: [Int] = []) {
        run(planner.submit(.init(births: births, values: values, retired: retired)))
    }

    mutating func endGrace() {
        guard !waits.isEmpty else { return }
        run(planner.graceElapsed(waits.removeFirst()))
    }
}

@Suite struct GenerationPlannerTests {
    @Test func eachGenerationHoldsAllChangesSoFar() {
        var world = Slots()
        world.planner.start()
        for round in 1...9 {
            world.submit(["k\(round)": round])
            world.endGrace()
        }
        #expect(world.generation == 9)
        #expect(world.visible == Dictionary(uniqueKeysWithValues: (1...9).map { ("k\($0)", $0) }))
    }

    @Test func aFourthFlipWaitsAndTakesAllThatCameMeanwhile() {
        var world = Slots()
        world.planner.start()
        for round in 1...6 { world.submit(["a": round, "k\(round)": round]) }
        #expect(world.generation == 3)
        #expect(world.visible["a"] == 3)
        #expect(world.planner.isHeldBack)
        world.endGrace()
        #expect(world.generation == 4)
        #expect(world.visible["a"] == 6 && world.visible["k5"] == 5)
        #expect(!world.planner.isHeldBack)
    }

    @Test func numbersComeBackAfterTheFlipThatRetiredThem() {
        var world = Slots()
        world.planner.start()
        world.submit(["a": 1], retired: [1])
        world.submit(["a": 2], retired: [2])
        #expect(world.released.isEmpty)
        // The grace period under way began before the second flip.
        world.endGrace()
        #expect(world.released == [1])
        world.endGrace()
        #expect(world.released == [1, 2])
        world.submit([:], retired: [3])
        #expect(world.released == [1, 2])
        world.endGrace()
        #expect(world.released == [1, 2, 3])
    }

    @Test func aBirthFillsAllSlotsAndVoidsWhatWasSaidOfItsNumber() {
        var world = Slots()
        world.planner.start()
        world.submit(["a": 1])
        world.endGrace()
        world.submit([:], births: ["a": 50])
        #expect(world.generation == 1)
        #expect(world.slots.allSatisfy { $0["a"] == 50 })
        for round in 0..<4 {
            world.submit(["other": round])
            world.endGrace()
            #expect(world.visible["a"] == 50)
        }
    }

    @Test func theFirstSetOfANewDaemonReachesEachSlotAsItComesUp() {
        var world = Slots(generation: 6, slot: ["a": 1, "b": 2])
        for slot in [0, 1, 3] { world.slots[slot] = ["a": 99, "b": 99] }
        world.planner.start()
        world.submit(["a": 1, "b": 3])
        #expect(world.generation == 7 && world.visible == ["a": 1, "b": 3])
        for round in 8...12 {
            world.endGrace()
            world.submit(["c": round])
            #expect(world.visible == ["a": 1, "b": 3, "c": round])
        }
    }

    @Test func generationsWrapAround() {
        var world = Slots(generation: .max, slot: ["a": 1])
        world.planner.start()
        world.submit(["a": 2])
        #expect(world.generation == 0 && world.visible == ["a": 2])
    }

    @Test func nothingIsWrittenBeforeTheMapsAreKnown() {
        var world = Slots()
        world.submit(["a": 1])
        #expect(world.generation == 0)
        world.planner.start()
        world.submit(["b": 2])
        #expect(world.generation == 1 && world.visible == ["a": 1, "b": 2])
    }
}
