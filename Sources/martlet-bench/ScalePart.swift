import APIClient
import BenchReport
import Glibc
import JSONText

/// 10,000 pods of other nodes, 500 namespaces and 2,000 policies, in a daemon of its own.
struct ScalePart {
    static let pods = 10_000
    static let namespaces = 500
    static let policies = 2_000
    let session: Session
    private var node: Node { session.scaleNode }

    func run() async throws {
        _ = try await node.start()
        let client = try node.client()
        let objects = BenchObjects(client: client)
        let kernel = try KernelView(node)
        try await fill(objects, client)
        try await settle(kernel)
        try await changes(objects, kernel)
        let memory = try node.memory()
        session.note(Measure(part: "scale", "daemon resident, beside maps", memory.own, "MiB", .atMost(150)))
        session.note(Measure(part: "scale", "daemon resident: mapped maps", memory.maps, "MiB"))
        session.note(
            Measure(
                part: "scale", "policy maps, as the kernel counts their memory", try policyMaps(), "MiB", .atMost(64)))
        await client.shutDown()
        session.note(
            Measure(part: "scale", "restart: daemon's start to all in force", try restart(), "ms", .atMost(1_000)))
    }

    /// Pods are of another node: the daemon compiles them, and nobody runs them.
    private func fill(_ objects: BenchObjects, _ client: HTTPSClient) async throws {
        let (pods, namespaces, policies) = (
            session.count(Self.pods), session.count(Self.namespaces), session.count(Self.policies)
        )
        let start = Shell.now
        _ = try await client.create(
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
            let namespace = "ns-\(index % namespaces)"
            let name = "pod-\(index)"
            try await objects.create(.pods, name, namespace: namespace, Self.pod(index, namespace))
            _ = try await client.patch(
                ObjectReference(.pods, namespace: namespace, name: name), subresource: "status", type: .merge,
                fieldManager: "bench", force: false, Self.status(index))
        }
        session.note(
            Measure(
                part: "scale", "\(pods) pods, \(namespaces) namespaces, \(policies) policies created",
                (Shell.now - start) / 1e3, "ms"))
    }

