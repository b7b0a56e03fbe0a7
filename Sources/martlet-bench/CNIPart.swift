import APIClient
import BenchReport
import Glibc
import JSONText

/// CNI ADD, by the plugin's own process, for Pods that are bound to the node.
struct CNIPart {
    static let namespace = "bench-cni"
    let session: Session

    func run() async throws {
        let times = try await session.withObjects { try await adds($0) }
        session.note(Measure(part: "control", "CNI ADD, the daemon's first", times[0], "ms", .atMost(50)))
        session.note(
            Measure(part: "control", "CNI ADD, p50", Figure.median(Array(times.dropFirst())), "ms", .atMost(15)))
        session.note(Measure(part: "control", "CNI ADD, p99", Figure.quantile(Array(times.dropFirst()), 0.99), "ms"))
    }

    /// Milliseconds of each.
    private func adds(_ objects: BenchObjects) async throws -> [Double] {
        try await objects.namespace(Self.namespace)
        let nodes = try await objects.client.list(.nodes, ListOptions()).items
        guard let node = nodes.first?[path: "metadata", "name"]?.string else { throw BenchError("there is no Node") }
        try await objects.create(
            .networkPolicies, "added", namespace: Self.namespace,
            Manifests.ingressPolicy(
                "added", namespace: Self.namespace, selecting: ("app", "added"), from: "added", port: 80))
        var times: [Double] = []
        for index in 0..<session.count(100, least: 11) {
            let name = "pod-\(index)"
            try await objects.create(.pods, name, namespace: Self.namespace, Manifests.boundPod(name, node: node))
            let pod = try await objects.client.get(
                ObjectReference(.pods, namespace: Self.namespace, name: name), subresource: "")
            times.append(try add(name, uid: pod[path: "metadata", "uid"]?.string ?? ""))
            try await objects.delete(.pods, name, namespace: Self.namespace)
        }
        try await objects.delete(.networkPolicies, "added", namespace: Self.namespace)
        return times
    }

    /// Milliseconds of one ADD; its DEL follows. The namespace stays until the end of the run: the kernel takes long to
    /// take one down, and holds what the next ADD needs.
    private func add(_ name: String, uid: String) throws -> Double {
        let namespace = "\(session.node.id)-\(name)"
        try Shell.run("ip netns add \(namespace)")
        let input = "\(session.node.directory)/bench-network.json"
        let network: JSONValue = [
            "cniVersion": "1.0.0", "name": "martlet", "type": "martlet-cni",
            "socket": .string("\(session.node.directory)/martletd.sock"),
        ]
        try Shell.write(network.compactText, to: input)
        let start = Shell.now
        try plugin("ADD", namespace, name, uid, input)
        let time = (Shell.now - start) / 1e3
        try plugin("DEL", namespace, name, uid, input)
        return time
    }

    private func plugin(_ verb: String, _ namespace: String, _ pod: String, _ uid: String, _ input: String) throws {
        let programs = session.node.programs
        let arguments =
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=\(Self.namespace);K8S_POD_NAME=\(pod);"
            + "K8S_POD_INFRA_CONTAINER_ID=\(namespace);K8S_POD_UID=\(uid)"
        let output = "\(session.node.directory)/bench-answer.json"
        let status = try Shell.spawn(
            "\(programs)/martlet-cni",
            environment: [
                "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(namespace)", "CNI_NETNS=/run/netns/\(namespace)",
                "CNI_IFNAME=eth0", "CNI_PATH=\(programs)", "CNI_ARGS=\(arguments)",
            ], input: input, output: output)
        guard status == 0 else { throw BenchError("\(verb) of \(pod): \(Shell.read(output) ?? "no answer")") }
    }
}
