import PolicyTools
import Testing

/// Pods of the host network are told as what they are.
@Suite struct PolicyLintHostsTests {
    private static let pods = """
        apiVersion: v1
        kind: Pod
        metadata: {name: agent, namespace: prod, labels: {app: agent, tier: x}}
        spec: {hostNetwork: true, containers: [{name: c}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: prod, labels: {app: web, tier: x}}
        spec: {containers: [{name: c}]}
        ---

        """

    private func found(_ policy: String) throws -> [String] {
        PolicyLint(try PolicyLintTests.world(Self.pods + policy), serviceBlocks: []).findings()
            .map { "\($0.severity) \($0.check.rawValue) \($0.field)" }
    }

    @Test func whatSelectsOnlyThemIsNotEnforced() throws {
        func selecting(_ labels: String) throws -> [String] {
            try found(PolicyLintTests.policy("p", "ingress: []", selector: "{matchLabels: {\(labels)}}"))
        }
        #expect(try selecting("app: agent") == ["warning host-network spec.podSelector"])
        #expect(try selecting("tier: x") == ["note host-network spec.podSelector"])
        #expect(try selecting("app: web") == [])
        #expect(try selecting("app: none") == ["warning selects-nothing spec.podSelector"])
        let cluster =
            "priority: 1, subject: {pods: {podSelector: {matchLabels: {app: agent}}}}, "
            + "ingress: [{action: Deny, from: [{namespaces: {}}]}]"
        #expect(try found(PolicyLintTests.clusterPolicy("p", cluster)) == ["warning host-network spec.subject"])
    }

    @Test func aDenyToNodesIsToldNotToHoldForThePodsOwn() throws {
        func to(_ action: String, _ peer: String) throws -> [String] {
            let rule = "egress: [{action: \(action), to: [\(peer)]}]"
            return try found(
                PolicyLintTests.clusterPolicy("p", "priority: 1, subject: {namespaces: {}}, \(rule)")
            ).filter { $0.contains("own-node") }
        }
        #expect(try to("Deny", "{nodes: {}}") == ["warning own-node spec.egress[0].to"])
        #expect(try to("Deny", "{namespaces: {}}, {nodes: {matchLabels: {zone: a}}}").count == 1)
        #expect(try to("Accept", "{nodes: {}}") == [])
        #expect(try to("Deny", "{namespaces: {}}") == [])
    }

    @Test func aPeerThatMeansOnlyThemFindsNobody() throws {
        func from(_ peer: String) throws -> [String] {
            try found(
                PolicyLintTests.policy("p", "ingress: [{from: [\(peer)]}]", selector: "{matchLabels: {app: web}}"))
        }
        let at = "spec.ingress[0].from[0]"
        #expect(try from("{podSelector: {matchLabels: {app: agent}}}") == ["warning host-network \(at)"])
        let elsewhere = "{namespaceSelector: {}, podSelector: {matchLabels: {app: agent}}}"
        #expect(try from(elsewhere) == ["warning host-network \(at)"])
        #expect(try from("{podSelector: {matchLabels: {tier: x}}}") == [])
        #expect(try from("{podSelector: {matchLabels: {app: none}}}") == ["warning peer-selects-nothing \(at)"])
        let cluster =
            "priority: 1, subject: {namespaces: {}}, "
            + "egress: [{action: Accept, to: [{pods: {podSelector: {matchLabels: {app: agent}}}}]}]"
        let places = try found(PolicyLintTests.clusterPolicy("p", cluster))
        #expect(places.contains("warning host-network spec.egress[0].to[0].pods"), "\(places)")
    }
}
