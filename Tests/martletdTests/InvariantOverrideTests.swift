import Foundation
import JSONText
import TestKit
import Testing

/// Writes that break an invariant, at the API of a whole node: with a reason, in the name of who may, and two at once.
@Suite(.serialized) struct InvariantOverrideTests {
    private static let reason = "policy.martlet.io/override"
    private static let invariant = "/apis/martlet.io/v1alpha1/networkinvariants/dev-prod"
    private static let dev = "/api/v1/namespaces/dev"

    /// Ingress into `prod` from pods with a label, of any namespace.
    private static func opening(
        _ name: String, to label: String, annotations: [String: JSONValue] = [:]
    ) -> JSONValue {
        [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": .string(name), "namespace": "prod", "annotations": .object(annotations)],
            "spec": [
                "podSelector": [:], "policyTypes": ["Ingress"],
                "ingress": [
                    [
                        "from": [
                            ["namespaceSelector": [:], "podSelector": ["matchLabels": [label: "yes"]]]
                        ]
                    ]
                ],
            ],
        ]
    }

    private static func because(_ reason: String, _ labels: [String: JSONValue] = [:]) -> JSONValue {
        ["metadata": ["labels": .object(labels), "annotations": [Self.reason: .string(reason)]]]
    }

    /// Waits for the condition `Holds` of the invariant.
    private func holds(_ status: JSONValue, _ call: APICaller) async throws -> String {
        var message = ""
        try await until("Holds is \(status)") {
            let object = try await call("GET", Self.invariant)
            let condition = object[path: "status", "conditions"]?.array?.first { $0["type"] == "Holds" }
            message = condition?["message"]?.string ?? ""
            return condition?["status"] == status
        }
        return message
    }

