import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Testing

/// The evaluator told what is in force says what the maps say, and why, where policies do not fit or cannot be read.
@Suite struct InForceTests {
    private static let client = Pod(
        metadata: ObjectMeta(namespace: "n", name: "c", labels: ["app": "c"]), addresses: [IPAddress(v4: 0x0a01_0001)])
    private static let server = Pod(
        metadata: ObjectMeta(namespace: "n", name: "s", labels: ["app": "s"]), addresses: [IPAddress(v4: 0x0a01_0002)])
    private static let endpoints = [client.key: UInt32(1), server.key: 2]

    private static func policy(_ name: String, ports: ClosedRange<Int>, version: String = "7") -> NetworkPolicy {
        var metadata = ObjectMeta(namespace: "n", name: name)
        metadata.resourceVersion = version
        let entries = ports.map { PolicyPort(.tcp, .range(PortRange(UInt16($0)))) }
        return NetworkPolicy(
            metadata: metadata, podSelector: LabelSelector(matchLabels: ["app": "s"]),
            ingress: [PolicyRule(ports: entries)])
    }

    private static func clusterPolicy(rules: Int) -> ClusterNetworkPolicy {
        let everyone = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)
        return ClusterNetworkPolicy(
            metadata: ObjectMeta(name: "guard"), tier: .admin, priority: 3,
            ingress: (1...rules).map {
                ClusterPolicyRule(
                    action: .deny, peers: [everyone], ports: [PolicyPort(.tcp, .range(PortRange(UInt16($0))))])
            })
    }

    private struct Answer {
        let decision: String
        let steps: [String]
        let changes: [String]
        /// What speaks against the maps; nil where they say the same.
        let difference: String?
    }

    /// The ingress of client to server, after the batches; `now` is what the API holds then.
    private func ask(
        _ batches: [[PolicyChange]], now: [NetworkPolicy] = [], cluster: [ClusterNetworkPolicy] = [],
        limits: PolicyLimits = PolicyLimits(listRules: 4), unreadable: [ObjectKey: String] = [:], port: UInt16 = 80
    ) -> Answer {
        var compiled = CompiledCluster(PolicyCompiler(limits: limits))
        let pods = [Self.client, Self.server].map { pod in
            PolicyChange.pod(PolicyPod(pod, endpoint: Self.endpoints[pod.key] ?? 0, addresses: pod.addresses))
        }
        compiled.apply([.namespace(name: "n", labels: [:])] + pods)
        for batch in batches { compiled.apply(batch) }
        var written = PolicyEvaluator(namespaces: ["n": [:]], policies: now, clusterPolicies: cluster)
        for (key, reason) in unreadable {
            written.standIns[key] = .init(cause: .unreadable, reason: reason, version: nil)
        }
        let evaluator = compiled.compiler.inForce(written, ends: [Self.client.key, Self.server.key])
        let flow = PolicyEvaluator.Flow(
            source: .init(Self.client.addresses[0], pod: Self.client),
            destination: .init(Self.server.addresses[0], pod: Self.server), transport: 6, port: port)
        let answer = evaluator.judge(flow, explaining: true)
        return Answer(
            decision: evaluator.text(answer.ingress.decision), steps: answer.ingress.steps.map(\.reason),
            changes: evaluator.smallestChanges(flow).map(\.text),
            difference: compiled.difference(flow, evaluator, Self.endpoints))
    }

    @Test func policiesThatMakeTooManyRulesTogetherClose() {
        // Admission refuses the second: both came by hand, before the pod had its label.
        let halves = [Self.policy("a", ports: 78...80), Self.policy("b", ports: 80...82)]
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([.namespace(name: "n", labels: [:])] + halves.map { .policy($0) })
        compiled.apply([.pod(PolicyPod(Self.server, endpoint: 2, addresses: Self.server.addresses))])
        let evaluator = compiled.compiler.inForce(
            PolicyEvaluator(namespaces: ["n": [:]], policies: halves), ends: [Self.server.key])
        let flow = PolicyEvaluator.Flow(
            source: .init(IPAddress(v4: 0xc000_0201)), destination: .init(Self.server.addresses[0], pod: Self.server),
            transport: 6, port: 80)
        let decision = evaluator.judge(flow).ingress.decision
        #expect(evaluator.text(decision) == "closed: its policies (n/a, n/b) make 6 rules, 4 fit")
        #expect(compiled.difference(flow, evaluator, Self.endpoints) == nil)
        #expect(evaluator.smallestChanges(flow).map(\.text) == ["take 2 rules out of n/a, n/b"])
        #expect(evaluator.smallestChanges(flow).map(\.decision) == [nil])
    }

    @Test func aPolicyThatNeverFitIsolatesOnly() {
        let big = Self.policy("big", ports: 80...89)
        let answer = ask([[.policy(big)]], now: [big])
        #expect(answer.difference == nil)
        let fault = "does not fit (spec.ingress makes 10 rules (peers × ports); a list holds 4): it isolates only"
        #expect(answer.decision == "isolated by n/big, and no rule lets it through; n/big \(fault)")
        #expect(answer.steps == ["selects n/s: app=s; \(fault)"])
        #expect(
            answer.changes == ["make n/big smaller: spec.ingress makes 10 rules (peers × ports); a list holds 4"])
    }

    @Test func theLastGoodVersionIsJudged() {
        let good = Self.policy("p", ports: 80...82, version: "5")
        let big = Self.policy("p", ports: 90...99, version: "9")
        let batches = [[PolicyChange.policy(good)], [.policy(big)]]
        let allowed = ask(batches, now: [big], port: 81)
        #expect(allowed.difference == nil)
        #expect(allowed.decision == "allowed by n/p, rule 0")
        #expect(allowed.steps.first?.hasSuffix("a list holds 4): version 5 stays in force") == true)
        let denied = ask(batches, now: [big], port: 91)
        #expect(denied.difference == nil)
        #expect(denied.changes.first?.hasPrefix("make n/p smaller") == true)
    }

    @Test func aClusterPolicyThatNeverFitDenies() {
        let big = Self.clusterPolicy(rules: 6)
        let answer = ask([[.clusterPolicy(big)]], cluster: [big], port: 443)
        #expect(answer.difference == nil)
        #expect(
            answer.decision.hasPrefix("closed: ClusterNetworkPolicy guard does not fit (spec.ingress makes 6 rules"))
        #expect(answer.changes == ["make ClusterNetworkPolicy guard smaller"])
    }

    @Test func theLastGoodVersionOfAClusterPolicyIsJudged() {
        let batches = [2, 6].map { [PolicyChange.clusterPolicy(Self.clusterPolicy(rules: $0))] }
        let denied = ask(batches, cluster: [Self.clusterPolicy(rules: 6)], port: 2)
        #expect(denied.difference == nil && denied.decision == "denied by ClusterNetworkPolicy guard, rule 1")
        let open = ask(batches, cluster: [Self.clusterPolicy(rules: 6)], port: 5)
        #expect(open.difference == nil && open.decision == "no policy decides in this direction")
    }

    @Test func podsWithoutAClassAreClosed() {
        let policy = Self.policy("p", ports: 80...80)
        let answer = ask([[.policy(policy)]], now: [policy], limits: PolicyLimits(classes: 2))
        #expect(answer.difference == nil)
        #expect(answer.decision.hasPrefix("closed: no class is free"))
        #expect(answer.changes == ["remove policies or labels that tell pods apart"])
    }

    @Test func whatStandsInForUnreadableObjectsIsNoRuleThatSomebodyWrote() throws {
        let isolating = try #require(
            NetworkPolicy(closing: ["metadata": ["namespace": "n", "name": "x"], "spec": ["policyTypes": ["Ingress"]]]))
        let plain = ask([[.policy(isolating)]], now: [isolating], unreadable: [isolating.key: "spec.x: no"])
        #expect(plain.difference == nil)
        let fault = "n/x cannot be read (spec.x: no): it isolates only"
        #expect(plain.decision == "isolated by n/x, and no rule lets it through; \(fault)")
        #expect(plain.changes == ["correct n/x: spec.x: no"])

        let denying = try #require(
            ClusterNetworkPolicy(closing: [
                "metadata": ["name": "y"],
                "spec": [
                    "tier": "Admin", "priority": 1, "subject": ["namespaces": [:]],
                    "ingress": [["action": "Deny", "from": [["domainNames": ["a.b"]]]]],
                ],
            ]))
        let cluster = ask([[.clusterPolicy(denying)]], cluster: [denying], unreadable: [denying.key: "spec.y: no"])
        #expect(
            cluster.decision
                == "closed: ClusterNetworkPolicy y cannot be read (spec.y: no): nothing passes in its place")
        #expect(cluster.steps.allSatisfy { !$0.contains("matches everything") })
        #expect(cluster.changes == ["correct ClusterNetworkPolicy y: spec.y: no"])
    }

    /// A cluster policy that cannot be read and denies.
    private static func denying(_ name: String, _ tier: String, _ priority: Int64) throws -> ClusterNetworkPolicy {
        try #require(
            ClusterNetworkPolicy(closing: [
                "metadata": ["name": .string(name)],
                "spec": [
                    "tier": .string(tier), "priority": .integer(priority), "subject": ["namespaces": [:]],
                    "ingress": [["action": "Deny", "from": [["domainNames": ["a.b"]]]]],
                ],
            ]))
    }

    private static let correctA = "correct ClusterNetworkPolicy a: spec.a: no"
    private static let correctB = "correct ClusterNetworkPolicy b: spec.b: no"

    /// Of two that cannot be read the one that is asked first decides: by tier, by priority, by name.
    @Test(
        arguments: [
            (("a", "Baseline", 1), ("b", "Admin", 2), "b", [correctB, correctA]),
            (("a", "Admin", 5), ("b", "Admin", 2), "b", [correctB, correctA]),
            (("a", "Admin", 2), ("b", "Admin", 2), "a", [correctA, correctB]),
        ] as [((String, String, Int64), (String, String, Int64), String, [String])])
    func ofTwoUnreadableOnesTheOneThatDecidesIsNamedFirst(
        first: (String, String, Int64), second: (String, String, Int64), deciding: String, wanted: [String]
    ) throws {
        let both = [
            try Self.denying(first.0, first.1, first.2), try Self.denying(second.0, second.1, second.2),
        ]
        let answer = ask(
            [both.map { .clusterPolicy($0) }], cluster: both, limits: PolicyLimits(),
            unreadable: [ObjectKey("", "a"): "spec.a: no", ObjectKey("", "b"): "spec.b: no"])
        #expect(answer.decision.hasPrefix("closed: ClusterNetworkPolicy \(deciding) cannot be read"))
        #expect(answer.changes == [wanted.joined(separator: "; ")])
    }

    /// An Admin rule that passes skips the unreadable one behind it: only Baseline's is in the way.
    @Test func oneThatIsNeverAskedIsNotToBeCorrected() throws {
        let everyone = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)
        let passing = ClusterNetworkPolicy(
            metadata: ObjectMeta(name: "pass"), tier: .admin, priority: 0,
            ingress: [ClusterPolicyRule(action: .pass, peers: [everyone], ports: [])])
        let (admin, baseline) = (try Self.denying("a", "Admin", 1), try Self.denying("b", "Baseline", 1))
        let answer = ask(
            [[passing, admin, baseline].map { .clusterPolicy($0) }], cluster: [passing, admin, baseline],
            limits: PolicyLimits(),
            unreadable: [admin.key: "spec.a: no", baseline.key: "spec.b: no"])
        #expect(answer.decision.hasPrefix("closed: ClusterNetworkPolicy b cannot be read"), "\(answer)")
        #expect(answer.changes == [Self.correctB])
    }
}
