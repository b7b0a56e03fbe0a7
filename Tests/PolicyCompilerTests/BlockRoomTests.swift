import KubeObjects
import NetTypes
import TestKit
import Testing

@testable import PolicyCompiler

/// Networks and CIDR classes: what finds no room is said, opens nothing, leaves everything else as it is, and is made
/// good when there is room.
@Suite struct BlockRoomTests {
    private static let pod = Pod(
        metadata: ObjectMeta(namespace: "n", name: "a", labels: ["app": "a"]), addresses: [IPAddress(v4: 0x0a01_0001)])
    private static let other = Pod(
        metadata: ObjectMeta(namespace: "n", name: "b", labels: ["app": "b"]), addresses: [IPAddress(v4: 0x0a01_0002)])
    private static let endpoints = [pod.key: UInt32(1), other.key: 2]

    private static func block(_ text: String, except: String...) throws -> AddressBlock {
        AddressBlock(try #require(CIDR(text)), except: except.compactMap { CIDR($0) })
    }

    /// Lets `a`, or another app, reach the blocks and nothing else.
    private static func allow(_ name: String, _ blocks: [AddressBlock], app: String = "a", version: String = "1")
        -> NetworkPolicy
    {
        var policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "n", name: name, resourceVersion: version),
            podSelector: LabelSelector(matchLabels: ["app": app]))
        policy.egress = [PolicyRule(peers: blocks.map { .block($0) })]
        return policy
    }

    /// Denies `a` the nodes with a label.
    private static func deny(_ name: String, nodes label: String, _ action: ClusterPolicyAction = .deny)
        -> ClusterNetworkPolicy
    {
        ClusterNetworkPolicy(
            metadata: ObjectMeta(name: name, resourceVersion: "1"), tier: .admin, priority: 1,
            pods: LabelSelector(matchLabels: ["app": "a"]),
            egress: [ClusterPolicyRule(action: action, peers: [.nodes(LabelSelector(matchLabels: [label: "1"]))])])
    }

    private static func node(_ name: String, _ address: UInt32, _ labels: String...) -> PolicyChange {
        .node(
            Node(
                metadata: ObjectMeta(name: name, labels: Dictionary(uniqueKeysWithValues: labels.map { ($0, "1") })),
                addresses: [IPAddress(v4: address)]))
    }

    /// What was applied, as objects too.
    private struct Cluster {
        var compiled: CompiledCluster
        var policies: [NetworkPolicy] = []
        var clusterPolicies: [ClusterNetworkPolicy] = []
        var nodes: [String: Node] = [:]

        init(_ limits: PolicyLimits) {
            compiled = CompiledCluster(PolicyCompiler(limits: limits))
            compiled.apply(
                [.podCIDRs(RandomCluster.podCIDRs), .namespace(name: "n", labels: [:])]
                    + [BlockRoomTests.pod, BlockRoomTests.other].map { pod in
                        .pod(
                            PolicyPod(
                                pod, endpoint: BlockRoomTests.endpoints[pod.key] ?? 0, addresses: pod.addresses))
                    })
        }

        @discardableResult
        mutating func apply(_ changes: PolicyChange...) -> [PolicyError] {
            for change in changes {
                switch change {
                case .policy(let policy):
                    policies.removeAll { $0.key == policy.key }
                    policies.append(policy)
                case .clusterPolicy(let policy): clusterPolicies.append(policy)
                case .policyRemoved(let key):
                    policies.removeAll { $0.key == key }
                    clusterPolicies.removeAll { $0.key == key }
                case .node(let node): nodes[node.name] = node
                case .nodeRemoved(let name): nodes[name] = nil
                default: break
                }
            }
            return compiled.apply(changes).problems
        }

        /// Whether a pod gets to an address outside of the cluster, as maps and evaluator say.
        func reaches(_ address: UInt32, from pod: Pod = BlockRoomTests.pod) -> Bool {
            let written = PolicyEvaluator(
                namespaces: ["n": [:]], policies: policies, clusterPolicies: clusterPolicies,
                nodes: Array(nodes.values),
                podCIDRs: RandomCluster.podCIDRs)
            let evaluator = compiled.compiler.inForce(written, ends: Array(BlockRoomTests.endpoints.keys))
            let flow = PolicyEvaluator.Flow(
                source: .init(pod.addresses[0], pod: pod), destination: .init(IPAddress(v4: address)), transport: 6,
                port: 80)
            if let difference = compiled.difference(flow, evaluator, BlockRoomTests.endpoints) {
                Issue.record("\(difference)")
            }
            return evaluator.judge(flow).isAllowed
        }

        func fill(_ table: String) -> TableFill? { compiled.compiler.fill.first { $0.table == table } }
    }

    @Test func aPolicyThatNeedsMoreClassesThanAreFreeIsRefused() throws {
        var cluster = Cluster(PolicyLimits(cidrClasses: 3))
        let two = try [Self.block("192.0.2.0/24"), Self.block("198.51.100.0/24")]
        #expect(cluster.apply(.policy(Self.allow("p", two))).isEmpty)
        #expect(cluster.fill("cidrClasses") == TableFill("cidrClasses", used: 2, limit: 2))
        let third = try Self.allow("q", [Self.block("203.0.113.0/24")], app: "b")
        let problems = cluster.apply(.policy(third))
        #expect(problems.map(\.code) == [.noCIDRClassFree] && problems.map(\.object) == [third.key])
        #expect(problems.first?.message == "needs 1 more CIDR class; 0 of 2 are free")
        #expect(cluster.compiled.compiler.version(of: third.key) == nil)
        // It isolates; the others hold.
        #expect(!cluster.reaches(0xcb00_7101, from: Self.other) && !cluster.reaches(0x0808_0808, from: Self.other))
        #expect(cluster.reaches(0xc000_0201) && cluster.reaches(0xc633_6401) && !cluster.reaches(0xcb00_7101))
        cluster.apply(.policyRemoved(ObjectKey("n", "p")))
        #expect(cluster.apply().isEmpty)
        #expect(cluster.reaches(0xcb00_7101, from: Self.other) && !cluster.reaches(0x0808_0808, from: Self.other))
    }

    @Test func whatDoesNotFitKeepsItsLastGoodVersion() throws {
        var cluster = Cluster(PolicyLimits(cidrClasses: 3))
        cluster.apply(.policy(Self.allow("p", [try Self.block("192.0.2.0/24")])))
        let more = try (1...3).map { try Self.block("198.51.\($0).0/24") }
        let problems = cluster.apply(.policy(Self.allow("p", more, version: "2")))
        #expect(problems.map(\.code) == [.noCIDRClassFree])
        #expect(cluster.compiled.compiler.version(of: ObjectKey("n", "p")) == "1")
        #expect(cluster.reaches(0xc000_0201) && !cluster.reaches(0xc633_0101))
    }

    @Test func blocksOfOneCIDRWithDifferentExceptionsTakeAClassForEach() throws {
        // One for what is in both, one for each exception.
        for (classes, fits) in [(UInt32(4), true), (3, false)] {
            let compiler = PolicyCompiler(limits: PolicyLimits(cidrClasses: classes))
            let blocks = try [
                Self.block("10.0.0.0/8", except: "10.1.0.0/16"), Self.block("10.0.0.0/8", except: "10.2.0.0/16"),
            ]
            #expect(compiler.misfit(OrderedPolicy(Self.allow("p", blocks)))?.code == (fits ? nil : .noCIDRClassFree))
        }
    }

    @Test func policiesOfOneBatchAreCountedTogether() throws {
        var cluster = Cluster(PolicyLimits(cidrClasses: 4))
        let policies = try ["p", "q"].enumerated().map { index, name in
            Self.allow(
                name, try [Self.block("192.0.\(index).0/24"), Self.block("198.51.\(index).0/24")],
                app: index == 0 ? "a" : "b")
        }
        let problems = cluster.apply(.policy(policies[0]), .policy(policies[1]))
        #expect(problems.map(\.message) == ["needs 2 more CIDR classes; 1 of 3 are free"])
        #expect(cluster.reaches(0xc000_0001) && cluster.reaches(0xc633_0001))
        #expect(!cluster.reaches(0xc000_0101, from: Self.other))
    }

    @Test func theNumbersOfPodsPortsAndOfShortPrefixesCountAsNetworks() throws {
        var compiler = PolicyCompiler(limits: PolicyLimits(networks: 3))
        let ports = [ContainerPort(name: "web", transport: .tcp, number: 80)]
        let changes = (1...3).map { number -> PolicyChange in
            let address = IPAddress(v4: 0x0a01_0000 + UInt32(number))
            let pod = Pod(
                metadata: ObjectMeta(namespace: "n", name: "p\(number)"), addresses: [address], ports: ports)
            return .pod(PolicyPod(pod, endpoint: UInt32(number), addresses: [address]))
        }
        _ = compiler.apply(changes)
        var named = NetworkPolicy(metadata: ObjectMeta(namespace: "n", name: "p"), podSelector: .everything)
        named.egress = [
            PolicyRule(peers: [.block(try Self.block("10.1.0.0/16"))], ports: [PolicyPort(.tcp, .named("web"))])
        ]
        #expect(compiler.misfit(OrderedPolicy(named))?.message == "needs 3 more networks; 2 of 2 are free")
        // The addresses of IPv4, which a short prefix would swallow.
        let all = try Self.allow("q", [Self.block("::/0"), Self.block("2001:db8::/32")])
        #expect(compiler.misfit(OrderedPolicy(all))?.message == "needs 3 more networks; 2 of 2 are free")
        #expect(compiler.misfit(OrderedPolicy(try Self.allow("q", [Self.block("::/0")]))) == nil)
    }

    @Test(arguments: [ClusterPolicyAction.deny, .pass])
    func aNodeThatFindsNoNumberShutsWhatDeniesIt(action: ClusterPolicyAction) throws {
        var cluster = Cluster(PolicyLimits(networks: 4))
        cluster.apply(
            .clusterPolicy(Self.deny("guard", nodes: "x", action)),
            .policy(Self.allow("wide", [try Self.block("0.0.0.0/0")], app: "b")),
            .policy(Self.allow("none", [])), Self.node("one", 0xc000_0201, "x"), Self.node("two", 0xc000_0202, "x"))
        #expect(cluster.reaches(0x0808_0808) && cluster.reaches(0xc000_0203))
        let problems = cluster.apply(Self.node("three", 0xc000_0203, "x"))
        #expect(problems.map(\.object) == [ObjectKey("", "guard")])
        #expect(
            problems.first?.sentence == "needs 1 more network; 0 of 3 are free: egress is closed", "\(problems)")
        let refusals = cluster.compiled.compiler.refusals
        #expect(refusals.map(\.error.code) == [.noNetworkFree] && refusals.map(\.resourceVersion) == ["1"])
        // Nothing opens, and who has nothing to do with it goes on.
        #expect(!cluster.reaches(0xc000_0203) && !cluster.reaches(0xc000_0201) && !cluster.reaches(0x0808_0808))
        #expect(cluster.reaches(0xc000_0203, from: Self.other) && cluster.reaches(0x0808_0808, from: Self.other))
        cluster.apply(.nodeRemoved("one"))
        #expect(cluster.apply().isEmpty)
        #expect(cluster.reaches(0x0808_0808) && cluster.reaches(0xc000_0201))
        #expect(cluster.reaches(0xc000_0203) == (action == .pass))
    }

    @Test func aNodeThatFindsNoClassShutsWhatDeniesIt() throws {
        var cluster = Cluster(PolicyLimits(cidrClasses: 3))
        cluster.apply(
            .clusterPolicy(Self.deny("x", nodes: "x")), .clusterPolicy(Self.deny("y", nodes: "y")),
            Self.node("one", 0xc000_0201, "x"), Self.node("two", 0xc000_0202, "y"))
        #expect(!cluster.reaches(0xc000_0201) && !cluster.reaches(0xc000_0202) && cluster.reaches(0xc000_0203))
        let problems = cluster.apply(Self.node("three", 0xc000_0203, "x", "y"))
        #expect(problems.map(\.code) == [.noCIDRClassFree, .noCIDRClassFree])
        #expect(problems.first?.sentence.hasSuffix("0 of 2 are free: egress is closed") == true, "\(problems)")
        #expect(!cluster.reaches(0xc000_0203) && !cluster.reaches(0x0808_0808))
        // A network that had a class and finds none any more does not keep the index that is given to another.
        let moved = cluster.apply(Self.node("two", 0xc000_0202, "x", "y"), Self.node("one", 0xc000_0201, "y"))
        #expect(moved.count == 2 && !cluster.reaches(0xc000_0201) && !cluster.reaches(0xc000_0202))
        #expect(cluster.apply().isEmpty)
        #expect(!cluster.reaches(0xc000_0201) && !cluster.reaches(0xc000_0202) && !cluster.reaches(0xc000_0203))
        #expect(cluster.reaches(0x0808_0808))
    }

    @Test func anExceptionThatFindsNoClassLetsNothingThrough() throws {
        var cluster = Cluster(PolicyLimits(cidrClasses: 4))
        cluster.apply(
            .clusterPolicy(Self.deny("guard", nodes: "x", .accept)), Self.node("one", 0xc000_0201, "x"),
            .policy(Self.allow("wide", [try Self.block("10.0.0.0/8")], app: "b")))
        // The node takes the class that the policy was promised.
        let holed = Self.allow("holed", [try Self.block("10.0.0.0/8", except: "10.2.0.0/16")])
        let problems = cluster.apply(.policy(holed), Self.node("two", 0x0a09_0909, "x"))
        #expect(problems.map(\.code) == [.noCIDRClassFree] && problems.map(\.object) == [holed.key], "\(problems)")
        #expect(problems.first?.effect == "its rules by these blocks let nothing through")
        #expect(!cluster.reaches(0x0a02_0001) && !cluster.reaches(0x0a03_0001) && cluster.reaches(0x0a09_0909))
        #expect(cluster.reaches(0x0a02_0001, from: Self.other) && cluster.reaches(0x0a03_0001, from: Self.other))
        cluster.apply(.nodeRemoved("one"), .nodeRemoved("two"))
        #expect(cluster.apply().isEmpty)
        #expect(!cluster.reaches(0x0a02_0001) && cluster.reaches(0x0a03_0001))
    }

    @Test func theLongestListIsShown() {
        func policy(_ name: String, ports: Int) -> PolicyChange {
            let entries = (0..<ports).map { PolicyPort(.tcp, .range(PortRange(UInt16(80 + $0)))) }
            return .policy(
                NetworkPolicy(
                    metadata: ObjectMeta(namespace: "n", name: name),
                    podSelector: LabelSelector(matchLabels: ["app": name]), ingress: [PolicyRule(ports: entries)]))
        }
        var cluster = Cluster(PolicyLimits(listRules: 8))
        cluster.apply(policy("a", ports: 7), policy("b", ports: 3))
        #expect(cluster.fill("list") == TableFill("list", used: 7, limit: 8))
        cluster.apply(.policyRemoved(ObjectKey("n", "a")))
        #expect(cluster.fill("list") == TableFill("list", used: 3, limit: 8))
        cluster.apply(.policyRemoved(ObjectKey("n", "b")))
        #expect(cluster.fill("list") == TableFill("list", used: 0, limit: 8))
    }

    /// Random clusters in far too little room: maps and evaluator agree on what is in force, and what the policies as
    /// they are written forbid does not pass.
    @Test(arguments: 300...330 as ClosedRange<UInt64>)
    func wantOfRoomOpensNothing(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limits = PolicyLimits(
            networks: UInt32.random(in: 4...24, using: &random), cidrClasses: UInt32.random(in: 3...12, using: &random))
        var cluster = RandomCluster(seed: seed)
        var compiled = CompiledCluster(PolicyCompiler(limits: limits))
        compiled.apply(cluster.start())
        for round in 0..<25 {
            compiled.apply(cluster.step(), releasing: cluster.flip(70))
            let written = cluster.evaluator
            let evaluator = compiled.compiler.inForce(written, ends: Array(cluster.endpoints.keys))
            // Of policies that were refused former versions may be in force.
            let isAsWritten = compiled.compiler.refusals.allSatisfy { !$0.error.effect.isEmpty }
            for _ in 0..<40 {
                guard let flow = cluster.flow() else { continue }
                if let difference = compiled.difference(flow, evaluator, cluster.endpoints) {
                    Issue.record("seed \(seed), round \(round): \(difference); \(compiled.compiler.problems)")
                    return
                }
                if isAsWritten, evaluator.judge(flow).isAllowed, !written.judge(flow).isAllowed {
                    Issue.record("seed \(seed), round \(round): \(flow) passes: \(written.judge(flow))")
                    return
                }
            }
        }
    }

    /// Where only policies change, what is let in finds its classes.
    @Test(arguments: 400...430 as ClosedRange<UInt64>)
    func whatIsForecastComesAbout(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let blocks = ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.1.1.0/24", "::/0", "192.0.2.0/24", "0.0.0.0/0"]
            .compactMap { CIDR($0) }
        var compiled = CompiledCluster(
            PolicyCompiler(limits: PolicyLimits(cidrClasses: UInt32.random(in: 3...4, using: &random))))
        var refused = 0
        for round in 0..<60 {
            let changes = (0..<Int.random(in: 1...3, using: &random)).map { _ -> PolicyChange in
                let name = "p\(Int.random(in: 0..<6, using: &random))"
                if Int.random(in: 0..<3, using: &random) == 0 { return .policyRemoved(ObjectKey("n", name)) }
                let wanted = (0..<Int.random(in: 1...2, using: &random)).map { _ in
                    let cidr = blocks[Int.random(in: 0..<blocks.count, using: &random)]
                    let inside = blocks.filter { $0 != cidr && cidr.contains($0) }
                    return AddressBlock(cidr, except: inside.filter { _ in Bool.random(using: &random) })
                }
                return .policy(Self.allow(name, wanted))
            }
            let problems = compiled.apply(changes).problems
            refused += problems.count
            if let late = problems.first(where: { !$0.effect.isEmpty }) {
                Issue.record("seed \(seed), round \(round): \(late)")
                return
            }
        }
        #expect(refused > 0, "seed \(seed) shows nothing")
    }
}
