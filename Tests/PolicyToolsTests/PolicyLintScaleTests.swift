import KubeObjects
import NetTypes
import PolicyCompiler
import TestKit
import Testing

@testable import PolicyTools

/// Lint of many policies: by index and in batches the same as one by one, within a bound that is told.
@Suite struct PolicyLintScaleTests {
    private static func world(_ random: inout SeededGenerator, policies: Int) throws -> PolicyWorld {
        let apps = (0..<4).map { "a\($0)" }
        var texts = (0..<12).map { number in
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: p\(number), namespace: n\(number % 2),
              labels: {app: \(apps[number % 4]), i: i\(number % 3)}}
            spec: {containers: [{name: c, ports: [{name: web, containerPort: \(8_000 + number % 2)}]}]}

            """
        }
        for number in 0..<policies {
            let selector = ["{}", "{matchLabels: {app: \(random.pick(apps))}}", "{matchLabels: {i: i0}}"]
            let rules = (0..<Int.random(in: 1...3, using: &random)).map { _ -> String in
                let peers = [
                    "{podSelector: {matchLabels: {app: \(random.pick(apps))}}}",
                    "{namespaceSelector: {}, podSelector: {matchLabels: {app: \(random.pick(apps))}}}",
                    "{ipBlock: {cidr: 10.\(Int.random(in: 0..<9, using: &random)).0.0/16}}",
                ]
                let ports = ["{port: 80}", "{port: web}", "{port: 90, endPort: 99}"]
                return "{to: [\(random.pick(peers)), \(random.pick(peers))], ports: [\(random.pick(ports))]}"
            }.joined(separator: ", ")
            texts.append(
                PolicyLintTests.policy(
                    "q\(number)", "policyTypes: [Egress], egress: [\(rules)]", selector: random.pick(selector)
                )
                .replacing("namespace: prod", with: "namespace: n\(number % 2)").replacing("---\n", with: ""))
        }
        texts.append(
            PolicyLintTests.clusterPolicy(
                "c",
                "priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{pods: {namespaceSelector: "
                    + "{}, podSelector: {matchLabels: {app: a1}}}}]}]"
            ).replacing("---\n", with: ""))
        return try PolicyLintTests.world(texts.joined(separator: "---\n"))
    }

    /// What is refused where each policy is a batch, in the order of names.
    private static func oneByOne(_ world: PolicyWorld, _ limits: PolicyLimits) -> [PolicyError] {
        var compiler = PolicyCompiler(limits: limits)
        let places = PodPlaces(world)
        var without = world
        for policy in world.policies { _ = without.remove(policy: policy.policy.key) }
        for policy in world.clusterPolicies { _ = without.remove(policy: policy.key) }
        _ = compiler.apply(without.changes(places))
        let policies =
            world.clusterPolicies.map { PolicyChange.clusterPolicy($0) } + world.policies.map { .policy($0.policy) }
        for change in policies { _ = compiler.release(compiler.apply([change]).retired) }
        return compiler.problems
    }

    @Test func aBatchRefusesWhatOneByOneIsRefused() throws {
        var codes: [PolicyError.Code: Int] = [:]
        var unnamed = 0
        for seed in UInt64(1)...120 {
            var random = SeededGenerator(seed: seed)
            let world = try Self.world(&random, policies: 12)
            let narrow: [PolicyLimits] = [
                PolicyLimits(listRules: 3), PolicyLimits(listRules: 12), PolicyLimits(selectors: 4),
                PolicyLimits(blocks: 5), PolicyLimits(cidrClasses: 5),
                PolicyLimits(listRules: 15, selectors: 7, blocks: 6),
            ]
            for limits in narrow {
                let found = PolicyLint.problems(world, limits)
                let wanted = Self.oneByOne(world, limits)
                let policies = Set(world.policies.map(\.policy.key) + world.clusterPolicies.map(\.key))
                #expect(found.allSatisfy { policies.contains($0.object) }, "seed \(seed): \(found)")
                // Alone, a policy that is the first to tell pods apart is not named, but one of the pods.
                guard wanted.allSatisfy({ policies.contains($0.object) }) else {
                    #expect(!found.isEmpty, "seed \(seed)")
                    unnamed += 1
                    continue
                }
                // Which of the pods is the example is open; so is the reason where several hold, as what was refused is
                // tried again later.
                #expect(found.map(\.object) == wanted.map(\.object), "seed \(seed)")
                for problem in wanted { codes[problem.code, default: 0] += 1 }
            }
            #expect(PolicyLint.problems(world) == [])
        }
        // Each limit was met.
        #expect(codes.count >= 3 && codes.values.allSatisfy { $0 > 100 }, "\(codes)")
        #expect(unnamed < 72, "\(unnamed) of 720")
    }

    /// Policies of one namespace, each with a selector of its own and a rule that is nobody else's.
    private static func crowd(_ count: Int) throws -> PolicyWorld {
        let texts = (0..<count).map { number in
            let rule =
                "{from: [{podSelector: {matchLabels: {app: a\(number % 40)}}}, {ipBlock: {cidr: "
                + "10.\(number / 250).\(number % 250).0/24}}], ports: [{port: \(1_000 + number)}]}"
            return PolicyLintTests.policy(
                "q\(number)", "ingress: [\(rule), {from: [{podSelector: {matchLabels: {b: c\(number)}}}]}]",
                selector: number % 10 == 0 ? "{}" : "{matchLabels: {app: a\(number % 40), n: n\(number)}}")
        }
        return try PolicyLintTests.world(texts.joined())
    }

    @Test func thousandsOfPoliciesInOneNamespaceAreComparedInFewSteps() throws {
        let world = try Self.crowd(2_000)
        // 4,000 rules: each with each would be 16,000,000 pairs, of several steps.
        let steps = 4_000_000
        let found = PolicyLint(world, serviceBlocks: [], nameServer: nil, budget: ComparisonBudget(steps)).findings()
        #expect(found.filter { $0.check == .notCompared } == [])
        #expect(found.filter { $0.check == .shadowed || $0.check == .doesNotFit } == [])
    }

    @Test func whatIsNotComparedForWantOfStepsIsTold() throws {
        let rule = "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}]"
        let world = try PolicyLintTests.world(
            (0..<50).map { PolicyLintTests.policy("q\($0)", rule, selector: "{}") }.joined())
        func found(_ budget: ComparisonBudget) -> [LintFinding] {
            PolicyLint(world, serviceBlocks: [], nameServer: nil, budget: budget).findings()
        }
        let all = found(ComparisonBudget())
        #expect(all.count { $0.check == .shadowed } == 49)
        #expect(all.count { $0.check == .notCompared } == 0)
        let some = found(ComparisonBudget(300))
        let told = some.filter { $0.check == .notCompared }
        #expect(told.map { "\($0.severity) \($0.check.rawValue)" } == ["note not-compared"])
        #expect(told.map(\.object).first?.hasSuffix(" comparisons") == true, "\(told)")
        #expect((1..<49).contains(some.count { $0.check == .shadowed }))
        #expect(Set(some).subtracting(told).isSubset(of: all))
    }
}

extension SeededGenerator {
    fileprivate mutating func pick<Element>(_ all: [Element]) -> Element {
        all[Int.random(in: all.indices, using: &self)]
    }
}
