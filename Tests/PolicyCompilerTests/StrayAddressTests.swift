import KubeObjects
import NetTypes
import TestKit
import Testing

@testable import PolicyCompiler

/// Pods' addresses beside the pods' own blocks are kept from change to change: after any of them, what is kept is what
/// looking at all pods finds.
@Suite struct StrayAddressTests {
    /// Of the addresses of a `RandomCluster`, most are outside of the first, and none outside of the second.
    private static let narrow = ["10.1.0.0/24", "fd00:1::/92"].compactMap { CIDR($0) }

    private static let ends: [PodCondition] = [
        PodCondition(.namespace("red"), .everything),
        PodCondition(.namespaces(LabelSelector(matchLabels: ["env": "a"])), .everything),
        PodCondition(.namespaces(.everything), LabelSelector(matchLabels: ["app": "b"])),
    ]

    /// Every ordered pair of ends: nobody but the one reaches the other.
    private func questions(_ compiler: inout PolicyCompiler) -> [ReachQuestion] {
        let held = Self.ends.map { compiler.hold($0) }
        return held.flatMap { from in held.map { ReachQuestion(from: from, isFromInverted: true, to: $0) } }
    }

    /// The changes of a step, with other addresses for some pods, with pods that outlive their Pods, and now and then
    /// other blocks; and all pods as they are then.
    private struct World {
        var cluster: RandomCluster
        var pods: [ObjectKey: PolicyPod] = [:]
        var podCIDRs = StrayAddressTests.narrow

        mutating func step() -> [PolicyChange] {
            var changes = cluster.step().flatMap { vary($0) }
            if cluster.flip(30),
                let pod = pods.values.sorted(by: { $0.key < $1.key }).randomElement(using: &cluster.random)
            {
                changes += vary(.pod(pod))
            }
            if cluster.flip(5) {
                podCIDRs = cluster.pick([StrayAddressTests.narrow, StrayAddressTests.narrow, RandomCluster.podCIDRs])
                changes.append(.podCIDRs(podCIDRs))
            }
            return changes
        }

        mutating func vary(_ change: PolicyChange) -> [PolicyChange] {
            switch change {
            case .pod(let pod):
                var varied = Pod(metadata: ObjectMeta(namespace: pod.key.namespace, name: pod.key.name))
                varied.metadata.labels = pod.labels
                varied.ports = pod.ports.map {
                    ContainerPort(name: $0.name, transport: $0.transport, number: $0.number)
                }
                // Its own, one of them, or for a while those of another pod.
                let own = RandomCluster.addresses(cluster.flip(10) ? cluster.pick([1, 11]) : pod.endpoint)
                let found = PolicyPod(
                    varied, endpoint: pod.endpoint, addresses: cluster.pick([own, own, [own[0]], [own[1]], []]))
                pods[pod.key] = found
                return [.pod(found)]
            case .podRemoved(let key):
                guard let pod = pods.removeValue(forKey: key) else { return [] }
                return cluster.flip(30)
                    ? [.orphaned(key, endpoint: pod.endpoint), .podRemoved(key)] : [.podRemoved(key)]
            case .podCIDRs: return [.podCIDRs(podCIDRs)]
            default: return [change]
            }
        }

        var everything: [PolicyChange] {
            var copy = cluster
            return [.podCIDRs(podCIDRs)]
                + copy.everything().compactMap { change in
                    switch change {
                    case .pod(let pod): pods[pod.key].map { .pod($0) }
                    case .podCIDRs: nil
                    default: change
                    }
                }
        }
    }

    @Test(arguments: 900...919 as ClosedRange<UInt64>)
    func whatIsKeptIsWhatAllPodsHave(seed: UInt64) {
        var world = World(cluster: RandomCluster(seed: seed))
        var compiled = CompiledCluster()
        let questions = questions(&compiled.compiler)
        var held: [Bool] = questions.map { _ in false }
        var (withStrays, kept, broken) = (0, 0, 0)
        for round in 0..<60 {
            let changes = round == 0 ? world.cluster.start().flatMap { world.vary($0) } : world.step()
            let delta = compiled.apply(changes)
            let (mine, place) = (compiled.compiler, "seed \(seed), round \(round)")
            let named = changes.compactMap { if case .pod(let pod) = $0 { pod.key } else { nil } }
            let touched = mine.classes(touchedBy: delta, pods: named)

            var anew = CompiledCluster()
            let same = self.questions(&anew.compiler)
            anew.apply(world.everything)
            let strays = Set(
                world.pods.values.flatMap(\.addresses).filter { address in
                    !world.podCIDRs.contains { $0.contains(address) }
                })
            #expect(mine.strays.addresses == strays && anew.compiler.strays.addresses == strays, "\(place)")
            #expect(mine.blocksCoverPods == anew.compiler.blocksCoverPods, "\(place)")
            if !strays.isEmpty { withStrays += 1 }
            for (index, question) in questions.enumerated() {
                let isBroken = mine.reach(question) != nil
                #expect((anew.compiler.reach(same[index]) != nil) == isBroken, "\(place), question \(index)")
                // What held is looked at only where the batch touched it.
                if held[index] {
                    #expect((mine.reach(question, touched: touched) != nil) == isBroken, "\(place), question \(index)")
                    if isBroken { broken += 1 } else { kept += 1 }
                }
                held[index] = !isBroken
            }
        }
        #expect(withStrays > 20 && kept > 0, "\(withStrays) rounds with strays, \(kept) held on, \(broken) broke")
    }

    @Test func anAddressOutsideIsNobodysOnlyWithoutItsLastPod() throws {
        let address = try #require(IPAddress("192.0.2.9"))
        func pod(_ name: String, _ endpoint: UInt32, _ addresses: [IPAddress]) -> PolicyChange {
            let pod = Pod(metadata: ObjectMeta(namespace: "red", name: name), addresses: addresses)
            return .pod(PolicyPod(pod, endpoint: endpoint, addresses: addresses))
        }
        var compiler = PolicyCompiler()
        _ = compiler.apply([.podCIDRs(RandomCluster.podCIDRs), pod("a", 1, [address]), pod("b", 2, [address])])
        _ = compiler.apply([pod("a", 1, [])])
        #expect(compiler.strays.contains(address) && !compiler.strays.outsideGrew)
        // One that hands it to another in the same batch leaves nothing outside.
        _ = compiler.apply([.podRemoved(ObjectKey("red", "b")), pod("c", 3, [address])])
        #expect(compiler.strays.contains(address) && !compiler.strays.outsideGrew)
        _ = compiler.apply([.podRemoved(ObjectKey("red", "c"))])
        #expect(compiler.strays.isEmpty && compiler.strays.outsideGrew)
        _ = compiler.apply([])
        #expect(!compiler.strays.outsideGrew)
    }
}
