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

    /// Ends the grace period that has run longest, or the one after so many others.
    mutating func endGrace(_ index: Int = 0) {
        guard waits.indices.contains(index) else { return }
        run(planner.graceElapsed(waits.remove(at: index)))
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

    @Test func eachFlipHasItsGracePeriodAndOneThatBeganLaterCoversThoseBefore() {
        var world = Slots()
        world.planner.start()
        for round in 1...3 { world.submit(["a": round], retired: [round]) }
        #expect(world.waits.count == 3)
        world.endGrace(1)
        #expect(world.released == [1, 2])
        #expect(world.planner.flipsInFlight == 1)
        // The first one's own end says nothing new.
        world.endGrace()
        #expect(world.released == [1, 2])
        world.submit(["a": 4], retired: [4])
        world.endGrace()
        #expect(world.released == [1, 2, 3])
        world.endGrace()
        #expect(world.released == [1, 2, 3, 4])
        #expect(world.waits.isEmpty && world.planner.flipsInFlight == 0)
    }

    @Test func aGracePeriodThatIsCoveredByOneThatEndedIsInNobodysWay() {
        var world = Slots()
        world.planner.start()
        for round in 1...3 { world.submit(["a": round]) }
        world.endGrace(2)
        for round in 4...6 { world.submit(["a": round]) }
        #expect(world.waits.count == 5, "the two before, and one of each flip")
        world.endGrace(4)
        #expect(world.planner.flipsInFlight == 0)
    }

    @Test func whatIsRetiredWithAFlipThatABirthMakesNeedlessComesBackAllTheSame() {
        var world = Slots()
        world.planner.start()
        for round in 1...3 { world.submit(["a": round]) }
        world.submit(["b": 4], retired: [4])
        world.submit([:], births: ["b": 5], retired: [5])
        #expect(!world.planner.isHeldBack)
        while !world.waits.isEmpty { world.endGrace() }
        #expect(world.generation == 3 && world.released == [4, 5])
    }

    /// Who is given numbers back may submit at once, and a grace period that begins for that covers this flip too.
    @Test func aFlipThatWasHeldBackIsPublishedBeforeNumbersAreReleased() {
        var world = Slots()
        world.planner.start()
        for round in 1...4 { world.submit(["a": round], retired: [round]) }
        let names = world.planner.graceElapsed(world.waits[0]).map { action in
            switch action {
            case .write: "write"
            case .fill: "fill"
            case .writeSlot: "slot"
            case .publish: "publish"
            case .awaitGrace: "wait"
            case .release: "release"
            }
        }
        #expect(names == ["slot", "publish", "wait", "release"])
    }

    @Test func whatIsRetiredWhileEnoughGracePeriodsRunWaitsForTheNext() {
        var world = Slots()
        world.planner.start()
        for number in 1...6 { world.submit([:], retired: [number]) }
        #expect(world.waits.count == Slots.Planner.gracePeriodsMax)
        world.endGrace()
        #expect(world.released == [1])
        // It began just now, and covers the three that came meanwhile.
        world.endGrace(2)
        #expect(world.released == [1, 2, 3, 4, 5, 6])
        for _ in 0..<2 { world.endGrace() }
        #expect(world.released == [1, 2, 3, 4, 5, 6])
        #expect(world.waits.isEmpty)
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
