import KubeObjects
import NetTypes
import Testing

@testable import PolicyCompiler

/// What does not fit is said, closes what it must, takes nothing else down, and is made good when there is room.
@Suite struct PolicyLimitTests {
    private func pod(
        _ name: String, _ labels: [String: String], _ endpoint: UInt32, web: UInt16? = nil
    ) -> PolicyChange {
        let address = IPAddress(v4: 0x0a01_0000 + endpoint)
        let ports = web.map { [ContainerPort(name: "web", transport: .tcp, number: $0)] } ?? []
        let pod = Pod(
            metadata: ObjectMeta(namespace: "n", name: name, labels: labels), addresses: [address], ports: ports)
        return .pod(PolicyPod(pod, endpoint: endpoint, addresses: [address]))
    }

    private func allow(_ name: String, _ subject: [String: String], ports: ClosedRange<Int>) -> NetworkPolicy {
        let entries = ports.map { PolicyPort(.tcp, .range(PortRange(UInt16($0)))) }
        return NetworkPolicy(
            metadata: ObjectMeta(namespace: "n", name: name), podSelector: LabelSelector(matchLabels: subject),
            ingress: [PolicyRule(ports: entries)])
    }

    private func peers(_ name: String, _ values: [String]) -> NetworkPolicy {
        let peers = values.map { PolicyPeer.pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": $0])) }
        return NetworkPolicy(
            metadata: ObjectMeta(namespace: "n", name: name), podSelector: .everything,
            ingress: [PolicyRule(peers: peers)])
    }

    /// Whether a pod answers on a TCP port to an address from outside.
    private func answers(_ compiled: CompiledCluster, _ endpoint: UInt32, _ port: UInt16) -> Bool {
        compiled.maps.judge(
            .ingress, subject: .init(endpoint: endpoint, address: IPAddress(v4: 0x0a01_0000 + endpoint)),
            peer: .init(endpoint: nil, address: IPAddress(v4: 0xc000_0201)), transport: 6, port: port
        ).isAllowed
    }

    @Test func aPolicyThatIsTooLongKeepsItsLastGoodVersion() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([pod("a", [:], 1), .policy(allow("p", [:], ports: 80...82))])
        let delta = compiled.apply([.policy(allow("p", [:], ports: 90...99)), .policy(allow("q", [:], ports: 70...70))])
        #expect(delta.problems.map(\.code) == [.listTooLong])
        #expect(delta.problems.first?.object == ObjectKey("n", "p"))
        #expect(compiled.compiler.refusals.map(\.error.object) == [ObjectKey("n", "p")])
        #expect(answers(compiled, 1, 81) && !answers(compiled, 1, 91) && answers(compiled, 1, 70))
    }

