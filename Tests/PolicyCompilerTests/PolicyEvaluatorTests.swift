import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

/// What `explain` shows: each rule consulted, and why it held or did not.
@Suite struct PolicyEvaluatorTests {
    private let web = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "web", labels: ["app": "web"]),
        addresses: [IPAddress(v4: 0x0a00_0001)])
    private let db = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "db", labels: ["app": "db"]),
        addresses: [IPAddress(v4: 0x0a00_0002)],
        ports: [ContainerPort(name: "sql", transport: .tcp, number: 5432)])

    private func flow(_ source: Pod, _ destination: Pod, _ port: UInt16) -> PolicyEvaluator.Flow {
        .init(
            source: .init(source.addresses[0], pod: source),
            destination: .init(destination.addresses[0], pod: destination),
            transport: 6, port: port)
    }

    private func evaluator(_ rules: [PolicyRule], others: [NetworkPolicy] = []) -> PolicyEvaluator {
        let policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "shop", name: "db"), podSelector: LabelSelector(matchLabels: ["app": "db"]),
            ingress: rules)
        return PolicyEvaluator(namespaces: ["shop": ["team": "red"]], policies: [policy] + others)
    }

    @Test func namesTheLabelThatIsMissing() {
        let peers: [PolicyPeer] = [
            .pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": "api"])),
            .pods(namespaces: LabelSelector(matchLabels: ["team": "blue"]), pods: .everything),
        ]
        let answer = evaluator([PolicyRule(peers: peers)]).judge(flow(web, db, 5432), explaining: true)
        #expect(answer.ingress.decision == .isolated(by: [ObjectKey("shop", "db")]))
        #expect(
            answer.ingress.steps.map(\.reason) == [
                "selects shop/db: app=db",
                "shop/web: not app=api (it has app=web); namespace shop: not team=blue (it has team=red)",
            ])
        #expect(answer.egress.decision == .notIsolated && answer.egress.steps.isEmpty)
    }

    @Test func namesThePortThatDoesNotFit() {
        let rules = [
            PolicyRule(ports: [PolicyPort(.udp, .all), PolicyPort(.tcp, .range(PortRange(80)))]),
            PolicyRule(ports: [PolicyPort(.tcp, .named("sql"))]),
        ]
        let refused = evaluator(rules).judge(flow(web, db, 81), explaining: true)
        #expect(
            refused.ingress.steps.dropFirst().map(\.reason) == [
                "protocol is not UDP; port 81 is not TCP 80", "port 81 is not sql (5432) of shop/db",
            ])
        let taken = evaluator(rules).judge(flow(web, db, 5432), explaining: true)
        #expect(taken.ingress.decision == .allowed(by: ObjectKey("shop", "db"), rule: 1))
    }

    @Test func namesTheBlock() throws {
        let block = AddressBlock(
            try #require(CIDR("10.0.0.0/8")), except: [try #require(CIDR("10.0.0.0/31"))])
        let answer = evaluator([PolicyRule(peers: [.block(block)])]).judge(flow(web, db, 1), explaining: true)
        #expect(answer.ingress.steps.last?.reason == "10.0.0.1 is not in 10.0.0.0/8 except 10.0.0.0/31")
    }

    @Test func aHostNetworkPodIsAnAddressOnly() {
        var host = web
        host.isHostNetwork = true
        let everyone = PolicyPeer.pods(namespaces: .everything, pods: .everything)
        let found = evaluator([PolicyRule(peers: [everyone])])
        #expect(!found.judge(flow(host, db, 1)).isAllowed)
        #expect(found.judge(flow(web, db, 1)).isAllowed)
        var closed = db
        closed.isHostNetwork = true
        #expect(found.judge(flow(web, closed, 1)).ingress.decision == .notIsolated)
    }

    @Test func rulesAfterTheOneThatDecidesAreNotConsulted() {
        let answer = evaluator([PolicyRule(), PolicyRule()]).judge(flow(web, db, 1), explaining: true)
        #expect(answer.ingress.steps.map(\.rule) == [nil, 0])
    }
}
