import PolicyCompiler
import TestKit
import Testing

/// The writer is killed at any step of a switch, objects change while it is away, and a new one goes on from the
/// journal and from what the kernel has: every packet is judged by exactly the generation that it loaded.
@Suite struct RestartTests {
    private func world(seed: UInt64, adopting: Bool) -> (world: Interleaving, kills: Int) {
        var world = Interleaving(seed: seed)
        var kills = 0
        for _ in 0..<12 where world.fault == nil {
            world.kill(in: Int.random(in: 1..<400, using: &world.random))
            for _ in 0..<12 where !world.isDead {
                world.submit(world.cluster.step())
                for _ in 0..<5 { world.tick() }
                world.endWaits(patient: true)
            }
            if world.isDead { kills += 1 }
            world.isDead = true
            for _ in 0..<Int.random(in: 0..<4, using: &world.random) {
                _ = world.cluster.step()
                for _ in 0..<10 { world.tick() }
            }
            world.restart(adopting: adopting)
            for _ in 0..<60 { world.tick() }
        }
        return (world, kills)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func aNewWriterSwitchesInOneInstant(seed: UInt64) {
        // Open finding: in some orders of objects and kills a packet passes that neither the old nor the new set
        // allows.
        withKnownIssue("a restart in the middle of a switch is not yet free of mixes", isIntermittent: true) {
            var (world, kills) = world(seed: seed, adopting: true)
            #expect(world.fault == nil, "seed \(seed): \(world.fault ?? "")")
            #expect(kills > 0 && world.judged > 100, "seed \(seed): \(kills) kills, \(world.judged) packets")
            let isSettled = world.settle()
            #expect(isSettled, "seed \(seed)")
            for _ in 0..<400 {
                world.arrive()
                while !world.packets.isEmpty { world.advance(0) }
            }
            #expect(world.fault == nil, "seed \(seed), settled: \(world.fault ?? "")")
        }
    }

    @Test func aWriterThatTakesTheMapsForEmptyIsSeen() {
        let faulty = (1...40 as ClosedRange<UInt64>).filter { world(seed: $0, adopting: false).world.fault != nil }
        #expect(faulty.count > 10, "only \(faulty.count) of 40 seeds show it")
    }
}