    private static func pod(_ index: Int, _ namespace: String, name: String? = nil) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": .string(name ?? "pod-\(index)"), "namespace": .string(namespace),
                "labels": ["app": .string("app-\(index / 500 % 5)"), "stage": "a"],
            ],
            "spec": ["nodeName": "far", "containers": [["name": "main", "image": "example.org/none:1"]]],
        ]
    }

    private static func status(_ index: Int) -> JSONValue {
        let address = "10.244.\(1 + index / 250).\(1 + index % 250)"
        return ["status": ["phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]]]]
    }

    /// All endpoints are in the kernel, and no generation comes any more.
    private func settle(_ kernel: KernelView) async throws {
        let pods = session.count(Self.pods)
        let there = Shell.poll(seconds: 60) {
            try node.status()[path: "endpoints", "total"]?.integer.flatMap { $0 >= Int64(pods) ? $0 : nil }
        }
        if there == nil { throw BenchError("the pods did not reach the kernel") }
        try await kernel.settle()
    }

    private func changes(_ objects: BenchObjects, _ kernel: KernelView) async throws {
        let timer = ChangeTimer(changes: session.count(300, least: 30), perSecond: 100)
        let namespaces = session.count(Self.namespaces)
        var before = try await written()
        note(
            "policy",
            try await timer.times(of: { kernel.generation }) { index in
                try await objects.patch(
                    .networkPolicies, "policy-0", namespace: "ns-\(index % namespaces)",
                    Manifests.ingressPolicy(
                        "policy-0", namespace: "ns-\(index % namespaces)", selecting: ("app", "app-0"), from: "app-1",
                        port: Int64(10_000 + index)))
            })
        before = try await noteWrites("policy", timer.changes, since: before)
        note(
            "label",
            try await timer.times(of: { kernel.generation }) { index in
                let app = index / namespaces % 2 == 0 ? "app-4" : "app-3"
                try await objects.patch(
                    .pods, "pod-\(index % namespaces)", namespace: "ns-\(index % namespaces)",
                    ["metadata": ["labels": ["app": .string(app)]]])
            })
        before = try await noteWrites("label", timer.changes, since: before)
        for index in 0..<timer.changes { try await newPod(index, objects) }
        _ = try await noteWrites("pod", timer.changes, since: before)
    }

    /// A Pod of the cluster's other node that comes, gets its address and goes again.
    private func newPod(_ index: Int, _ objects: BenchObjects) async throws {
        let namespace = "ns-\(index % session.count(Self.namespaces))"
        let name = "new-\(index)"
        try await objects.create(
            .pods, name, namespace: namespace, Self.pod(session.count(Self.pods) + index, namespace, name: name))
        let pod = ObjectReference(.pods, namespace: namespace, name: name)
        _ = try await objects.client.patch(
            pod, subresource: "status", type: .merge, fieldManager: "bench", force: false,
            Self.status(session.count(Self.pods) + index))
        // Long enough for a compile of its own.
        try await Task.sleep(for: .milliseconds(5))
        _ = try await objects.client.delete(pod, options: ["gracePeriodSeconds": 0])
        try await Task.sleep(for: .milliseconds(5))
    }

    // MARK: Writes in proportion

    /// What the daemon has written to maps, and what changes touched, when it writes no more.
    private func written() async throws -> (writes: Double, touched: Double) {
        try await Task.sleep(for: .milliseconds(500))
        let counts = try node.status()[path: "policy", "written"]
        func count(_ name: String) -> Double { Double(counts?[name]?.integer ?? 0) }
        return (count("writes"), count("endpoints") + count("classes") + count("rules"))
    }

    /// k: map writes by what was touched, endpoints whose matches change, classes and rules. Answers the counts now.
    private func noteWrites(_ what: String, _ changes: Int, since before: (writes: Double, touched: Double))
        async throws -> (writes: Double, touched: Double)
    {
        let now = try await written()
        let writes = now.writes - before.writes
        session.note(Measure(part: "scale", "map writes of one \(what) change", writes / Double(changes), "writes"))
        session.note(
            Measure(
                part: "scale", "k of \(what) changes: map writes by endpoints, classes and rules touched",
                writes / (now.touched - before.touched), "×", .atMost(10)))
        return now
    }

    private func note(_ what: String, _ times: [Double]) {
        session.note(Measure(part: "scale", "one \(what) change, sent until in force, p50", Figure.median(times), "ms"))
        session.note(
            Measure(
                part: "scale", "one \(what) change, sent until in force, p99", Figure.quantile(times, 0.99), "ms",
                .atMost(5)))
    }

    /// MiB of the maps that hold policy.
    private func policyMaps() throws -> Double {
        let names = [
            "rules", "class_lists", "class_rows", "block_rows", "networks", "network_ids", "endpoints", "endpoint_ids",
        ]
        return try names.reduce(0) { try $0 + KernelView.bytes(ofMap: $1, node) } / 1_048_576
    }

    private func restart() throws -> Double {
        let log = "\(node.directory)/martletd.log"
        let query = "grep -c 'msg=\"in force\"' \(log)"
        let before = Shell.line(query)
        guard kill(pid_t(try node.daemon()), SIGKILL) == 0 else { throw BenchError("cannot end the daemon") }
        guard Shell.poll(seconds: 30, { Shell.line(query) == before ? nil : true }) != nil else {
            throw BenchError("the daemon did not come back")
        }
        let after = Shell.line(
            "sed -n 's/.*msg=\"in force\" after=\"\\([0-9.e-]*\\) seconds.*/\\1/p' \(log) | tail -n 1")
        guard let seconds = Double(after) else { throw BenchError("no time in the log: \(after)") }
        return seconds * 1e3
    }
}
