import APIClient
import BenchReport
import JSONText

/// Changes in a full cluster, a hundred a second: how long each takes, and how many writes to maps it costs.
struct ScaleChanges {
    let session: Session
    let world: ScaleWorld
    let objects: BenchObjects
    let kernel: KernelView
    /// So many that the 99th percentile stands on ten of them.
    private var timer: ChangeTimer { ChangeTimer(changes: session.count(1_000, least: 30), perSecond: 100) }
    private var generation: (Int) -> UInt64 { { _ in kernel.generation } }

    /// Changes of one object that concern a few endpoints.
    func small() async throws {
        try await policies()
        try await labels()
        try await pods()
    }

    /// Changes of one object that move many; afterwards the cluster is as it was.
    func large() async throws {
        try await crowd()
        try await halves()
        try await objects.delete(.clusterNetworkPolicies, "half", namespace: "")
        try await objects.delete(.networkPolicies, "gold", namespace: ScaleWorld.crowdNamespace)
        try await kernel.settle()
    }

    private func policies() async throws {
        let (objects, namespaces) = (objects, world.namespaces)
        try await measure("policy") {
            try await timer.times(of: generation) { index in
                let namespace = "ns-\(index % namespaces)"
                try await objects.patch(
                    .networkPolicies, "policy-0", namespace: namespace,
                    Manifests.ingressPolicy(
                        "policy-0", namespace: namespace, selecting: ("app", "app-0"), from: "app-1",
                        port: Int64(10_000 + index)))
            }
        }
    }

    private func labels() async throws {
        let (objects, world) = (objects, world)
        try await measure("label") {
            try await timer.times(of: generation) { index in
                let namespace = index % world.namespaces
                let app = index / world.namespaces % 2 == 0 ? "app-0" : "app-1"
                try await objects.patch(
                    .pods, "pod-\(world.lastPod(of: namespace))", namespace: "ns-\(namespace)",
                    ["metadata": ["labels": ["app": .string(app)]]])
            }
        }
    }

    /// Pods of the cluster's other node that get their address, and go again.
    private func pods() async throws {
        let (objects, world) = (objects, world)
        for index in 0..<timer.changes { try await world.create(world.pods + index, objects) }
        try await kernel.settle()
        func word(_ index: Int) -> UInt64 { kernel.endpoint(at: ScaleWorld.address(world.pods + index)) }
        try await measure("new pod") {
            try await timer.times(of: word) { try await world.give(world.pods + $0, objects) }
        }
        try await measure("deleted pod") {
            try await timer.times(of: word) { index in
                let index = world.pods + index
                try await objects.delete(
                    .pods, "pod-\(index)", namespace: world.namespace(ofPod: index),
                    options: ["gracePeriodSeconds": 0])
            }
        }
    }

    /// A namespace of many pods gets a label that a policy reads: each of its endpoints gets another class.
    private func crowd() async throws {
        let objects = objects
        try await objects.create(
            .networkPolicies, "gold", namespace: ScaleWorld.crowdNamespace,
            [
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": ["name": "gold", "namespace": .string(ScaleWorld.crowdNamespace)],
                "spec": [
                    "podSelector": [:],
                    "ingress": [["from": [["namespaceSelector": ["matchLabels": ["tier": "gold"]]]]]],
                ],
            ])
        try await kernel.settle()
        try await measure("namespace label", moves: true) {
            try await timer.times(of: generation) { index in
                try await objects.patch(
                    .namespaces, ScaleWorld.crowdNamespace, namespace: "",
                    ["metadata": ["labels": ["tier": index % 2 == 0 ? "gold" : "silver"]]])
            }
        }
    }

    /// A policy of the cluster that selects half of the pods of each class: reported, without an aim.
    private func halves() async throws {
        let objects = objects
        let policy: JSONValue =
            [
                "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
                "metadata": ["name": "half"],
                "spec": [
                    "tier": "Admin", "priority": 1,
                    "subject": ["pods": ["podSelector": ["matchLabels": ["half": "0"]]]],
                    "ingress": [["action": "Deny", "from": [["namespaces": ["matchLabels": ["tier": "none"]]]]]],
                ],
            ]
        try await kernel.settle()
        let once = ChangeTimer(changes: 1, perSecond: 1)
        try await measure("policy of half of all pods", moves: true, aim: nil) {
            try await once.times(of: generation) { _ in
                try await objects.create(.clusterNetworkPolicies, "half", namespace: "", policy)
            }
        }
    }

    // MARK: Figures

    /// Notes the times of changes and, k, their map writes by what was touched: endpoints whose matches change, classes
    /// and rules.
    private func measure(
        _ what: String, moves: Bool = false, aim: Measure.Aim? = .atMost(5), _ times: () async throws -> [Double]
    ) async throws {
        let before = try await written()
        let times = try await times()
        let after = try await written()
        let changes = Double(times.count)
        func note(_ name: String, _ value: Double, _ unit: String, _ aim: Measure.Aim? = nil) {
            session.note(Measure(part: "scale", name, value, unit, aim))
        }
        if times.count > 1 {
            note("one \(what), sent until in force, p50", Figure.median(times), "ms")
            note("one \(what), sent until in force, p99", Figure.quantile(times, 0.99), "ms", aim)
        } else {
            note("one \(what), sent until in force", times[0], "ms", aim)
        }
        if moves {
            note("endpoints that one \(what) moves", (after.endpoints - before.endpoints) / changes, "endpoints")
        }
        let writes = after.writes - before.writes
        note("map writes of one \(what)", writes / changes, "writes")
        note(
            "k of one \(what): map writes by endpoints, classes and rules touched",
            writes / (after.touched - before.touched), "×", .atMost(10))
    }

    /// What the daemon has written to maps, and what changes touched, when it writes no more.
    private func written() async throws -> (writes: Double, endpoints: Double, touched: Double) {
        try await Task.sleep(for: .milliseconds(500))
        let counts = try session.scaleNode.status()[path: "policy", "written"]
        func count(_ name: String) -> Double { Double(counts?[name]?.integer ?? 0) }
        return (count("writes"), count("endpoints"), count("endpoints") + count("classes") + count("rules"))
    }
}
