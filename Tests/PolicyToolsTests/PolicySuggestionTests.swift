import CommandLineUI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@testable import PolicyTools

@Suite struct PolicySuggestionTests {
    static func party(_ name: String) -> FlowParty { .name(ObjectKey("prod", name)) }

    static let flows = [
        SeenFlow(source: party("app=api"), destination: party("app=db"), transport: 6, port: 5432, count: 9),
        SeenFlow(source: party("app=web"), destination: party("app=api"), transport: 6, port: 8080),
        SeenFlow(source: party("app=db"), destination: party("app=api"), transport: 6, port: 8080),
        SeenFlow(source: .address(IPAddress(v4: 0xC000_0201)), destination: party("app=web"), transport: 6, port: 80),
        SeenFlow(source: party("app=api"), destination: party("app=web"), transport: 1, port: 0),
        SeenFlow(source: party("app=web"), destination: party("app=db"), transport: 6, port: 22, isAllowed: false),
    ]

    /// What was suggested, read back from its text.
    static func reread(_ suggestion: PolicySuggestion) throws -> PolicyWorld {
        try PolicyLintTests.world(PolicyDiffTests.pods + suggestion.yaml)
    }

    /// From and to all pods of the flow's workloads, by the direct reading of the policies.
    static func isAllowed(
        _ flow: SeenFlow, _ direction: PolicySuggestion.Direction, _ evaluator: PolicyEvaluator,
        _ workloads: [ObjectKey: [Pod]]
    ) -> Bool {
        let pairs = PolicySuggestion.pairs(flow, workloads)
        return !pairs.isEmpty
            && pairs.allSatisfy { source, destination in
                let answer = evaluator.judge(
                    .init(source: source, destination: destination, transport: flow.transport, port: flow.port))
                return (direction == .ingress ? answer.ingress : answer.egress).decision.isAllowed
            }
    }

