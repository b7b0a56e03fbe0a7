import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import TestKit
import Testing

@testable import PolicyTools

/// Whatever was seen: all of it passes, and without any part of what is suggested not all of it does.
@Suite struct PolicySuggestionPropertyTests {
    /// Pods whose labels overlap, and flows between them and addresses.
    private struct Sample {
        var world = PolicyWorld()
        var flows: [SeenFlow] = []
        let workloads: [ObjectKey: [Pod]]

        init(seed: UInt64) {
            var random = SeededGenerator(seed: seed)
            for number in 0..<UInt32.random(in: 3...8, using: &random) {
                // Without `app` the pod stands for itself.
                let keys = ["app", "tier", "env"].shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
                let labels = keys.map { ($0, ["a", "b", "c"].randomElement(using: &random) ?? "a") }
                world.add([
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": [
                        "name": .string("p\(number)"), "namespace": Bool.random(using: &random) ? "one" : "two",
                        "labels": .object(Dictionary(uniqueKeysWithValues: labels.map { ($0, .string($1)) })),
                    ],
                    "status": ["podIP": .string("\(IPAddress(v4: 0x0a01_0001 + number))")],
                ])
            }
            workloads = Dictionary(grouping: world.policyPods, by: \.workload)
            let names = workloads.keys.sorted().map { FlowParty.name($0) }
            let outside = (0..<20).map { FlowParty.address(IPAddress(v4: 0xcb00_7100 + $0)) }
            var seen: Set<SeenFlow> = []
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                let inner = names.randomElement(using: &random) ?? names[0]
                let pool = Int.random(in: 0..<3, using: &random) == 0 ? outside : names
                let other = pool.randomElement(using: &random) ?? inner
                let isIn = Bool.random(using: &random)
                seen.insert(
                    SeenFlow(
                        source: isIn ? other : inner, destination: isIn ? inner : other,
                        transport: Bool.random(using: &random) ? 6 : 17,
                        port: [80, 81].randomElement(using: &random) ?? 80))
            }
            flows = seen.sorted { ($0.source, $0.destination, $0.port) < ($1.source, $1.destination, $1.port) }
        }

        func isAllowed(
            _ flow: SeenFlow, _ direction: PolicySuggestion.Direction, by policies: [PolicySuggestion.Policy]
        ) -> Bool {
            let evaluator = PolicyEvaluator(
                namespaces: world.namespaces, policies: policies.filter { $0.direction == direction }.map(\.object))
            return PolicySuggestionTests.isAllowed(flow, direction, evaluator, workloads)
        }

        /// Each pod that policies are for is selected, and each flow passes.
        func holds(_ policies: [PolicySuggestion.Policy]) -> Bool {
            [PolicySuggestion.Direction.ingress, .egress].allSatisfy { direction in
                let mine = policies.filter { $0.direction == direction }
                return flows.allSatisfy { flow in
                    guard case .name(let key) = direction == .ingress ? flow.destination : flow.source else {
                        return true
                    }
                    let isClosed = (workloads[key] ?? []).allSatisfy { pod in
                        mine.contains {
                            $0.workload.namespace == key.namespace
                                && LabelSelector(matchLabels: $0.labels).matches(pod.metadata.labels)
                        }
                    }
                    return isClosed && isAllowed(flow, direction, by: mine)
                }
            }
        }
    }

    /// The policies with one part less, and which. What is alone in a rule goes with the rule.
    private static func less(_ policies: [PolicySuggestion.Policy]) -> [(String, [PolicySuggestion.Policy])] {
        func without(_ place: Int, _ change: (inout PolicySuggestion.Policy) -> Void) -> [PolicySuggestion.Policy] {
            var fewer = policies
            change(&fewer[place])
            return fewer
        }
        return policies.enumerated().flatMap { place, policy -> [(String, [PolicySuggestion.Policy])] in
            var found = [(policy.name, policies.filter { $0.subject != policy.subject })]
            for (index, rule) in policy.rules.enumerated() {
                found.append(("\(policy.name)[\(index)]", without(place) { $0.rules.remove(at: index) }))
                for peer in rule.peers where rule.peers.count > 1 {
                    let left = rule.with(peers: rule.peers.filter { $0 != peer }, ports: rule.ports)
                    found.append(("\(policy.name)[\(index)] \(peer)", without(place) { $0.rules[index] = left }))
                }
                for port in rule.ports where rule.ports.count > 1 {
                    let left = rule.with(peers: rule.peers, ports: rule.ports.filter { $0 != port })
                    found.append(("\(policy.name)[\(index)] \(port)", without(place) { $0.rules[index] = left }))
                }
            }
            return found
        }
    }

    @Test(arguments: 0..<8) func nothingIsMissingAndNothingIsTooMuch(group: UInt64) {
        var parts = 0
        for seed in (group * 20)..<(group * 20 + 20) {
            let sample = Sample(seed: seed)
            let made = PolicySuggestion(
                sample.world, SeenTraffic(pairs: sample.flows), directions: [.ingress, .egress])
            #expect(made.notes == [], "seed \(seed)")
            let holds = sample.holds(made.policies)
            #expect(holds, "seed \(seed)")
            for (part, fewer) in Self.less(made.policies) {
                parts += 1
                let isNeeded = !sample.holds(fewer)
                #expect(isNeeded, "seed \(seed): \(part) is not needed")
            }
        }
        #expect(parts > 100)
    }

    /// A flow is the proof of each rule that lets it through, for some of its pods, and of no other.
    @Test(arguments: 0..<4) func theProofOfARuleIsWhatItLetsThrough(group: UInt64) {
        for seed in (group * 20)..<(group * 20 + 20) {
            let sample = Sample(seed: seed)
            let made = PolicySuggestion(sample.world, SeenTraffic(pairs: sample.flows))
            for policy in made.policies {
                for rule in policy.rules {
                    var alone = policy
                    alone.rules = [rule]
                    let judge = PolicyEvaluator(namespaces: sample.world.namespaces, policies: [alone.object])
                    let wanted = sample.flows.filter { flow in
                        PolicySuggestion.pairs(flow, sample.workloads).contains { source, destination in
                            let answer = judge.judge(
                                .init(
                                    source: source, destination: destination, transport: flow.transport,
                                    port: flow.port))
                            guard case .allowed = answer.ingress.decision else { return false }
                            return true
                        }
                    }
                    #expect(Set(rule.proof) == Set(wanted), "seed \(seed)")
                }
            }
        }
    }
}

extension PolicySuggestion.Rule {
    fileprivate func with(peers: [PolicyPeer], ports: [PolicyPort]) -> Self {
        Self(peers: peers, ports: ports, proof: proof, also: also)
    }
}
