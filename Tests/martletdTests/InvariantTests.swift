import Foundation
import JSONText
import TestKit
import Testing

/// Who gets past an invariant, and how a deletion is judged, at the API of a whole node.
@Suite(.serialized) struct InvariantTests {
    private static let objects = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: dev, labels: {env: dev}}
        ---
        apiVersion: v1
        kind: Namespace
        metadata: {name: prod, labels: {env: prod}}
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: shut, namespace: prod}
        spec: {podSelector: {}, policyTypes: [Ingress]}
        ---
        apiVersion: martlet.io/v1alpha1
        kind: NetworkInvariant
        metadata: {name: dev-prod}
        spec:
          statement: Never
          from: {namespaceSelector: {matchLabels: {env: dev}}}
          to: {namespaceSelector: {matchLabels: {env: prod}}}
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: editors}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
        subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ed}]
        """

    /// Pods that no node runs are enough: the invariant is about what policies say.
    private static func pod(_ namespace: String) -> String {
        """

        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: main, namespace: \(namespace)}
        spec: {nodeName: none, containers: [{name: main, image: none}]}
        """
    }

    static let policies = "/apis/networking.k8s.io/v1/namespaces/prod/networkpolicies"
    private static let deletion = "policy.martlet.io/override-deletion"

    private func annotate(_ call: APICaller, _ values: [String: JSONValue], as user: String? = nil) async throws
        -> JSONValue
    {
        try await call(
            "PATCH", Self.policies + "/shut", ["metadata": ["annotations": .object(values)]], as: user)
    }

    private static func options(_ propagation: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": .string(propagation)]
    }

    static func withCluster(_ body: (APICaller) async throws -> Void) async throws {
        try await withNode { node in
            try await node.apply(objects)
            try await node.apply(pod("dev") + pod("prod"))
            try await body(try APICaller(node))
        }
    }

    @Test(.timeLimit(.minutes(2))) func anEditorDoesNotGetPastAnInvariantByAnyKindOfDeletion() async throws {
        try await Self.withCluster { call in
            let shut = Self.policies + "/shut"
            for propagation in ["Background", "Foreground", "Orphan"] {
                let answer = try await call("DELETE", shut, Self.options(propagation), as: "ed")
                #expect(APICaller.isRefused(answer, "dev-prod", "dev/main reaches prod/main"), "\(answer)")
            }
            // A reason cannot be planted, and who gave one cannot be said by a client.
            let planted = try await annotate(call, [Self.deletion: "x"], as: "ed")
            #expect(APICaller.isRefused(planted, "ed may not give a reason", Self.deletion), "\(planted)")
            let given = try await annotate(call, [Self.deletion: "mine", Self.deletion + "-by": "ed"])
            #expect(given[path: "metadata", "annotations", Self.deletion + "-by"] != "ed", "\(given)")
            let foreign = try await call("DELETE", shut, Self.options("Foreground"), as: "ed")
            #expect(APICaller.isRefused(foreign, "counts for no one else"), "\(foreign)")
            #expect(try await call("GET", shut)[path: "metadata", "deletionTimestamp"] == nil)

            try await deleteByOwner(call)
            #expect(try await call.events("InvariantOverridden").isEmpty)
        }
    }

    /// Of objects that are written together none is the one that is forbidden.
    @Test(.timeLimit(.minutes(2))) func aSetThatBreaksAnInvariantIsRefusedAsAWhole() async throws {
        try await Self.withCluster { call in
            func policy(_ name: String, _ spec: JSONValue) -> JSONValue {
                [
                    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                    "metadata": ["name": .string(name), "namespace": "prod"], "spec": spec,
                ]
            }
            let set: JSONValue = [
                "apiVersion": "martlet.io/v1alpha1", "kind": "Transaction",
                "options": ["fieldManager": "test", "force": true],
                "items": [
                    policy("innocent", ["podSelector": [:], "policyTypes": ["Ingress"]]),
                    policy("open", ["podSelector": [:], "ingress": [[:]]]),
                ],
            ]
            let answer = try await call("POST", "/apis/martlet.io/v1alpha1/transactions", set)
            let head = "2 objects of one write are forbidden together: it breaks NetworkInvariant dev-prod"
            #expect(APICaller.isRefused(answer, head, "in by prod/open ingress rule 0"), "\(answer)")
            #expect(answer["message"]?.string?.contains("innocent") == false, "\(answer)")
        }
    }

    /// The collector acts in its own name, and has no reasons.
    private func deleteByOwner(_ call: APICaller) async throws {
        let maps = "/api/v1/namespaces/prod/configmaps"
        let owner = try await call(
            "POST", maps, ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "own"]], as: "ed")
        let uid = try #require(owner[path: "metadata", "uid"])
        let owned: JSONValue = [
            "metadata": [
                "ownerReferences": [["apiVersion": "v1", "kind": "ConfigMap", "name": "own", "uid": uid]]
            ]
        ]
        #expect(try await call("PATCH", Self.policies + "/shut", owned, as: "ed")["kind"] == "NetworkPolicy")
        #expect(try await call("DELETE", maps + "/own", as: "ed")["status"] == "Success")
        try await until("an Event says that the dependent stays") {
            try await call.events("DeletionRefused").contains { $0.contains("dev-prod") }
        }
        #expect(try await call("GET", Self.policies + "/shut")["kind"] == "NetworkPolicy")
    }

    @Test(.timeLimit(.minutes(2))) func whoGaveTheReasonMayDeleteAndTheCollectorCompletesIt() async throws {
        try await Self.withCluster { call in
            let shut = Self.policies + "/shut"
            let blank = try await annotate(call, [Self.deletion: "  "])
            #expect(blank["kind"] == "NetworkPolicy")
            let refused = try await call("DELETE", shut, Self.options("Foreground"))
            #expect(APICaller.isRefused(refused, "is blank"), "\(refused)")
            _ = try await annotate(call, [Self.deletion: "the audit is over"])
            let deleted = try await call("DELETE", shut, Self.options("Foreground"))
            #expect(deleted[path: "metadata", "deletionTimestamp"] != nil, "\(deleted)")
            try await until("the policy is gone") { try await call("GET", shut)["code"] == 404 }
            try await until("an Event says who deleted it") {
                try await !call.events("InvariantOverridden").isEmpty
            }
            let told = try await call.events("InvariantOverridden")
            #expect(told.count == 1 && told.first?.contains("system:martlet") == false, "\(told)")
            #expect(told.first?.contains(" deleted networkpolicies prod/shut although") == true)
            #expect(told.first?.contains("the audit is over") == true)
        }
    }
}
