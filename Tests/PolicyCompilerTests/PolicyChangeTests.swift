import KubeObjects
import NetTypes
import PolicyCompiler
import TestKit
import Testing

/// The smallest change that turns an answer: what is offered, and that it works.
@Suite struct PolicyChangeTests {
    private let web = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "web", labels: ["app": "web"]),
        addresses: [IPAddress(v4: 0x0a01_0001)])
    private let db = Pod(
        metadata: ObjectMeta(namespace: "data", name: "db", labels: ["app": "db"]),
        addresses: [IPAddress(v4: 0x0a01_0002)])

    private let till = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "till", labels: ["app": "till"]),
        addresses: [IPAddress(v4: 0x0a01_0003)])

    private func texts(
        _ rules: [PolicyRule]?, cluster: [ClusterNetworkPolicy] = [], port: UInt16 = 5432
    ) -> [String] { changes(rules, cluster: cluster, port: port).map(\.text) }

    private func changes(
        _ rules: [PolicyRule]?, cluster: [ClusterNetworkPolicy] = [], port: UInt16 = 5432, shop: [String: String] = [:],
        among pods: [Pod] = []
    ) -> [PolicyEvaluator.Change] {
        let policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "data", name: "db"), podSelector: LabelSelector(matchLabels: ["app": "db"]),
            ingress: rules)
        let evaluator = PolicyEvaluator(
            namespaces: [
                "shop": shop.merging(["kubernetes.io/metadata.name": "shop"]) { $1 },
                "data": ["kubernetes.io/metadata.name": "data"],
            ], policies: rules == nil ? [] : [policy], clusterPolicies: cluster)
        return evaluator.smallestChanges(
            .init(
                source: .init(web.addresses[0], pod: web), destination: .init(db.addresses[0], pod: db), transport: 6,
                port: port), among: pods)
    }

    private let apis = PolicyPeer.pods(
        namespaces: LabelSelector(matchLabels: ["kubernetes.io/metadata.name": "shop"]),
        pods: LabelSelector(matchLabels: ["app": "api"]))
    private let webs = PolicyPeer.pods(namespaces: .everything, pods: LabelSelector(matchLabels: ["app": "web"]))
    private let sql = PolicyPort(.tcp, .range(PortRange(5432)))

    @Test func offersTheLabelThatIsMissing() {
        let trusted = PolicyPeer.pods(
            namespaces: .everything, pods: LabelSelector(matchLabels: ["trusted": "yes"]))
        #expect(texts([PolicyRule(peers: [trusted], ports: [sql])]) == ["label pod shop/web trusted=yes"])
    }

    @Test func makesThePodNoOtherApplication() {
        #expect(
            texts([PolicyRule(peers: [apis], ports: [sql])])
                == ["add pod shop/web to the peers of rule 0 of data/db, ingress"])
    }

    @Test func offersThePortWhereThePeerFits() {
        // Taking the label off the database would open it too, and much else.
        #expect(
            texts([PolicyRule(peers: [webs], ports: [sql])], port: 80) == ["add TCP 80 to rule 0 of data/db, ingress"])
    }

    @Test func offersARuleWhereAPolicyWithoutRulesIsolates() {
        // Taking the label off the database would open it to everybody.
        #expect(texts([]) == ["add a rule to data/db, ingress: Accept pod shop/web, TCP 5432"])
    }

    @Test func thePolicyThatItOffersToAddIsNamedAsNew() throws {
        let evaluator = PolicyEvaluator(namespaces: [:], policies: [])
        let flow = PolicyEvaluator.Flow(
            source: .init(web.addresses[0], pod: web), destination: .init(IPAddress(v4: 0x0808_0808)), transport: 17,
            port: 53)
        let decision = try #require(evaluator.smallestChanges(flow).first?.decision)
        #expect(evaluator.text(decision) == "isolated by the new NetworkPolicy, and no rule lets it through")
    }

    @Test func offersToTakeAwayWhatAllows() {
        #expect(texts([PolicyRule(peers: [webs], ports: [sql])]) == ["remove rule 0 of data/db, ingress"])
        #expect(
            texts(nil) == ["add a NetworkPolicy without egress rules that selects pod shop/web"])
    }

    private let everyone = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)

    private func policy(
        _ tier: ClusterNetworkPolicy.Tier = .admin, namespaces: LabelSelector = .everything,
        ingress: [ClusterPolicyRule] = [], egress: [ClusterPolicyRule] = []
    ) -> ClusterNetworkPolicy {
        ClusterNetworkPolicy(
            metadata: ObjectMeta(name: "guard"), tier: tier, priority: 0, namespaces: namespaces, ingress: ingress,
            egress: egress)
    }

    @Test func offersARuleOfItsOwnBeforeItTakesADenyAwayFromEverybody() {
        let found = changes(nil, cluster: [policy(ingress: [ClusterPolicyRule(action: .deny, peers: [everyone])])])
        #expect(
            found.map(\.text) == [
                "add a rule to ClusterNetworkPolicy guard, ingress, as its first rule: Accept pod shop/web, TCP 5432"
            ])
        #expect(found.first?.spread?.count == 0)
    }

    /// The namespace would leave the tier with all that its pods may not do.
    @Test func leavesTheNamespaceInItsTier() {
        let prod = LabelSelector(matchLabels: ["env": "prod"])
        let deny = policy(namespaces: prod, egress: [ClusterPolicyRule(action: .deny, peers: [everyone], ports: [sql])])
        let found = changes(nil, cluster: [deny], shop: ["env": "prod"], among: [web, db, till])
        #expect(found.map(\.text).allSatisfy { $0.hasPrefix("add a rule to ClusterNetworkPolicy guard, egress") })
        #expect(found.count == 1)
    }

    /// A rule for the whole pod network, and one that denies everybody, take others along with another port.
    @Test func countsWhatARuleIsAboutBesideTheFlow() throws {
        let network = PolicyPeer.block(AddressBlock(try #require(CIDR("10.1.0.0/16"))))
        let found = changes([PolicyRule(peers: [network], ports: [sql])], port: 80, among: [web, db, till])
        #expect(found.map(\.text) == ["add a rule to data/db, ingress: Accept pod shop/web, TCP 80"])
        #expect(found.first?.spread?.count == 0)
        let anywhere = ClusterPolicyPeer.network(try #require(CIDR("0.0.0.0/0")))
        let denies = policy(egress: [ClusterPolicyRule(action: .deny, peers: [anywhere], ports: [sql])])
        #expect(
            changes(nil, cluster: [denies], port: 80, among: [web, db, till]).map(\.text) == [
                "add a rule to ClusterNetworkPolicy guard, egress, as its first rule: Deny pod data/db, TCP 80"
            ])
    }

    @Test func saysWhatElseTheOnlyEditDoes() throws {
        let found = try #require(changes(nil).first)
        #expect(found.text == "add a NetworkPolicy without egress rules that selects pod shop/web")
        #expect(found.spread?.closed.contains("shop/web -> outside TCP 5432") == true)
        #expect(found.spread?.opened == [])
    }

    /// However many pods there are, a bounded number of flows is tried.
    @Test func triesABoundedNumberOfFlows() throws {
        let pods = (0..<500).map { number in
            Pod(
                metadata: ObjectMeta(namespace: "n\(number % 50)", name: "p\(number)", labels: ["app": "a\(number)"]),
                addresses: [IPAddress(v4: 0x0a02_0000 + UInt32(number))])
        }
        let spread = try #require(changes([], among: pods).first?.spread)
        #expect((100...700).contains(spread.tried), "\(spread.tried)")
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func whateverIsOfferedTurnsTheAnswer(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        _ = cluster.start()
        for _ in 0..<10 { _ = cluster.step() }
        let evaluator = cluster.evaluator
        var offered = 0
        for _ in 0..<40 {
            guard let flow = cluster.flow() else { continue }
            let answer = evaluator.judge(flow)
            for change in evaluator.smallestChanges(flow) {
                offered += 1
                #expect(change.decision?.isAllowed == !answer.isAllowed, "seed \(seed): \(change.text)")
            }
        }
        #expect(offered > 10, "seed \(seed)")
    }
}
