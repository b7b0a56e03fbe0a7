import JSONText
import TestKit
import Testing

/// Policies that are tried, on a whole node with real connections.
@Suite(.serialized) struct DryRunTests {
    /// One would let the visitor have its orders, the other would keep it from the web server.
    private static let trials = ["visitors-too": ("orders", "visitor"), "no-visitors": ("web", "orders")]
        .map { name, apps in
            """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata:
              name: \(name)
              namespace: default
              annotations: {policy.martlet.io/dry-run: "true"}
            spec:
              podSelector: {matchLabels: {app: \(apps.0)}}
              ingress: [{from: [{podSelector: {matchLabels: {app: \(apps.1)}}}]}]

            """
        }.joined(separator: "---\n")

    /// The newest record with such a mark.
    private func marked(_ verdict: String, _ node: OwnNode) async throws -> JSONValue? {
        try await node.martlet(["flows", "--verdict", verdict, "-o", "json"]).json?["items"]?.array?.last
    }

    @Test(.timeLimit(.minutes(1))) func flowsSayWhatDryRunsWouldMakeOfThemAndNothingChanges() async throws {
        try await withShop { shop in
            let node = shop.node
            try await node.apply(Self.trials)
            try await until("a drop is marked would-allow") {
                #expect(try shop.visitor.ask(shop.ordersAddress, 8_080, milliseconds: 100) == nil)
                return try await marked("would-allow", node) != nil
            }
            let dropped = try #require(try await marked("would-allow", node))
            #expect(dropped["verdict"] == "dropped" && dropped[path: "source", "pod"] == "default/visitor")
            #expect(dropped[path: "trial", "policy"] == "default/visitors-too", "\(dropped)")

            try await until("an allowed flow is marked would-deny") {
                #expect(try shop.visitor.ask(shop.webAddress, 8_080) == "web")
                return try await marked("would-deny", node) != nil
            }
            let allowed = try #require(try await marked("would-deny", node))
            #expect(allowed["verdict"] == "allowed" && allowed[path: "trial", "policy"] == "default/no-visitors")

            #expect(try shop.web.ask(shop.ordersAddress, 8_080) == "orders")
            try await until("a flow that no dry run changes is there without a mark") {
                let items = try await node.martlet(["flows", "--pod", "default/orders", "-o", "json"]).json?["items"]
                let own = (items?.array ?? []).filter { $0[path: "source", "pod"] == "default/web" }
                #expect(own.allSatisfy { $0["trial"] == nil })
                return !own.isEmpty
            }
            let table = try await node.martlet(["flows", "--verdict", "would-allow"]).output
            #expect(table.contains("would-allow by default/visitors-too ingress[0] (dry run)"), "\(table)")
        }
    }
}
