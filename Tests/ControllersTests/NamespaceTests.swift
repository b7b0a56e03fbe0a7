import APIClient
import JSONText
import TestKit
import Testing

@testable import Controllers

@Suite struct NamespaceTests {
    let fixture = ControllerFixture()

    @Test(.timeLimit(.minutes(1))) func eachNamespaceHasItsAccountAndTheRootCertificate() async throws {
        try await fixture.running(NamespaceDefaults(fixture.context, rootCAPEM: "PEM")) {
            fixture.cluster.set(.namespaces, ["metadata": ["name": "new"]])
            for namespace in ["default", "new"] {
                try await fixture.until("both in \(namespace)") {
                    let map = fixture.cluster.object(.configMaps, namespace: namespace, name: "kube-root-ca.crt")
                    return map?["data"]?["ca.crt"] == "PEM"
                        && fixture.cluster.object(.serviceAccounts, namespace: namespace, name: "default") != nil
                }
            }
            fixture.cluster.remove(.serviceAccounts, namespace: "new", name: "default")
            fixture.cluster.set(
                .configMaps,
                ["metadata": ["name": "kube-root-ca.crt", "namespace": "new"], "data": ["ca.crt": "forged"]])
            try await fixture.until("repaired") {
                fixture.cluster.object(.serviceAccounts, namespace: "new", name: "default") != nil
                    && fixture.cluster.object(.configMaps, namespace: "new", name: "kube-root-ca.crt")?["data"]?[
                        "ca.crt"]
                        == "PEM"
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func deletingANamespaceEmptiesItAndItGoes() async throws {
        fixture.cluster.set(.namespaces, ["metadata": ["name": "old"], "spec": ["finalizers": ["kubernetes"]]])
        fixture.cluster.set(.configMaps, ["metadata": ["name": "a", "namespace": "old"]])
        fixture.cluster.set(
            .secrets, ["metadata": ["name": "held", "namespace": "old", "finalizers": ["example.com/hold"]]])
        fixture.cluster.set(.configMaps, ["metadata": ["name": "a", "namespace": "default"]])
        let controller = NamespaceDeletion(fixture.context, resources: APIResource.builtin)
        try await fixture.running(controller) {
            _ = try await fixture.cluster.delete(ObjectReference(.namespaces, name: "old"), options: nil)
            try await fixture.until("the report") {
                let conditions = fixture.cluster.object(.namespaces, name: "old")?[path: "status", "conditions"]?.array
                return conditions?.contains {
                    $0["type"] == "NamespaceFinalizersRemaining"
                        && $0["message"]?.string?.contains("example.com/hold in 1 resource") == true
                } ?? false
            }
            #expect(fixture.cluster.object(.configMaps, namespace: "old", name: "a") == nil)
            _ = try await fixture.cluster.mergePatch(
                ObjectReference(.secrets, namespace: "old", name: "held"), ["metadata": ["finalizers": .null]])
            try await fixture.until("gone") { fixture.cluster.object(.namespaces, name: "old") == nil }
            #expect(fixture.cluster.object(.configMaps, namespace: "default", name: "a") != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func policiesStayUntilTheLastPodOfTheirNamespaceHasGone() async throws {
        fixture.cluster.set(.namespaces, ["metadata": ["name": "old"], "spec": ["finalizers": ["kubernetes"]]])
        fixture.cluster.set(.networkPolicies, ["metadata": ["name": "closed", "namespace": "old"]])
        // As a pod that has its grace period to end.
        fixture.cluster.set(
            .pods, ["metadata": ["name": "slow", "namespace": "old", "finalizers": ["example.com/grace"]]])
        let controller = NamespaceDeletion(fixture.context, resources: APIResource.builtin)
        try await fixture.running(controller) {
            _ = try await fixture.cluster.delete(ObjectReference(.namespaces, name: "old"), options: nil)
            try await fixture.until("the report") {
                let conditions = fixture.cluster.object(.namespaces, name: "old")?[path: "status", "conditions"]?.array
                return conditions?.contains {
                    $0["type"] == "NamespaceContentRemaining"
                        && $0["message"]?.string?.hasSuffix(": pods has 1 resource instances") == true
                } ?? false
            }
            #expect(fixture.cluster.object(.networkPolicies, namespace: "old", name: "closed") != nil)
            _ = try await fixture.cluster.mergePatch(
                ObjectReference(.pods, namespace: "old", name: "slow"), ["metadata": ["finalizers": .null]])
            try await fixture.until("gone") { fixture.cluster.object(.namespaces, name: "old") == nil }
            #expect(fixture.cluster.object(.networkPolicies, namespace: "old", name: "closed") == nil)
        }
    }
}
