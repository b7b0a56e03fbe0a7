import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import TestKit
import Testing

/// What tiers, priorities and actions mean, by the evaluator and by the compiled maps alike.
@Suite struct ClusterPolicyTests {
    private let web = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "web", labels: ["app": "web"]),
        addresses: [IPAddress(v4: 0x0a01_0001)])
    private let db = Pod(
        metadata: ObjectMeta(namespace: "data", name: "db", labels: ["app": "db"]),
        addresses: [IPAddress(v4: 0x0a01_0002)])
    private let namespaces = ["shop": ["team": "red"], "data": ["team": "blue"]]
    private let everyone = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)

    private func cluster(
        _ name: String, _ tier: ClusterNetworkPolicy.Tier, _ priority: Int, ingress: [ClusterPolicyRule] = [],
        egress: [ClusterPolicyRule] = []
    ) -> ClusterNetworkPolicy {
        ClusterNetworkPolicy(
            metadata: ObjectMeta(name: name), tier: tier, priority: priority,
            namespaces: LabelSelector(matchLabels: ["team": "blue"]), ingress: ingress, egress: egress)
    }

    private func rule(_ action: ClusterPolicyAction, ports: [PolicyPort] = []) -> ClusterPolicyRule {
        ClusterPolicyRule(action: action, peers: [everyone], ports: ports)
    }

    /// What evaluator and maps say of web to db, TCP port 80; they have to agree.
    private func ask(
        _ clusterPolicies: [ClusterNetworkPolicy], _ policies: [NetworkPolicy] = [], from source: Pod? = nil,
        nodes: [Node] = [], limits: PolicyLimits = PolicyLimits()
    ) -> PolicyEvaluator.Decision {
        let source = source ?? web
        var compiled = CompiledCluster(PolicyCompiler(limits: limits))
        compiled.apply(
            namespaces.map { .namespace(name: $0.key, labels: $0.value) } + nodes.map { .node($0) }
                + [web, db].enumerated().map {
                    .pod(PolicyPod($1, endpoint: UInt32($0 + 1), addresses: $1.addresses))
                } + policies.map { .policy($0) } + clusterPolicies.map { .clusterPolicy($0) }
                + [.podCIDRs(RandomCluster.podCIDRs)])
        let evaluator = PolicyEvaluator(
            namespaces: namespaces, policies: policies, clusterPolicies: clusterPolicies, nodes: nodes,
            podCIDRs: RandomCluster.podCIDRs)
        let known = [web.key, db.key].contains(source.key)
        let flow = PolicyEvaluator.Flow(
            source: .init(source.addresses[0], pod: known ? source : nil),
            destination: .init(db.addresses[0], pod: db), transport: 6, port: 80)
        let difference = compiled.difference(flow, evaluator, [web.key: 1, db.key: 2])
        #expect(difference == nil, "\(difference ?? "")")
        return evaluator.judge(flow).ingress.decision
    }

    private let isolating = NetworkPolicy(
        metadata: ObjectMeta(namespace: "data", name: "np"), podSelector: .everything, ingress: [])
    private let opening = NetworkPolicy(
        metadata: ObjectMeta(namespace: "data", name: "np"), podSelector: .everything, ingress: [PolicyRule()])
    private let np = ObjectKey("data", "np")
    private func key(_ name: String) -> ObjectKey { ObjectKey("", name) }

    @Test func adminDecidesBeforeANetworkPolicy() {
        #expect(ask([cluster("a", .admin, 5, ingress: [rule(.deny)])], [opening]) == .denied(by: key("a"), rule: 0))
        #expect(
            ask([cluster("a", .admin, 5, ingress: [rule(.accept)])], [isolating]) == .allowed(by: key("a"), rule: 0))
    }

    @Test func passSkipsTheRestOfTheTierAndNoMore() {
        let passing = cluster("a", .admin, 5, ingress: [rule(.pass), rule(.deny)])
        let later = cluster("b", .admin, 6, ingress: [rule(.deny)])
        #expect(ask([passing, later], [isolating]) == .isolated(by: [np]))
        #expect(ask([passing, later]) == .notIsolated)
        let base = cluster("c", .baseline, 0, ingress: [rule(.deny)])
        #expect(ask([passing, later, base]) == .denied(by: key("c"), rule: 0))
    }

    @Test func baselineIsNotReachedWhereANetworkPolicySelectsThePod() {
        let base = cluster("c", .baseline, 0, ingress: [rule(.accept)])
        #expect(ask([base], [isolating]) == .isolated(by: [np]))
        #expect(ask([base]) == .allowed(by: key("c"), rule: 0))
    }

    @Test func lowerPriorityNumbersGoFirstAndNamesBreakTies() {
        let deny = cluster("z", .admin, 1, ingress: [rule(.deny)])
        let accept = cluster("a", .admin, 2, ingress: [rule(.accept)])
        #expect(ask([accept, deny]) == .denied(by: key("z"), rule: 0))
        let tied = cluster("y", .admin, 1, ingress: [rule(.accept)])
        #expect(ask([accept, deny, tied]) == .allowed(by: key("y"), rule: 0))
    }

    @Test func anUnknownPodIsDroppedWhereARuleDeniesOrPassesByPod() {
        let stranger = Pod(
            metadata: ObjectMeta(namespace: "shop", name: "new"), addresses: [IPAddress(v4: 0x0a01_0009)])
        for action in [ClusterPolicyAction.deny, .pass] {
            let policy = cluster("a", .admin, 5, ingress: [rule(action, ports: [PolicyPort(.udp, .all)])])
            #expect(ask([policy], from: stranger) == .unknownPeer(by: key("a")))
        }
        #expect(ask([cluster("a", .admin, 5, ingress: [rule(.accept)])], from: stranger) == .notIsolated)
        let base = cluster("c", .baseline, 5, ingress: [rule(.deny)])
        #expect(ask([base], from: stranger) == .unknownPeer(by: key("c")))
        #expect(ask([base], [opening], from: stranger) == .allowed(by: np, rule: 0))
    }

    @Test func nodesArePeersByTheirAddressesAndFollowTheirLabels() {
        let node = Node(
            metadata: ObjectMeta(name: "one", labels: ["role": "worker"]), addresses: [IPAddress(v4: 0xac12_0002)])
        let policy = ClusterNetworkPolicy(
            metadata: ObjectMeta(name: "n"), tier: .admin, priority: 0,
            egress: [
                ClusterPolicyRule(action: .deny, peers: [.nodes(LabelSelector(matchLabels: ["role": "worker"]))])
            ])
        var compiled = CompiledCluster()
        compiled.apply([
            .podCIDRs(RandomCluster.podCIDRs), .namespace(name: "shop", labels: [:]),
            .pod(PolicyPod(web, endpoint: 1, addresses: web.addresses)), .clusterPolicy(policy), .node(node),
        ])
        func reaches() -> Bool {
            compiled.maps.judge(
                .egress, subject: .init(endpoint: 1, address: web.addresses[0]),
                peer: .init(endpoint: nil, address: node.addresses[0]), transport: 6, port: 10250
            ).isAllowed
        }
        #expect(!reaches())
        var other = node
        other.metadata.labels = ["role": "control"]
        let delta = compiled.apply([.node(other)])
        #expect(reaches())
        #expect(delta.rules.isEmpty && delta.classLists.isEmpty && delta.endpointClasses.isEmpty)
        compiled.apply([.node(node)])
        #expect(!reaches())
        compiled.apply([.nodeRemoved("one")])
        #expect(reaches())
    }

    @Test func aHeartbeatOfANodeCausesNoWrite() {
        var compiled = CompiledCluster()
        var node = Node(metadata: ObjectMeta(name: "one", resourceVersion: "1"), addresses: [IPAddress(v4: 1)])
        compiled.apply([.node(node)])
        node.metadata.resourceVersion = "2"
        let delta = compiled.apply([.node(node)])
        #expect(delta.switchedValues.isEmpty && delta.operations.isEmpty && delta.journal.isEmpty)
    }

    @Test func aPolicyThatDoesNotFitShutsWhatItDeniesAndLeavesOutWhatItAccepts() {
        let limits = PolicyLimits(listRules: 2)
        let many = (1...3).map { PolicyPort(.tcp, .range(PortRange(UInt16($0)))) }
        func isOpen(_ action: ClusterPolicyAction) -> Bool {
            var compiled = CompiledCluster(PolicyCompiler(limits: limits))
            let policy = cluster("a", .admin, 5, ingress: [rule(action, ports: many)])
            let delta = compiled.apply([
                .namespace(name: "data", labels: ["team": "blue"]),
                .pod(PolicyPod(db, endpoint: 2, addresses: db.addresses)), .clusterPolicy(policy),
            ])
            #expect(delta.problems.map(\.object) == [key("a")])
            func passes(_ direction: RuleInfo.Direction) -> Bool {
                compiled.maps.judge(
                    direction, subject: .init(endpoint: 2, address: db.addresses[0]),
                    peer: .init(endpoint: nil, address: IPAddress(v4: 0x0808_0808)), transport: 6, port: 80
                ).isAllowed
            }
            #expect(passes(.egress))
            return passes(.ingress)
        }
        #expect(!isOpen(.deny) && !isOpen(.pass) && isOpen(.accept))
    }

    @Test func ruleIdsNameKindTierAndRule() throws {
        var compiled = CompiledCluster()
        compiled.apply([
            .namespace(name: "data", labels: ["team": "blue"]),
            .pod(PolicyPod(db, endpoint: 2, addresses: db.addresses)),
            .clusterPolicy(
                cluster(
                    "a", .baseline, 5,
                    ingress: [ClusterPolicyRule(name: "shut", action: .deny, peers: [everyone])])),
        ])
        let verdict = compiled.maps.judge(
            .ingress, subject: .init(endpoint: 2, address: db.addresses[0]),
            peer: .init(endpoint: 2, address: db.addresses[0]), transport: 6, port: 80)
        let info = try #require(compiled.compiler.rule(verdict.ruleID))
        #expect(info.kind == "ClusterNetworkPolicy" && info.tier == .baseline && info.ruleName == "shut")
        #expect(info.policy == key("a") && info.index == 0)
    }
}