    @Test(.timeLimit(.minutes(2))) func aReasonLetsCreateUpdateAndLabelWritesThroughAndEachLeavesAnEvent() async throws
    {
        try await InvariantTests.withCluster { call in
            _ = try await holds("True", call)
            let pod = Self.dev + "/pods/main"
            let policies = InvariantTests.policies
            let update: JSONValue = ["spec": ["podSelector": ["matchLabels": ["app": "none"]]]]
            let cases: [(name: String, method: String, path: String, bare: JSONValue, reasoned: JSONValue)] = [
                (
                    "networkpolicies prod/open", "POST", policies, Self.opening("open", to: "app"),
                    Self.opening("open", to: "app", annotations: [Self.reason: "create"])
                ),
                (
                    "networkpolicies prod/shut", "PATCH", policies + "/shut", update,
                    ["metadata": Self.because("update")["metadata"] ?? .null, "spec": update["spec"] ?? .null]
                ),
                (
                    "pods dev/main", "PATCH", pod, ["metadata": ["labels": ["guest": "yes"]]],
                    Self.because("label", ["guest": "yes"])
                ),
            ]
            for (index, entry) in cases.enumerated() {
                try await prepare(index, call)
                let refused = try await call(entry.method, entry.path, entry.bare)
                #expect(
                    APICaller.isRefused(refused, "dev-prod", "dev/main reaches prod/main"), "\(entry.name): \(refused)")
                let passed = try await call(entry.method, entry.path, entry.reasoned)
                #expect(passed["kind"] != "Status", "\(entry.name): \(passed)")
                #expect(try await holds("False", call).contains("dev/main reaches prod/main"))
                try await until("an Event tells of \(entry.name)") {
                    try await call.events("InvariantOverridden").contains {
                        $0.contains(" wrote \(entry.name) although it breaks") && $0.contains("dev-prod")
                            && $0.contains("reason: \(["create", "update", "label"][index])")
                    }
                }
                try await takeBack(index, call)
                _ = try await holds("True", call)
            }
            #expect(try await call.events("InvariantOverridden").count == cases.count)
        }
    }

    /// The other half of what lets the pod in, where the write is one half of it.
    private func prepare(_ index: Int, _ call: APICaller) async throws {
        let answer: JSONValue
        switch index {
        case 0:
            answer = try await call("PATCH", Self.dev + "/pods/main", ["metadata": ["labels": ["app": "yes"]]])
        case 1: return
        default: answer = try await call("POST", InvariantTests.policies, Self.opening("guests", to: "guest"))
        }
        #expect(answer["kind"] != "Status", "\(answer)")
    }

    /// What heals it again needs no reason.
    private func takeBack(_ index: Int, _ call: APICaller) async throws {
        let policies = InvariantTests.policies
        let answer: JSONValue
        switch index {
        case 0: answer = try await call("DELETE", policies + "/open")
        case 1: answer = try await call("PATCH", policies + "/shut", ["spec": ["podSelector": ["matchLabels": .null]]])
        default: answer = try await call("PATCH", Self.dev + "/pods/main", ["metadata": ["labels": ["guest": .null]]])
        }
        #expect(answer["code"] == nil, "\(answer)")
    }

    @Test(.timeLimit(.minutes(1))) func aRoleWithTheVerbOverrideIsEnoughAndOneWithoutItIsNot() async throws {
        try await InvariantTests.withCluster { call in
            let rbac = "/apis/rbac.authorization.k8s.io/v1"
            let role: JSONValue = [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": ["name": "overrider"],
                "rules": [
                    [
                        "apiGroups": ["martlet.io"], "resources": ["networkinvariants"],
                        "resourceNames": ["dev-prod"], "verbs": ["override"],
                    ]
                ],
            ]
            #expect(try await call("POST", rbac + "/clusterroles", role)["kind"] == "ClusterRole")
            for (user, role) in [("olga", "overrider"), ("olga", "edit")] {
                let binding: JSONValue = [
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                    "metadata": ["name": .string("\(user)-\(role)")],
                    "roleRef": [
                        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role),
                    ],
                    "subjects": [
                        ["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": .string(user)]
                    ],
                ]
                let bound = try await call("POST", rbac + "/clusterrolebindings", binding)
                #expect(bound["kind"] == "ClusterRoleBinding", "\(bound)")
            }
            // The same write with the same reason: an editor without the verb, then with it.
            let update: JSONValue = [
                "metadata": Self.because("the audit asks for it")["metadata"] ?? .null,
                "spec": ["podSelector": ["matchLabels": ["app": "none"]]],
            ]
            let shut = InvariantTests.policies + "/shut"
            let refused = try await call("PATCH", shut, update, as: "ed")
            #expect(APICaller.isRefused(refused, "ed may not give a reason", Self.reason), "\(refused)")
            let bare = try await call("PATCH", shut, ["spec": update["spec"] ?? .null], as: "olga")
            #expect(APICaller.isRefused(bare, "dev-prod"), "\(bare)")
            #expect(try await call.events("InvariantOverridden").isEmpty)
            #expect(try await call("PATCH", shut, update, as: "olga")["kind"] == "NetworkPolicy")
            try await until("an Event names her and her reason") {
                try await call.events("InvariantOverridden").contains {
                    $0.hasPrefix("olga wrote networkpolicies prod/shut") && $0.contains("the audit asks for it")
                }
            }
        }
    }

    /// A label and a policy that only together let `dev` in: whoever comes second is refused.
    @Test(.timeLimit(.minutes(2))) func ofTwoWritesThatBreakItTogetherExactlyOneGetsThrough() async throws {
        try await InvariantTests.withCluster { call in
            let pod = Self.dev + "/pods/main"
            var winners: Set<String> = []
            for round in 0..<12 {
                let name = "both\(round)"
                let label: JSONValue = ["metadata": ["labels": [name: "yes"]]]
                async let first = call("PATCH", pod, label)
                async let second = call("POST", InvariantTests.policies, Self.opening(name, to: name))
                let answers = try await (label: first, policy: second)
                let refused = [answers.label, answers.policy].filter { APICaller.isRefused($0, "dev-prod") }
                let taken = [answers.label, answers.policy].filter { ["Pod", "NetworkPolicy"].contains($0["kind"]) }
                #expect(refused.count == 1 && taken.count == 1, "\(answers)")
                winners.insert(taken.first?["kind"]?.string ?? "")
                let isLabelled = try await call("GET", pod)[path: "metadata", "labels", name] != nil
                let isOpen = try await call("GET", InvariantTests.policies + "/" + name)["kind"] == "NetworkPolicy"
                #expect(isLabelled != isOpen)
            }
            print("who got through first in twelve rounds: \(winners.sorted())")
            _ = try await holds("True", call)
        }
    }
}
