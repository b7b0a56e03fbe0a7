import JSONText
import KubeObjects
import NetTypes
import PolicyKernel

/// `cluster-network-policy.json`: policies of both kinds, changed step by step, with the verdicts of single flows after
/// each step. A pod of the host network stands for its node, an ordinary Linux one.
enum ClusterPolicyRunner {
    static func run(_ file: JSONValue, _ kernel: KernelEngine?) -> FileResult {
        var result = FileResult()
        let resources = file["initialResources"] ?? .null
        for entry in file["cases"]?.array ?? [] {
            var cluster = Cluster(resources, kernel)
            for node in nodes(resources) { cluster.set(node: node) }
            for object in entry["initialObjects"]?.array ?? [] { cluster.add(policy: object) }
            var faults: [String] = []
            for step in entry["steps"]?.array ?? [] {
                for action in step["actions"]?.array ?? [] { cluster.perform(action) }
                faults += check(step, cluster, &result.checks).map { "\(step["name"]?.string ?? "?"): \($0)" }
            }
            result.count(entry["id"]?.string ?? "?", cluster.faults + faults)
        }
        return result
    }

    private static func nodes(_ resources: JSONValue) -> [Node] {
        let addresses = Set(
            (resources["pods"]?.array ?? []).filter { $0["hostNetwork"] == true }.compactMap { $0["ip"]?.string })
        return addresses.sorted().map { address in
            Node(
                metadata: ObjectMeta(
                    name: address, labels: ["kubernetes.io/os": "linux", "kubernetes.io/hostname": address]),
                addresses: IPAddress(address).map { [$0] } ?? [])
        }
    }

    private static func check(_ step: JSONValue, _ cluster: Cluster, _ checks: inout Int) -> [String] {
        let evaluator = cluster.evaluator
        var faults: [String] = []
        for probe in step["probes"]?.array ?? [] {
            let from = probe["from"]?.string ?? ""
            let to = probe["toIP"]?.string ?? ""
            guard let source = cluster.pods[Target.key(from)], let address = IPAddress(to),
                let transport = TransportProtocol(kubernetesName: probe["protocol"]?.string ?? ""),
                let port = probe["port"]?.integer.flatMap({ UInt16(exactly: $0) }),
                case .bool(let wanted)? = probe["allowed"]
            else {
                faults.append("cannot read the probe from \(from) to \(to)")
                continue
            }
            guard let verdicts = cluster.judge(evaluator, from: source, to: address, transport.rawValue, port) else {
                faults.append("\(from) has no address")
                continue
            }
            checks += 1
            if let difference = verdicts.difference { faults.append(difference) }
            let allowed = verdicts.egress && verdicts.ingress
            if allowed != wanted {
                faults.append("\(from) to \(to) \(transport.kubernetesName)/\(port): allowed is \(allowed)")
            }
        }
        return faults
    }
}
