import Foundation
import JSONText
import TestKit
import Testing

/// `martlet explain` and `martlet flows` on a whole node with real connections.
@Suite(.serialized) struct ExplainTests {
    private static func policy(_ name: String, _ annotation: String, of app: String, _ rules: String) -> String {
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata:
          name: \(name)
          namespace: default
          annotations: {\(annotation)}
        spec:
          podSelector: {matchLabels: {app: \(app)}}
          \(rules)

        """
    }

    private static func ingress(_ mode: String, from client: String) -> String {
        policy(
            "web", "policy.martlet.io/on-change: \(mode)", of: "web",
            "ingress: [{from: [{podSelector: {matchLabels: {app: \(client)}}}]}]")
    }

    /// The policy as written is in force when this returns.
    private func put(_ text: String, _ name: String, _ shop: Shop) async throws {
        try await shop.node.apply(text)
        let wait = try await shop.node.martlet(["wait", "policy", "default/\(name)"])
        try #require(wait.status == 0, "\(wait.output)")
    }

    private func explain(_ shop: Shop, _ destination: String) async throws -> Finished {
        try await shop.node.martlet(["explain", "default/visitor", destination])
    }

    /// No packet has met the change yet: what stands in the table is older than what decides.
    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            ("recheck", "forbidden: the next packet is dropped (policy); let in "),
            ("keep", "forbidden and kept (on-change) "),
        ])
    func anIdleFlowIsToldAsItsNextPacketWouldBe(mode: String, words: String) async throws {
        try await withShop { shop in
            let port: UInt16 = 9_300
            try await put(Self.ingress(mode, from: "visitor"), "web", shop)
            let listener = try shop.web.listener(port)
            defer { close(listener) }
            let client = try #require(try shop.visitor.connection(to: shop.webAddress, port, milliseconds: 3_000))
            defer { close(client) }
            let server = accept(listener, nil, nil)
            try #require(server >= 0)
            defer { close(server) }
            let open = try await explain(shop, "default/web:\(port)").output
            #expect(open.contains(": allowed in generation "), "\(open)")
            try await put(Self.ingress(mode, from: "nobody"), "web", shop)
            let run = try await explain(shop, "default/web:\(port)")
            #expect(run.output.contains(words), "\(run.output)")
            #expect(run.status == 0)
        }
    }

    @Test(.timeLimit(.minutes(2))) func servicesDryRunsAndBothDirectionsAreTold() async throws {
        try await withShop { shop in
            let node = shop.node
            let service = try await explain(shop, "\(shop.serviceAddress):80")
            #expect(service.status == 64)
            #expect(
                service.output.contains("of Service default/web: policy is asked about the pods behind it; ")
                    && service.output.contains("martlet explain default/visitor default/web:8080"), "\(service.output)")
            let other = try await explain(shop, "\(shop.serviceAddress):81")
            #expect(other.status == 64)
            #expect(other.output.contains("which has no TCP port 81; it has TCP 80"), "\(other.output)")
            #expect(try await explain(shop, "default/nobody:80").status == 66)

            let out = Self.policy("out", "a: b", of: "visitor", "policyTypes: [Egress]\n  egress: [{}]")
            try await put(out, "out", shop)
            try await until("the flow is told with the rule of egress") {
                #expect(try shop.visitor.ask(shop.webAddress, 8_080) == "web")
                let found = try await node.martlet(["flows", "--policy", "default/out", "-o", "json"])
                return found.json?["items"]?.array?.contains {
                    $0["verdict"] == "allowed" && $0["decision"] == "default/out egress[0]"
                } == true
            }

            let trial = Self.policy("trial", "policy.martlet.io/dry-run: \"true\"", of: "web", "ingress: []")
            try await node.apply(trial)
            try await until("the dry run is told") {
                let run = try await explain(shop, "default/web:8080")
                #expect(run.status == 0)
                return run.output.contains("with the dry runs in force it would be drop")
            }
        }
    }
}
