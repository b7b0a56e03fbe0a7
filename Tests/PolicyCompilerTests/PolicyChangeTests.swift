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

    private func texts(
        _ rules: [PolicyRule]?, cluster: [ClusterNetworkPolicy] = [], port: UInt16 = 5432
    ) -> [String] {
        let policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "data", name: "db"), podSelector: LabelSelector(matchLabels: ["app": "db"]),
            ingress: rules)
        let evaluator = PolicyEvaluator(
            namespaces: [
                "shop": ["kubernetes.io/metadata.name": "shop"], "data": ["kubernetes.io/metadata.name": "data"],
            ], policies: rules == nil ? [] : [policy], clusterPolicies: cluster)
        return evaluator.smallestChanges(
            .init(
                source: .init(web.addresses[0], pod: web), destination: .init(db.addresses[0], pod: db), transport: 6,
                port: port)
        ).map(\.text)
    }

    private let apis = PolicyPeer.pods(
        namespaces: LabelSelector(matchLabels: ["kubernetes.io/metadata.name": "shop"]),
        pods: LabelSelector(matchLabels: ["app": "api"]))
    private let webs = PolicyPeer.pods(namespaces: .everything, pods: LabelSelector(matchLabels: ["app": "web"]))
    private let sql = PolicyPort(.tcp, .range(PortRange(5432)))

    @Test func offersTheLabelThatIsMissing() {
        #expect(texts([PolicyRule(peers: [apis], ports: [sql])]) == ["label pod shop/web app=api"])
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
        #expect(texts([PolicyRule(peers: [webs], ports: [sql])]) == ["take label app off pod shop/web"])
        #expect(
            texts(nil) == ["add a NetworkPolicy without egress rules that selects pod shop/web"])
    }

    @Test func offersToRemoveARuleThatDenies() {
        let everyone = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)
        let policy = ClusterNetworkPolicy(
            metadata: ObjectMeta(name: "guard"), tier: .admin, priority: 0,
            ingress: [ClusterPolicyRule(action: .deny, peers: [everyone])])
        #expect(texts(nil, cluster: [policy]) == ["remove rule 0 of ClusterNetworkPolicy guard, ingress"])
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
