import APIClient
import Foundation
import JSONText
import TestKit
import Testing

/// What a node says of what it does not enforce: `status`, its NodeDataplane, Events and `wait`.
@Suite(.serialized) struct NodeReportTests {
    private static func policy(_ name: String, blocks: [String]) -> JSONValue {
        [
            "kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1",
            "metadata": [
                "name": .string(name), "namespace": "default", "uid": .string(UUID().uuidString),
                "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1,
            ],
            "spec": [
                "podSelector": [:], "policyTypes": ["Ingress"],
                "ingress": [["from": .array(blocks.map { ["ipBlock": ["cidr": .string($0)]] })]],
            ],
        ]
    }

    /// Two of these are more than a list holds.
    private static func half(_ name: String) -> JSONValue {
        policy(name, blocks: (0..<600).map { "192.\(name == "half1" ? 0 : 1).\($0 / 256).\($0 % 256)/32" })
    }

    private static let unreadable: JSONValue = [
        "kind": "ClusterNetworkPolicy", "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "metadata": [
            "name": "names", "uid": "3b6f4f0e-2b9b-4f9e-8e55-0c8f4a4d2c11",
            "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 3,
        ],
        "spec": [
            "tier": "Admin", "priority": 9, "subject": ["namespaces": ["matchLabels": ["none": "here"]]],
            "egress": [["action": "Accept", "to": [["domainNames": ["example.org"]]]]],
        ],
        // What was said of an earlier version.
        "status": [
            "conditions": [
                [
                    "type": "Enforced", "status": "True", "reason": "InForce", "message": "in force",
                    "observedGeneration": 2, "lastTransitionTime": "2026-01-01T00:00:00Z",
                ]
            ]
        ],
    ]

    private func report(_ node: OwnNode) async throws -> JSONValue? {
        try await node.withClient {
            try await $0.get(ObjectReference(.nodeDataplanes, name: "martlet-" + node.id), subresource: "")
        }["status"]
    }

    private func events(about name: String, _ node: OwnNode) async throws -> [JSONValue] {
        try await node.withClient { try await $0.list(.events, ListOptions(namespace: "default")) }.items.filter {
            $0["reason"] == "NotEnforced" && $0[path: "involvedObject", "name"]?.string == name
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatAdmissionNeverSawIsNamedWhereverSomebodyLooks() async throws {
        try await withNode { node in
            let old = try node.process("martletd")
            try await node.unsupervised {
                kill(old, SIGTERM)
                let many = (0..<1_025).map { "192.0.\($0 / 256).\($0 % 256)/32" }
                try await node.write([Self.policy("long", blocks: many), Self.policy("stray", blocks: ["everywhere"])])
            }
            try await until("another daemon tells of both") {
                guard try node.process("martletd") != old else { return false }
                return (try? await report(node))?["notEnforcedCount"] == 2
            }
            let entries = try #require(try await report(node)?["notEnforced"]?.array)
            #expect(entries.map { $0["name"] } == ["stray", "long"])
            #expect(entries.map { $0["reason"] } == ["Unreadable", "ListTooLong"])
            #expect(entries.allSatisfy { $0["enforcedVersion"] == nil })
            let field = "spec.ingress[0].from[0].ipBlock.cidr"
            #expect(entries[0]["message"]?.string?.contains(field) == true, "\(entries[0])")

            let status = try await node.martlet(["status"])
            #expect(status.status == 1 && status.output.contains("NetworkPolicy default/stray: \(field)"))
            #expect(status.output.contains("default/long"), "\(status.output)")
            for (name, words) in [("stray", field), ("long", "1025")] {
                try await until("an Event tells of \(name)") { try await !events(about: name, node).isEmpty }
                let event = try await events(about: name, node).first
                #expect(event?["type"] == "Warning")
                #expect(event?["message"]?.string?.contains(words) == true, "\(event ?? .null)")
            }
            try await expectWaitsToEnd(entries, node)

            for name in ["stray", "long"] {
                _ = try await node.withClient {
                    try await $0.delete(
                        ObjectReference(.networkPolicies, namespace: "default", name: name), options: nil)
                }
            }
            try await until("nothing is missing any more") { try await report(node)?["notEnforcedCount"] == 0 }
            #expect(try await node.martlet(["status"]).status == 0)
        }
    }

    /// `wait` names what is not enforced, and does not mind what is younger than what it is asked about.
    private func expectWaitsToEnd(_ entries: [JSONValue], _ node: OwnNode) async throws {
        let versions = entries.compactMap { Int64($0["resourceVersion"]?.string ?? "") }
        try #require(versions.count == 2 && versions[1] < versions[0])
        let all = try await node.martlet(["wait", "--revision", "\(versions[0])"])
        #expect(all.status == 1 && all.output.contains("NetworkPolicy default/stray: "), "\(all.output)")
        #expect(all.output.contains("and 1 more"), "\(all.output)")
        let first = try await node.martlet(["wait", "--revision", "\(versions[1])"])
        #expect(first.status == 1 && first.output.contains("NetworkPolicy default/long: "), "\(first.output)")
        let before = try await node.martlet(["wait", "--revision", "\(versions[1] - 1)"])
        #expect(before.status == 0, "\(before.output)")
        for name in ["stray", "long"] {
            let one = try await node.martlet(["wait", "policy", "default/" + name])
            #expect(one.status == 1 && one.output.contains("default/" + name), "\(one.output)")
        }
    }

    @Test(.timeLimit(.minutes(2))) func everyPodThatIsClosedAndAnUnreadableClusterPolicyAreNamed() async throws {
        try await withShop { shop in
            let node = shop.node
            let old = try node.process("martletd")
            try await node.unsupervised {
                kill(old, SIGTERM)
                try await node.write([Self.half("half1"), Self.half("half2"), Self.unreadable])
            }
            try await until("another daemon tells of all") {
                guard try node.process("martletd") != old else { return false }
                return (try? await report(node))?["notEnforcedCount"] == 4
            }
            let entries = try #require(try await report(node)?["notEnforced"]?.array)
            #expect(entries.map { $0["name"] } == ["names", "orders", "visitor", "web"])
            let status = try await node.martlet(["status"]).output
            for pod in Shop.pods {
                #expect(status.contains("Pod default/\(pod): its policies (default/half1, default/half2"), "\(status)")
                try await until("an Event tells of \(pod)") { try await !events(about: pod, node).isEmpty }
            }
            #expect(!status.contains("last good") && status.contains("ingress is closed"), "\(status)")
            try await expectUnreadable(node)
            try await node.withClient { client in
                let pod: JSONValue = [
                    "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "late", "namespace": "default"],
                    "spec": ["containers": [["name": "main", "image": "none"]]],
                ]
                let refusal = await #expect(throws: APIError.self) {
                    try await client.create(
                        ObjectReference(.pods, namespace: "default", name: "late"), subresource: "", pod)
                }
                #expect(refusal?.message.contains("default/half1 (600 rules)") == true, "\(refusal?.message ?? "")")
            }
        }
    }

    /// The condition is of this generation, whatever was said of an earlier one.
    private func expectUnreadable(_ node: OwnNode) async throws {
        try await until("the condition says that it cannot be read") {
            let object = try await node.withClient {
                try await $0.get(ObjectReference(.clusterNetworkPolicies, name: "names"), subresource: "")
            }
            let condition = object[path: "status", "conditions"]?[0]
            return condition?["status"] == "False" && condition?["reason"] == "Unreadable"
                && condition?["observedGeneration"] == 3
                && condition?["message"]?.string?.contains("no good version of it is known") == true
        }
    }
}