    @Test func eachFlowPassesAndNoRuleCanGo() throws {
        let world = try PolicyLintTests.world(PolicyDiffTests.pods)
        let suggestion = PolicySuggestion(world, SeenTraffic(pairs: Self.flows), directions: [.ingress, .egress])
        let workloads = Dictionary(grouping: world.policyPods, by: \.workload)
        let written = try Self.reread(suggestion)
        #expect(written.unreadable.isEmpty)
        #expect(written.policies.count == suggestion.policies.count)
        let all = PolicyEvaluator(namespaces: world.namespaces, policies: written.policies.map(\.policy))
        let wanted = Self.flows.filter { $0.isAllowed && $0.transport == 6 }
        for flow in wanted {
            #expect(Self.isAllowed(flow, .ingress, all, workloads))
            #expect(Self.isAllowed(flow, .egress, all, workloads))
        }
        #expect(!Self.isAllowed(Self.flows[5], .ingress, all, workloads))
        for (place, policy) in suggestion.policies.enumerated() {
            for index in policy.rules.indices {
                var fewer = suggestion.policies
                fewer[place].rules.remove(at: index)
                let less = PolicyEvaluator(namespaces: world.namespaces, policies: fewer.map(\.object))
                #expect(!policy.rules[index].proof.isEmpty)
                #expect(
                    policy.rules[index].proof.contains {
                        !Self.isAllowed($0, policy.direction, less, workloads)
                    })
            }
        }
        #expect(suggestion.notes.count == 1)
    }

    @Test func labelsThatTellWorkloadsApartComeBeforeOthers() throws {
        func chosen(_ labels: String, _ more: String = "") throws -> [String: String]? {
            let pod =
                "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: prod, labels: {\(labels)}}\n---\n"
            let world = try PolicyLintTests.world(pod + more)
            return PolicySuggestion.labels(of: world.policyPods, in: world)
        }
        #expect(try chosen("foo: bar, role: any") == ["role": "any"])
        #expect(try chosen("foo: bar, x.example/component: c, tier: t") == ["x.example/component": "c"])
        let service =
            "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: prod}\nspec: {selector: {zone: z}}\n"
        #expect(try chosen("foo: bar, role: any, zone: z", service) == ["zone": "z"])
        #expect(try chosen("foo: bar, role: any, zone: other", service) == ["role": "any"])
        #expect(try chosen("app: a, zone: z", service) == ["app": "a"])
    }

    @Test func whatASelectorTakesInBesidesIsSaid() throws {
        // The one label of the pod `lone` is on the others too.
        let pods = """
            apiVersion: v1
            kind: Pod
            metadata: {name: lone, namespace: prod, labels: {tier: x}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: other, namespace: prod, labels: {tier: x, app: o}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: db, namespace: prod, labels: {app: db}}

            """
        let world = try PolicyLintTests.world(pods)
        let flow = SeenFlow(source: Self.party("lone"), destination: Self.party("app=db"), transport: 6, port: 1)
        let suggestion = PolicySuggestion(world, SeenTraffic(pairs: [flow]))
        #expect(suggestion.policies.map { $0.rules.map(\.also) } == [[["peers that were not seen: prod/app=o"]]])
        #expect(suggestion.yaml.contains("# also lets through: peers that were not seen: prod/app=o"))
    }

    /// `web` in two versions of which one has a label more, and their clients.
    private static let canary = """
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: prod, labels: {tier: web}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: canary, namespace: prod, labels: {tier: web, track: canary}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: api, namespace: prod, labels: {app: api}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: tool, namespace: prod, labels: {app: tool}}

        """

    private static func canaryFlow(_ from: String, _ to: String, _ port: UInt16 = 80) -> SeenFlow {
        SeenFlow(source: party(from), destination: party(to), transport: 6, port: port)
    }

    private func suggested(_ flows: [SeenFlow]) throws -> PolicySuggestion {
        PolicySuggestion(try PolicyLintTests.world(Self.canary), SeenTraffic(pairs: flows))
    }

    @Test func aPolicyOfWhichAnotherDoesAllIsNotSuggested() throws {
        let both = try suggested([Self.canaryFlow("app=api", "web"), Self.canaryFlow("app=api", "canary")])
        // The selector of `web` takes `canary` in: its policy closes both and lets both flows through.
        #expect(both.policies.map(\.workload.name) == ["web"])
        #expect(both.spared == ["prod/canary needs no ingress policy of its own"])
        #expect(both.yaml.contains("# prod/canary needs no ingress policy of its own: those above close it"))
        // By itself it is needed: nothing else would close it.
        #expect(try suggested([Self.canaryFlow("app=api", "canary")]).policies.map(\.workload.name) == ["canary"])
        // And where a client of its own has to pass.
        let own = try suggested([
            Self.canaryFlow("app=api", "web"), Self.canaryFlow("app=api", "canary"),
            Self.canaryFlow("app=tool", "canary", 81),
        ])
        #expect(own.policies.map(\.workload.name) == ["canary", "web"] && own.spared == [])
        #expect(
            own.policies.map { $0.rules.flatMap(\.proof).map(\.source.description) } == [
                ["prod/app=tool"], ["prod/app=api", "prod/app=api"],
            ])
    }

    /// No policy is asked about a pod and itself: what a workload says to itself one of its pods says to another.
    @Test func replicasThatTalkWithOneAnotherMayGoOn() throws {
        for (pods, workload) in [(PolicyDiffTests.pods, "app=db"), (Self.canary, "app=tool")] {
            let flow = SeenFlow(source: Self.party(workload), destination: Self.party(workload), transport: 6, port: 7)
            let made = PolicySuggestion(try PolicyLintTests.world(pods), SeenTraffic(pairs: [flow]))
            #expect(made.policies.map { $0.rules.map(\.proof) } == [[[flow]]])
        }
    }

    /// The label of `web` is on `canary` too: as a peer it stands for both.
    @Test func aPeerThatAnotherStandsForIsLeftOut() throws {
        let flows = [Self.canaryFlow("web", "app=api"), Self.canaryFlow("canary", "app=api")]
        let rules = try suggested(flows).policies.flatMap(\.rules)
        #expect(rules.map { $0.peers.map(PolicyLint.describe) } == [["pods of its own namespace with tier=web"]])
        #expect(rules.map { $0.proof.map(\.source.description) } == [["prod/canary", "prod/web"]])
        #expect(rules.map(\.also) == [[]])
        // On other ports too: of the rules' peers and ports only what is needed.
        let more = try suggested(flows + [Self.canaryFlow("canary", "app=api", 81)]).policies.flatMap(\.rules)
        #expect(
            more.map { rule in rule.peers.map(PolicyLint.describe) + rule.ports.map { "\($0.target)" } } == [
                ["pods of its own namespace with track=canary", "\(PolicyPort.Target.range(PortRange(81)))"],
                ["pods of its own namespace with tier=web", "\(PolicyPort.Target.range(PortRange(80)))"],
            ])
    }

    @Test func whatWasLeftOutForAnotherIsNotLeftOutThereToo() throws {
        // `canary` is closed by `web` alone, and passes port 81 by it: neither the policy nor its rule may go.
        let flows = [
            Self.canaryFlow("app=api", "canary", 81), Self.canaryFlow("app=api", "web", 81),
            Self.canaryFlow("app=tool", "web", 82),
        ]
        let suggestion = try suggested(flows)
        #expect(suggestion.policies.map(\.workload.name) == ["web"])
        #expect(
            suggestion.policies[0].rules.map { $0.proof.map(\.port) }.sorted { $0[0] < $1[0] } == [[81, 81], [82]])
    }

    @Test func manyAddressesAreOneBlock() throws {
        let world = try PolicyLintTests.world(PolicyDiffTests.pods)
        let flows = (0...UInt32(PolicySuggestion.addressesMax)).map {
            SeenFlow(
                source: .address(IPAddress(v4: 0xC000_0200 + $0)), destination: Self.party("app=web"), transport: 6,
                port: 80)
        }
        let suggestion = PolicySuggestion(world, SeenTraffic(pairs: flows))
        #expect(suggestion.policies[0].rules[0].peers.map(PolicyLint.describe) == ["0.0.0.0/0"])
        #expect(suggestion.policies[0].rules[0].also.count == 1)
    }

    @Test func pictureHasAnArrowForRulesAndFlows() throws {
        let world = try PolicyLintTests.world(
            PolicyDiffTests.pods + PolicyDiffTests.policy("db", PolicyDiffTests.onlyAPI))
        let mesh = PolicyMesh(world, places: PodPlaces(world))
        let graph = try #require(
            PolicyGraph(mesh, SeenTraffic(pairs: Self.flows), outside: OutsideRegion.all(of: [world]).regions))
        func edges(_ kind: PolicyGraph.Kind) -> [String] {
            graph.edges.filter { $0.kind == kind }
                .map { "\(graph.nodes[$0.from].name) \(graph.nodes[$0.to].name) \($0.ports)" }.sorted()
        }
        #expect(edges(.dropped) == ["prod/app=web prod/app=db TCP 22"])
        #expect(edges(.seen).contains("prod/app=api prod/app=db TCP 5432"))
        #expect(graph.nodes.first { $0.name == "prod/app=db" }?.isOpen == false)
        #expect(graph.nodes.first { $0.name == "prod/app=web" }?.isOpen == true)
        let sending = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}"
        let closed = try PolicyLintTests.world(PolicyDiffTests.pods + PolicyDiffTests.policy("web", sending))
        let other = try #require(
            PolicyGraph(PolicyMesh(closed, places: PodPlaces(closed)), SeenTraffic(), outside: []))
        #expect(!other.nodes.contains { !$0.isOpen })
        #expect(graph.dot.hasPrefix("digraph policy {") && graph.dot.contains("label=\" TCP 22 \", color=\"#c62828\""))
        #expect(graph.svg.hasSuffix("</svg>\n"))
        let silent = try #require(PolicyGraph(mesh, SeenTraffic(), outside: []))
        #expect(silent.edges.map(\.kind) == [.allowed])
    }

    @Test func namesThatNoAPIWouldTakeAreEscapedInBothPictures() throws {
        let odd = #"a"b\c<d>&e"# + "\nf\u{1}"
        let object = { (name: String) -> JSONValue in
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["name": .string(name), "namespace": "prod", "labels": ["app": .string(name)]],
            ]
        }
        var world = PolicyWorld()
        world.add(object(odd))
        world.add(object("web"))
        let mesh = PolicyMesh(world, places: PodPlaces(world))
        let flow = SeenFlow(source: Self.party("app=web"), destination: Self.party("app=\(odd)"), transport: 6, port: 1)
        let graph = try #require(PolicyGraph(mesh, SeenTraffic(pairs: [flow]), outside: []))
        #expect(graph.edges.map(\.kind) == [.seen])
        #expect(graph.dot.contains(#"[label="app=a\"b\\c<d>&e f"# + "\u{FFFD}\""), "\(graph.dot)")
        #expect(graph.svg.contains("app=a\"b\\c&lt;d&gt;&amp;e f\u{FFFD}</text>"), "\(graph.svg)")
        #expect(graph.svg.contains("<title>prod/app=web -> ") == false)
        for text in [graph.dot, graph.svg] { #expect(!text.contains("\u{1}") && !text.contains(odd)) }
    }
}
