import KubeObjects
import NetTypes
import PolicyCompiler
import TestKit
import Testing

/// Seeded random clusters; a failing seed is in the message.
@Suite struct PolicyPropertyTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func mapsAndEvaluatorGiveTheSameVerdictByTheSameRule(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        var compiled = CompiledCluster()
        compiled.apply(cluster.start())
        var allowed = 0
        var asked = 0
        for round in 0..<25 {
            compiled.apply(cluster.step(), releasing: cluster.flip(70))
            let evaluator = cluster.evaluator
            for _ in 0..<40 {
                guard let flow = cluster.flow() else { continue }
                asked += 1
                if evaluator.judge(flow).isAllowed { allowed += 1 }
                if let difference = compiled.difference(flow, evaluator, cluster.endpoints) {
                    Issue.record("seed \(seed), round \(round): \(difference)")
                    return
                }
            }
        }
        #expect(allowed > asked / 10 && allowed < asked, "the flows of seed \(seed) show little")
    }

    @Test(arguments: 100...130 as ClosedRange<UInt64>)
    func changesOneByOneAndAllAtOnceEndInTheSameMaps(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        var compiled = CompiledCluster()
        compiled.apply(cluster.start())
        for round in 0..<25 {
            compiled.apply(cluster.step(), releasing: cluster.flip(70))
            guard round % 5 == 4 else { continue }
            compiled.release()
            compiled.apply([])
            compiled.release()
            var fresh = CompiledCluster()
            fresh.apply(cluster.everything())
            let (grown, scratch) = (compiled.dump, fresh.dump)
            if grown != scratch {
                Issue.record("seed \(seed), round \(round): grown\n\(grown)\n\nfrom scratch\n\(scratch)")
                return
            }
        }
    }

    @Test(arguments: 200...220 as ClosedRange<UInt64>)
    func aNewDaemonCompilesOntoTheNumbersOfTheOldOne(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        var old = CompiledCluster()
        old.apply(cluster.start())
        for _ in 0..<15 { old.apply(cluster.step()) }
        old.apply([])
        old.release()
        var new = CompiledCluster(PolicyCompiler(journal: old.journal), journal: old.journal)
        new.apply(cluster.everything())
        let leftovers = new.compiler.finishAdoption()
        #expect(leftovers.retired.isEmpty, "seed \(seed)")
        #expect(new.maps.endpoints == old.maps.endpoints, "seed \(seed)")
        #expect(new.maps.networks == old.maps.networks, "seed \(seed)")
        #expect(new.maps.networkClasses == old.maps.networkClasses, "seed \(seed)")
        for index in Set(new.maps.endpoints.values.map { $0 & 0xffff }) {
            #expect(new.maps.classLists[index] == old.maps.classLists[index], "seed \(seed), class \(index)")
        }
        #expect(new.dump == old.dump, "seed \(seed)")
        #expect(new.journal == old.journal, "seed \(seed)")
    }
}
