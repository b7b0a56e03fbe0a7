import APIClient
import JSONText
import TestKit
import Testing

/// `wait` where the cluster has a second node: one that the test writes, with what its daemon would report.
@Suite(.serialized) struct OtherNodeTests {
    /// Makes a Node that is Ready, with a Lease, as another daemon would.
    private func makeOther(_ client: HTTPSClient) async throws {
        let node = ObjectReference(.nodes, name: "other")
        _ = try await client.create(
            node, subresource: "", ["apiVersion": "v1", "kind": "Node", "metadata": ["name": "other"]])
        _ = try await client.create(
            ObjectReference(.leases, namespace: "kube-node-lease", name: "other"), subresource: "",
            [
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": ["name": "other", "namespace": "kube-node-lease"],
                "spec": [
                    "holderIdentity": "other", "leaseDurationSeconds": 40, "renewTime": "2026-01-01T00:00:00.000000Z",
                ],
            ])
        try await setOther(client, isReady: "True")
    }

    private func setOther(_ client: HTTPSClient, isReady: JSONValue) async throws {
        let ready: JSONValue = [
            "type": "Ready", "status": isReady, "reason": "KubeletReady", "message": "",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
        ]
        _ = try await client.patch(
            ObjectReference(.nodes, name: "other"), subresource: "status", type: .merge, fieldManager: "other",
            force: false, ["status": ["conditions": [ready]]])
    }

    /// What the other node's NodeDataplane says.
    private func report(_ revision: Int64, missing: [JSONValue] = [], of client: HTTPSClient) async throws {
        let reference = ObjectReference(.nodeDataplanes, name: "other")
        let head: JSONValue = [
            "apiVersion": "martlet.io/v1alpha1", "kind": "NodeDataplane", "metadata": ["name": "other"],
        ]
        do throws(APIError) {
            _ = try await client.get(reference, subresource: "")
        } catch {
            guard error.isNotFound else { throw error }
            _ = try await client.create(reference, subresource: "", head)
        }
        _ = try await client.patch(
            reference, subresource: "status", type: .merge, fieldManager: "other", force: false,
            [
                "status": [
                    "enforcedRevision": .integer(revision), "notEnforced": .array(missing),
                    "notEnforcedCount": .integer(Int64(missing.count)),
                ]
            ])
    }

    @Test(.timeLimit(.minutes(1))) func anotherReadyNodeIsWaitedForAndNamedUntilItReports() async throws {
        try await withNode { node in
            try await node.apply(
                """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: all, namespace: default}
                spec: {podSelector: {}, policyTypes: [Ingress]}
                """)
            try await node.withClient { client in
                let policy = ObjectReference(.networkPolicies, namespace: "default", name: "all")
                let object = try await client.get(policy, subresource: "")
                let version = try #require(Int64(object[path: "metadata", "resourceVersion"]?.string ?? ""))
                func wait(_ seconds: Int = 1, policy: Bool = false) async throws -> Finished {
                    let subject = policy ? ["policy", "default/all"] : ["--revision", "\(version)"]
                    return try await node.martlet(["wait"] + subject + ["--timeout", "\(seconds)"])
                }
                #expect(try await wait(30, policy: true).status == 0)
                try await makeOther(client)
                try await until("the node is waited for") {
                    try await wait().output.contains("not on other (no report)")
                }

                try await report(version - 1, of: client)
                for policy in [false, true] {
                    let late = try await wait(policy: policy)
                    #expect(late.status == 1, "\(late.output)")
                    #expect(late.output.contains("not on other (reports revision \(version - 1))"), "\(late.output)")
                }

                async let running = node.martlet(["wait", "--revision", "\(version)", "--timeout", "30"])
                #expect(try await wait().status == 1, "meanwhile it waits")
                let began = ContinuousClock.now
                try await report(version, of: client)
                let done = try await running
                #expect(done.status == 0 && done.output.contains("other"), "\(done.output)")
                #expect(ContinuousClock.now - began < .seconds(10))

                let entry: JSONValue = [
                    "kind": "NetworkPolicy", "namespace": "default", "name": "all", "message": "too long",
                    "resourceVersion": .string("\(version)"), "reason": "ListTooLong",
                ]
                try await report(version, missing: [entry], of: client)
                for policy in [false, true] {
                    let refused = try await wait(30, policy: policy)
                    #expect(refused.status == 1 && refused.output.contains("not enforced on node other: "))
                    #expect(refused.output.contains("too long"), "\(refused.output)")
                }

                try await setOther(client, isReady: "Unknown")
                try await until("it holds nobody any more") { try await wait().status == 0 }
                #expect(try await wait().output.contains("not Ready, not waited for: other"))
            }
        }
    }
}
