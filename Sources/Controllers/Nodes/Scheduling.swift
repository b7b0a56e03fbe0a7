/// Chooses a node for a pod. Pure.
struct Scheduling: Sendable {
    enum Decision: Equatable {
        case bind(node: String)
        /// Why no node will do, in the words that `kubectl describe` shows.
        case unschedulable(message: String)
    }

    private struct Usage {
        var cpuMillis: Int64 = 0
        var memoryBytes: Int64 = 0
        var pods: Int64 = 0
        var hostPorts: [SchedulingPod.HostPort] = []
    }

    let nodes: [SchedulingNode]
    private var usage: [String: Usage] = [:]

    /// `bound` are the pods that take room already.
    init(nodes: [SchedulingNode], bound: some Sequence<SchedulingPod>) {
        self.nodes = nodes
        for pod in bound where !pod.nodeName.isEmpty && !pod.isFinished {
            usage[pod.nodeName, default: Usage()].cpuMillis += pod.cpuMillis
            usage[pod.nodeName, default: Usage()].memoryBytes += pod.memoryBytes
            usage[pod.nodeName, default: Usage()].pods += 1
            usage[pod.nodeName, default: Usage()].hostPorts += pod.hostPorts
        }
    }

    /// The node with the largest share of CPU and memory left; by name where that is equal.
    /// - Parameter pod: one that waits.
    func decide(_ pod: SchedulingPod) -> Decision {
        guard let wish = pod.wish else { preconditionFailure("a pod is decided on while it waits for a node") }
        var reasons: [String: Int] = [:]
        var best: (node: SchedulingNode, free: Double)?
        for node in nodes.sorted(by: { $0.name < $1.name }) {
            let refusals = refusals(pod, wish, node)
            for reason in refusals { reasons[reason, default: 0] += 1 }
            guard refusals.isEmpty else { continue }
            let free = freeShare(pod, node)
            if best == nil || free > best?.free ?? 0 { best = (node, free) }
        }
        if let best { return .bind(node: best.node.name) }
        if nodes.isEmpty { return .unschedulable(message: "no nodes available to schedule pods") }
        let list = reasons.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return .unschedulable(message: "0/\(nodes.count) nodes are available: \(list).")
    }

    private func refusals(_ pod: SchedulingPod, _ wish: SchedulingPod.Wish, _ node: SchedulingNode) -> [String] {
        if node.isUnschedulable,
            !wish.tolerations.contains(where: { $0.tolerates(Self.unschedulableTaint) })
        {
            return ["node(s) were unschedulable"]
        }
        if let taint = node.taints.first(where: { taint in
            (taint.effect == "NoSchedule" || taint.effect == "NoExecute")
                && !wish.tolerations.contains { $0.tolerates(taint) }
        }) {
            return ["node(s) had untolerated taint \(taint)"]
        }
        let isSelected = wish.nodeSelector.allSatisfy { node.labels[$0.key] == $0.value }
        if !isSelected || !(wish.affinity?.matches(node) ?? true) {
            return ["node(s) didn't match Pod's node affinity/selector"]
        }
        let used = usage[node.name] ?? Usage()
        var refusals: [String] = []
        if pod.hostPorts.contains(where: { port in used.hostPorts.contains { port.collides(with: $0) } }) {
            refusals.append("node(s) didn't have free ports for the requested pod ports")
        }
        if used.pods + 1 > node.podsMax { refusals.append("Too many pods") }
        if pod.cpuMillis > 0, used.cpuMillis + pod.cpuMillis > node.cpuMillis { refusals.append("Insufficient cpu") }
        if pod.memoryBytes > 0, used.memoryBytes + pod.memoryBytes > node.memoryBytes {
            refusals.append("Insufficient memory")
        }
        return refusals
    }

    private static let unschedulableTaint = SchedulingNode.Taint(
        key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule")

    private func freeShare(_ pod: SchedulingPod, _ node: SchedulingNode) -> Double {
        let used = usage[node.name] ?? Usage()
        let cpu = Double(node.cpuMillis - used.cpuMillis - pod.cpuMillis) / Double(max(node.cpuMillis, 1))
        let memory = Double(node.memoryBytes - used.memoryBytes - pod.memoryBytes) / Double(max(node.memoryBytes, 1))
        return (cpu + memory) / 2
    }
}
