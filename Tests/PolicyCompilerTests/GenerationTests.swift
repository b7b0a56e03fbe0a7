import PolicyCompiler
import Reconcile
import TestKit
import Testing

@Suite struct GenerationTests {
    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func everyPacketIsJudgedByExactlyTheGenerationItLoaded(seed: UInt64) {
        var world = Interleaving(seed: seed)
        for _ in 0..<150 where world.fault == nil {
            world.submit(world.cluster.step())
            for _ in 0..<20 { world.tick() }
            world.endWaits(patient: true)
        }
        #expect(world.fault == nil, "seed \(seed): \(world.fault ?? "")")
        #expect(world.judged > 200, "seed \(seed): only \(world.judged) packets")
        #expect(world.maximumInFlight <= 3)
    }

    @Test func changesWaitWhereThreeFlipsAreInFlight() {
        var world = Interleaving(seed: 7)
        for _ in 0..<60 { world.submit(world.cluster.step()) }
        #expect(world.maximumInFlight == 3)
        #expect(world.heldBack > 0)
        for _ in 0..<200_000 where !world.packets.isEmpty || !world.waits.isEmpty || world.planner.isHeldBack {
            world.tick()
            world.endWaits(patient: false)
            if world.waits.isEmpty && !world.planner.isHeldBack { break }
        }
        #expect(!world.planner.isHeldBack)
        #expect(world.fault == nil, "\(world.fault ?? "")")
    }
}
