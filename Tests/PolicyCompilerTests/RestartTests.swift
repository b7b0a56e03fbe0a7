import PolicyCompiler
import TestKit
import Testing

/// The writer is killed at any step of a switch or of its own start, objects change while it is away, and a new one
/// goes on from the journal and from what the kernel has: every packet is judged by exactly the generation that it
/// loaded.
@Suite struct RestartTests {
    private func world(seed: UInt64, _ care: Interleaving.Care) -> (world: Interleaving, kills: Int) {
        var world = Interleaving(seed: seed)
        var kills = 0
        for _ in 0..<12 where world.fault == nil {
            if !world.isDead { world.kill(in: Int.random(in: 1..<400, using: &world.random)) }
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
            // Some die again before their first generation stands.
            world.kill(in: Int.random(in: 1..<1_000, using: &world.random))
            world.restart(care)
            for _ in 0..<60 { world.tick() }
        }
        world.killedAt = nil
        if world.isDead { world.restart(care) }
        return (world, kills)
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func aNewWriterSwitchesInOneInstant(seed: UInt64) {
        var (world, kills) = world(seed: seed, .whole)
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

    /// The same test sees a writer that starts with less care.
    @Test(arguments: [(Interleaving.Care.noImage, 10), (.noWait, 2)])
    func lessCareIsSeen(care: Interleaving.Care, seedsMin: Int) {
        let faulty = (1...40 as ClosedRange<UInt64>).filter { world(seed: $0, care).world.fault != nil }
        #expect(faulty.count >= seedsMin, "\(care): only seeds \(faulty) of 40 show it")
    }
}
