import APIClient
import JSONText
import TestKit
import Testing

@testable import Controllers

@Suite struct ClusterRoleAggregationTests {
    private static let clusterRoles = APIResource(
        group: "rbac.authorization.k8s.io", version: "v1", name: "clusterroles", kind: "ClusterRole",
        isNamespaced: false)
    let fixture = ControllerFixture()

    private func role(_ name: String, labels: JSONValue = [:], verb: String) {
        fixture.cluster.set(
            Self.clusterRoles,
            ["metadata": ["name": .string(name), "labels": labels], "rules": [["verbs": [.string(verb)]]]])
    }

    @Test(.timeLimit(.minutes(1))) func anAggregatedRoleHasTheRulesOfItsPartsAsTheyComeAndGo() async throws {
        role("b", labels: ["to": "x"], verb: "list")
        role("a", labels: ["to": "x"], verb: "get")
        role("copy", labels: ["to": "x"], verb: "get")
        role("other", verb: "delete")
        fixture.cluster.set(
            Self.clusterRoles,
            [
                "metadata": ["name": "sum"],
                "aggregationRule": ["clusterRoleSelectors": [["matchLabels": ["to": "x"]]]],
            ])
        func verbs() -> [String] {
            (fixture.cluster.object(Self.clusterRoles, name: "sum")?["rules"]?.array ?? [])
                .compactMap { $0["verbs"]?[0]?.string }
        }
        try await fixture.running(ClusterRoleAggregation(fixture.context)) {
            try await fixture.until("the sum") { verbs() == ["get", "list"] }
            role("b", labels: ["to": "y"], verb: "list")
            try await fixture.until("less") { verbs() == ["get"] }
            role("c", labels: ["to": "x"], verb: "watch")
            try await fixture.until("more") { verbs() == ["get", "watch"] }
        }
    }
}
