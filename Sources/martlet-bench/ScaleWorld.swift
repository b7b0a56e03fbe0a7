import APIClient
import JSONText

/// What the scale part fills a daemon with. Pods are of another node: the daemon compiles them, and nobody runs them.
struct ScaleWorld: Sendable {
    let pods: Int
    let namespaces: Int
    let policies: Int
    /// Pods of the first namespace, of which the others have the rest in equal shares.
    let crowd: Int

    static let crowdNamespace = "ns-0"

    func namespace(ofPod index: Int) -> String { index < crowd ? Self.crowdNamespace : "ns-\(index % namespaces)" }

    /// Of the last pods one in each namespace.
    func lastPod(of namespace: Int) -> Int { pods - namespaces + namespace }

    func fill(_ objects: BenchObjects) async throws {
        let namespaces = namespaces
        _ = try await objects.client.create(
            ObjectReference(.nodes, name: "far"), subresource: "",
            ["apiVersion": "v1", "kind": "Node", "metadata": ["name": "far"]])
        try await objects.each(namespaces) { try await objects.namespace("ns-\($0)") }
        try await objects.each(policies) { index in
            let namespace = "ns-\(index % namespaces)"
            let app = index / namespaces
            try await objects.create(
                .networkPolicies, "policy-\(app)", namespace: namespace,
                Manifests.ingressPolicy(
                    "policy-\(app)", namespace: namespace, selecting: ("app", "app-\(app)"), from: "app-\(app + 1)",
                    port: Int64(1_000 + index)))
        }
        try await objects.each(pods) { index in
            try await create(index, objects)
            try await give(index, objects)
        }
    }

    /// A Pod without an address: no endpoint yet.
    func create(_ index: Int, _ objects: BenchObjects) async throws {
        let namespace = namespace(ofPod: index)
        try await objects.create(
            .pods, "pod-\(index)", namespace: namespace,
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": [
                    "name": .string("pod-\(index)"), "namespace": .string(namespace),
                    "labels": [
                        "app": .string("app-\(index / 500 % 5)"), "stage": "a", "half": .string("\(index / 2_500 % 2)"),
                    ],
                ],
                "spec": ["nodeName": "far", "containers": [["name": "main", "image": "example.org/none:1"]]],
            ])
    }

    /// Gives the Pod its address.
    func give(_ index: Int, _ objects: BenchObjects) async throws {
        let address = Self.address(index)
        try await objects.patch(
            .pods, "pod-\(index)", namespace: namespace(ofPod: index), subresource: "status",
            ["status": ["phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]]]])
    }

    static func address(_ index: Int) -> String { "10.244.\(1 + index / 250).\(1 + index % 250)" }
}
