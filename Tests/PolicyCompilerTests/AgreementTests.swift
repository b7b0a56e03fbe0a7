import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Testing

/// When an answer of the maps or the kernel is the evaluator's: the same verdict by the same rule.
@Suite struct AgreementTests {
    private static let web = IPAddress(v4: 0x0A00_0001)
    private static let policies = ["a", "b"].map { name in
        NetworkPolicy(
            metadata: ObjectMeta(namespace: "n", name: name), podSelector: .everything,
            ingress: [80, 81].map { port in
                PolicyRule(peers: [], ports: [PolicyPort(.tcp, .range(PortRange(port)))])
            }, egress: [])
    }

    private let compiled: CompiledCluster
    private let evaluator = PolicyEvaluator(namespaces: ["n": [:]], policies: policies)
    private let pod = Pod(metadata: ObjectMeta(namespace: "n", name: "web"), addresses: [web])

    init() {
        var compiled = CompiledCluster()
        compiled.apply([
            .namespace(name: "n", labels: [:]), .pod(PolicyPod(pod, endpoint: 1, addresses: pod.addresses)),
        ])
        compiled.apply(Self.policies.map { .policy($0) })
        self.compiled = compiled
    }

    private func kernel(_ direction: RuleInfo.Direction = .ingress, port: UInt16) -> PolicyMaps.Verdict {
        compiled.maps.judge(
            direction, subject: .init(endpoint: 1, address: Self.web),
            peer: .init(endpoint: nil, address: IPAddress(v4: 0x0808_0808)), transport: 6, port: port)
    }

    private func decision(port: UInt16) -> PolicyEvaluator.Decision {
        evaluator.judge(
            .init(
                source: .init(IPAddress(v4: 0x0808_0808)), destination: .init(Self.web, pod: pod), transport: 6,
                port: port)
        ).ingress.decision
    }

    private func agrees(
        _ verdict: PolicyMaps.Verdict, _ decision: PolicyEvaluator.Decision, _ direction: RuleInfo.Direction = .ingress
    ) -> Bool {
        compiled.compiler.agrees(verdict, with: decision, direction)
    }

    @Test(arguments: [UInt16(80), 81, 82]) func theFirstOfTwoPoliciesThatSayTheSameIsNamedByBoth(port: UInt16) throws {
        let info = try #require(compiled.compiler.rule(kernel(port: port).ruleID))
        #expect(info.policy == ObjectKey("n", "a"))
        #expect(agrees(kernel(port: port), decision(port: port)))
    }

    @Test func anotherRulePolicyDirectionOrVerdictIsADifference() {
        let allowed = kernel(port: 80)
        #expect(agrees(allowed, .allowed(by: ObjectKey("n", "a"), rule: 0)))
        #expect(!agrees(allowed, .allowed(by: ObjectKey("n", "a"), rule: 1)))
        #expect(!agrees(allowed, .allowed(by: ObjectKey("n", "b"), rule: 0)))
        #expect(!agrees(allowed, .allowed(by: ObjectKey("n", "a"), rule: 0), .egress))
        #expect(!agrees(allowed, .notIsolated))
        #expect(!agrees(.init(isAllowed: false, ruleID: allowed.ruleID), .allowed(by: ObjectKey("n", "a"), rule: 0)))
        #expect(!agrees(.init(isAllowed: true, ruleID: 9_999), .allowed(by: ObjectKey("n", "a"), rule: 0)))
        #expect(!agrees(.init(isAllowed: true, ruleID: 9_999), .notIsolated))

        let isolated = kernel(.egress, port: 80)
        let both = [ObjectKey("n", "a"), ObjectKey("n", "b")]
        #expect(agrees(isolated, .isolated(by: both), .egress))
        #expect(!agrees(isolated, .isolated(by: both.reversed()), .egress))
        #expect(!agrees(isolated, .isolated(by: both)))
        #expect(!agrees(isolated, .closed("no room"), .egress))
    }
}