    @Test func aPolicyThatNeverFitIsolatesAndLetsNothingThrough() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        let delta = compiled.apply([pod("a", [:], 1), .policy(allow("p", [:], ports: 90...99))])
        #expect(delta.problems.map(\.code) == [.listTooLong])
        #expect(!answers(compiled, 1, 90) && !answers(compiled, 1, 80))
        #expect(compiled.apply([.policyRemoved(ObjectKey("n", "p"))]).problems.isEmpty)
        #expect(answers(compiled, 1, 80))
    }

    @Test func aPolicyThatNeverFitIsolatesWhatItsNewestVersionSelects() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([pod("a", ["x": "1"], 1), pod("b", ["x": "2"], 2)])
        compiled.apply([.policy(allow("p", ["x": "1"], ports: 90...99))])
        #expect(!answers(compiled, 1, 90) && answers(compiled, 2, 90))
        compiled.apply([.policy(allow("p", ["x": "2"], ports: 90...99))])
        #expect(answers(compiled, 1, 90) && !answers(compiled, 2, 90))
        // Asked for again, it is what it was.
        let again = compiled.apply([])
        #expect(again.policies.isEmpty && again.classLists.isEmpty && !answers(compiled, 2, 90))
    }

    @Test func anotherObjectOfTheNameDoesNotKeepItsNamesakesVersion() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        func object(_ uid: String, _ ports: ClosedRange<Int>) -> PolicyChange {
            var policy = allow("p", [:], ports: ports)
            (policy.metadata.uid, policy.metadata.resourceVersion) = (uid, uid)
            return .policy(policy)
        }
        let key = ObjectKey("n", "p")
        let good = compiled.apply([pod("a", [:], 1), object("1", 80...82)])
        #expect(good.policies == [key] && compiled.compiler.stamp(of: key)?.uid == "1")
        #expect(compiled.apply([object("2", 90...99)]).policies == [key])
        #expect(!answers(compiled, 1, 81) && compiled.compiler.stamp(of: key) == nil)
    }

    @Test func twoPoliciesTooLongForOnePodRefuseTheSecond() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([pod("a", ["x": "1"], 1), .policy(allow("p", ["x": "1"], ports: 80...82))])
        #expect(compiled.compiler.misfit(OrderedPolicy(allow("q", [:], ports: 90...91)))?.code == .listTooLong)
        let delta = compiled.apply([.policy(allow("q", [:], ports: 90...91))])
        #expect(delta.problems.map(\.object) == [ObjectKey("n", "q")])
        #expect(answers(compiled, 1, 80) && !answers(compiled, 1, 90))
        #expect(compiled.apply([.policyRemoved(ObjectKey("n", "p"))]).problems.isEmpty)
        #expect(answers(compiled, 1, 90) && !answers(compiled, 1, 80))
    }

    @Test func aNamedPortTakesARuleForEachOfItsNumbers() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([pod("a", [:], 1, web: 80), pod("b", [:], 2, web: 81)])
        var policy = NetworkPolicy(metadata: ObjectMeta(namespace: "n", name: "p"), podSelector: .everything)
        func rule(to apps: [String]) -> PolicyRule {
            let peers = apps.map { PolicyPeer.pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": $0])) }
            return PolicyRule(peers: peers, ports: [PolicyPort(.tcp, .named("web"))])
        }
        policy.egress = [rule(to: ["x", "y", "z"])]
        #expect(compiled.compiler.misfit(OrderedPolicy(policy))?.code == .listTooLong)
        policy.egress = [rule(to: ["x", "y"])]
        #expect(compiled.compiler.misfit(OrderedPolicy(policy)) == nil)
    }

    @Test func aRefusedPolicyIsNotForgottenWhenPodsGiveAPortAnotherNumber() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        func version(_ version: String, ports: ClosedRange<Int>) -> PolicyChange {
            var policy = allow("p", [:], ports: ports)
            policy.metadata.resourceVersion = version
            policy.ingress?.append(PolicyRule(ports: [PolicyPort(.tcp, .named("web"))]))
            return .policy(policy)
        }
        compiled.apply([pod("a", [:], 1, web: 80), version("1", ports: 70...71)])
        compiled.apply([version("2", ports: 60...69)])
        compiled.apply([pod("b", [:], 2, web: 81)])
        #expect(compiled.compiler.refusals.map(\.resourceVersion) == ["2"])
        #expect(compiled.compiler.version(of: ObjectKey("n", "p")) == "1")
        // Each pod by its own number.
        #expect(answers(compiled, 1, 80) && !answers(compiled, 1, 81))
        #expect(answers(compiled, 2, 81) && !answers(compiled, 2, 80))
    }

    @Test func aPolicyThatNumbersOfAPortMakeTooLongIsolates() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 2)))
        var policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "n", name: "p", resourceVersion: "1"), podSelector: .everything)
        policy.egress = [PolicyRule(ports: [PolicyPort(.tcp, .named("web"))])]
        compiled.apply([pod("a", [:], 1, web: 80), pod("b", [:], 2, web: 81), .policy(policy)])
        #expect(compiled.compiler.refusals.isEmpty)
        let delta = compiled.apply([pod("c", [:], 3, web: 82)])
        #expect(delta.problems.map(\.code) == [.listTooLong])
        #expect(compiled.compiler.version(of: policy.key) == nil)
        compiled.apply([.podRemoved(ObjectKey("n", "c"))])
        #expect(compiled.compiler.refusals.isEmpty && compiled.compiler.version(of: policy.key) == "1")
    }

    @Test func aLabelThatMakesAListTooLongClosesThePod() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([
            pod("a", ["x": "1"], 1), .policy(allow("p", ["x": "1"], ports: 80...82)),
            .policy(allow("q", ["y": "1"], ports: 90...91)),
        ])
        let delta = compiled.apply([pod("a", ["x": "1", "y": "1"], 1)])
        #expect(delta.problems.map(\.code) == [.listTooLong])
        #expect(delta.problems.first?.object == ObjectKey("n", "a"))
        #expect(!answers(compiled, 1, 80) && !answers(compiled, 1, 90))
        #expect(compiled.apply([pod("a", ["y": "1"], 1)]).problems.isEmpty)
        #expect(answers(compiled, 1, 90))
    }

    @Test func everyPodOfAClosedClassIsNamed() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        compiled.apply([
            pod("a", ["x": "1"], 1), pod("b", ["x": "1"], 2), pod("c", ["x": "2"], 3),
            .policy(allow("p", ["x": "1"], ports: 80...82)), .policy(allow("q", [:], ports: 90...91)),
        ])
        let (a, b) = (ObjectKey("n", "a"), ObjectKey("n", "b"))
        #expect(compiled.compiler.podsWithoutRoom.map(\.object) == [a, b])
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "p"))?.hasPrefix("pod \(a): ") == true)
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "q"))?.contains("list") == true)
        let message = "its policies (n/p, n/q) make 5 ingress rules, more than the 4 of a list: ingress is closed"
        #expect(compiled.compiler.podsWithoutRoom.allSatisfy { $0.sentence == message && $0.pod == $0.object })
        compiled.apply([.podRemoved(a), pod("c", ["x": "1"], 3)])
        #expect(compiled.compiler.podsWithoutRoom.map(\.object) == [b, ObjectKey("n", "c")])
        let shares = compiled.compiler.list(of: b, .ingress)
        #expect(shares.map(\.policy.name) == ["p", "q"] && shares.map(\.share) == [3, 2])
        #expect(compiled.compiler.list(of: b, .egress).isEmpty && compiled.compiler.list(of: a, .ingress).isEmpty)
        #expect(compiled.compiler.longerDirection(of: b) == .ingress)
    }

    @Test func aCompiledPolicyIsNotRefusedForAListThatIsClosedWithIt() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(listRules: 4)))
        func version(_ name: String, _ version: String, _ ports: ClosedRange<Int>) -> PolicyChange {
            var policy = allow(name, [:], ports: ports)
            policy.metadata.resourceVersion = version
            return .policy(policy)
        }
        compiled.apply([pod("a", [:], 1), version("p", "1", 80...82), version("q", "2", 90...92)])
        for again in [version("p", "1", 80...82), version("p", "3", 80...82)] {
            compiled.apply([again])
            #expect(compiled.compiler.refusals.isEmpty)
            #expect(compiled.compiler.podsWithoutRoom.map(\.object) == [ObjectKey("n", "a")])
        }
        #expect(compiled.compiler.version(of: ObjectKey("n", "p")) == "3")
        compiled.apply([version("p", "4", 80...83)])
        #expect(compiled.compiler.refusals.map(\.resourceVersion) == ["4"])
        #expect(compiled.compiler.version(of: ObjectKey("n", "p")) == "3")
    }

    @Test func withoutAFreeClassAPodIsClosedUntilOneIsFree() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(classes: 4)))
        compiled.apply(
            ["1", "2", "3"].map { .policy(allow("p\($0)", ["x": $0], ports: 80...80)) }
                + [pod("a", ["x": "1"], 1), pod("b", ["x": "2"], 2)])
        let delta = compiled.apply([pod("c", ["x": "3"], 3)])
        #expect(delta.problems.map(\.code) == [.noClassFree])
        #expect(!answers(compiled, 3, 80) && answers(compiled, 1, 80))
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "p3"))?.hasPrefix("pod n/c: ") == true)
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "p1")) == nil)
        compiled.apply([.podRemoved(ObjectKey("n", "a"))])
        #expect(compiled.apply([]).problems.isEmpty)
        #expect(answers(compiled, 3, 80) && !answers(compiled, 3, 81))
    }

    @Test func withoutRoomForRulesADirectionIsClosedUntilThereIsSome() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(rules: 5)))
        compiled.apply([
            pod("a", ["x": "1"], 1), pod("b", ["x": "2"], 2), .policy(allow("p1", ["x": "1"], ports: 80...82)),
        ])
        let delta = compiled.apply([.policy(allow("p2", ["x": "2"], ports: 80...82))])
        #expect(delta.problems.map(\.code) == [.noRulesFree])
        #expect(!answers(compiled, 2, 80) && answers(compiled, 1, 80))
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "p2"))?.hasPrefix("pod n/b: ") == true)
        #expect(compiled.compiler.shortfall(of: ObjectKey("n", "p1")) == nil)
        compiled.apply([.policyRemoved(ObjectKey("n", "p1"))])
        #expect(compiled.apply([]).problems.isEmpty)
        #expect(answers(compiled, 2, 80) && !answers(compiled, 2, 83))
    }

    @Test func withoutFreeSelectorsOrBlocksAPolicyIsRefused() {
        var compiled = CompiledCluster(PolicyCompiler(limits: PolicyLimits(selectors: 2, blocks: 1)))
        compiled.apply([pod("a", [:], 1), .policy(peers("p", ["1", "2"]))])
        let delta = compiled.apply([.policy(peers("q", ["2", "3"]))])
        #expect(delta.problems.map(\.code) == [.noSelectorFree])
        #expect(compiled.compiler.misfit(OrderedPolicy(peers("r", ["1", "2"]))) == nil)
        var blocks = peers("s", [])
        blocks.egress = ["10.0.0.0/8", "11.0.0.0/8"].compactMap { CIDR($0) }.map {
            PolicyRule(peers: [.block(AddressBlock($0))])
        }
        #expect(compiled.compiler.misfit(OrderedPolicy(blocks))?.code == .noBlockFree)
        compiled.apply([.policyRemoved(ObjectKey("n", "p"))])
        compiled.apply([])
        #expect(compiled.apply([]).problems.isEmpty)
    }
    @Test func aNewDaemonFindsTheRoomThatItsPoliciesHad() throws {
        let limits = PolicyLimits(selectors: 2, blocks: 2, networks: 4, cidrClasses: 4)
        var blocks = peers("q", [])
        let hole = try #require(CIDR("10.1.0.0/16"))
        blocks.egress = [
            PolicyRule(peers: [
                .block(AddressBlock(try #require(CIDR("10.0.0.0/8")), except: [hole])),
                .block(AddressBlock(try #require(CIDR("192.0.2.0/24")))),
            ])
        ]
        let changes = [pod("a", [:], 1), .policy(peers("p", ["1", "2"])), .policy(blocks)]
        var compiled = CompiledCluster(PolicyCompiler(limits: limits))
        #expect(compiled.apply(changes).problems.isEmpty)
        #expect(
            compiled.compiler.fill.filter { ["selectors", "blocks", "networks"].contains($0.table) }.map(\.free) == [
                0, 0, 0,
            ])
        var next = CompiledCluster(PolicyCompiler(limits: limits, journal: compiled.journal))
        #expect(next.apply(changes).problems.isEmpty)
        #expect(next.dump == compiled.dump)
        // What comes to that finds the table full.
        #expect(next.apply([.policy(peers("r", ["3"]))]).problems.map(\.code) == [.noSelectorFree])
    }
}
