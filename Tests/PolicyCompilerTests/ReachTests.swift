import KubeObjects
import NetTypes
import TestKit
import Testing

@testable import PolicyCompiler

/// Reachability by classes says what judging every pair of pods says.
@Suite struct ReachTests {
    private static let ends: [PodCondition] = [
        PodCondition(.namespace("red"), .everything),
        PodCondition(.namespaces(LabelSelector(matchLabels: ["env": "a"])), .everything),
        PodCondition(.namespaces(.everything), LabelSelector(matchLabels: ["app": "b"])),
        PodCondition(.namespace("blue"), LabelSelector(matchLabels: ["tier": "c"])),
    ]

    /// Every port at which a random policy or pod can change its mind.
    private static let borders: [UInt16] = Set(
        (RandomCluster.ports + [53, 80, 81, 8080]).flatMap { [$0 &- 1, $0, $0 &+ 1] }
    ).sorted()

    private func selected(_ condition: PodCondition, _ cluster: RandomCluster) -> [Pod] {
        cluster.pods.values.filter { pod in
            condition.matches(
                PolicyPod(pod, endpoint: 0, addresses: []),
                namespaceLabels: cluster.namespaces[pod.metadata.namespace] ?? [:])
        }
    }

    private func flows(_ from: [Pod], _ to: [Pod], _ spans: [PortSpan]) -> [PolicyEvaluator.Flow] {
        var found: [PolicyEvaluator.Flow] = []
        for source in from {
            for destination in to where destination.key != source.key {
                for mine in source.addresses {
                    for other in destination.addresses where other.family == mine.family {
                        for span in spans {
                            for port in Self.borders where span.ports.contains(port) {
                                found.append(
                                    .init(
                                        source: .init(mine, pod: source), destination: .init(other, pod: destination),
                                        transport: span.transport, port: port))
                            }
                        }
                    }
                }
            }
        }
        return found
    }

    @Test(arguments: 500...530 as ClosedRange<UInt64>)
    func classesAndPairsOfPodsAgree(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        var compiled = CompiledCluster()
        compiled.apply(cluster.start())
        let held = Self.ends.map { compiled.compiler.hold($0) }
        for round in 0..<4 {
            compiled.apply(cluster.step())
            compiled.release()
            let evaluator = cluster.evaluator
            let (from, to) = (cluster.pick([0, 1, 2, 3]), cluster.pick([0, 1, 2, 3]))
            let isInverted = cluster.flip(30)
            let spans =
                cluster.flip(50) ? PortSpan.everything : [PortSpan(6, PortRange(80)), PortSpan(17, PortRange(53))]
            let inside = selected(Self.ends[from], cluster)
            let sources = isInverted ? cluster.pods.values.filter { !inside.contains($0) } : inside
            let open = flows(sources, selected(Self.ends[to], cluster), spans).first { evaluator.judge($0).isAllowed }
            let witness = compiled.compiler.reach(
                ReachQuestion(from: held[from], isFromInverted: isInverted, to: held[to], ports: spans))
            guard (open == nil) == (witness == nil) else {
                let (pairs, classes) = (String(describing: open), String(describing: witness))
                Issue.record("seed \(seed), round \(round): by pairs \(pairs), by classes \(classes)")
                return
            }
            if let witness { check(witness, cluster, evaluator, seed) }
        }
    }

    private func check(
        _ witness: ReachWitness, _ cluster: RandomCluster, _ evaluator: PolicyEvaluator, _ seed: UInt64
    ) {
        guard let from = cluster.pods[witness.from], let to = cluster.pods[witness.to] else {
            Issue.record("seed \(seed): \(witness) names a pod that is not there")
            return
        }
        let gotThrough = from.addresses.contains { mine in
            to.addresses.contains { other in
                mine.family == other.family
                    && evaluator.judge(
                        .init(
                            source: .init(mine, pod: from), destination: .init(other, pod: to),
                            transport: witness.transport, port: witness.port)
                    ).isAllowed
            }
        }
        #expect(gotThrough, "seed \(seed): \(witness) does not get through")
    }

    @Test func spansMeetAndAreCut() {
        let whole = PortSpan(6, .all)
        let part = PortSpan(6, PortRange(80))
        #expect(whole.without(part).map(\.ports.low) == [0, 81] && whole.without(whole).isEmpty)
        #expect(whole.common(with: PortSpan(17, .all)) == nil && whole.common(with: part) == part)
    }
}
