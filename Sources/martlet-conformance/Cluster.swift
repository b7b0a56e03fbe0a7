import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import PolicyKernel

/// The objects of a case, known to all engines: the evaluator, the compiler with the maps that its deltas fill, and the
/// kernel, where there is one.
struct Cluster {
    private(set) var namespaces: [String: [String: String]] = [:]
    private(set) var pods: [ObjectKey: Pod] = [:]
    private var policies: [ObjectKey: NetworkPolicy] = [:]
    private var clusterPolicies: [ObjectKey: ClusterNetworkPolicy] = [:]
    private var nodes: [Node] = []
    private var endpoints: [ObjectKey: UInt32] = [:]
    private var nextEndpoint: UInt32 = 1
    private var compiler = PolicyCompiler()
    private(set) var maps = PolicyMaps()
    private var defaultPorts: [ContainerPort] = []
    /// What the compiler could not take, and objects that could not be read.
    private(set) var faults: [String] = []
    private let kernel: KernelEngine?

    /// `namespaces`: name → labels; `pods`: as the files have them.
    init(_ resources: JSONValue, _ kernel: KernelEngine?) {
        self.kernel = kernel
        maps.clusterPods = KernelEngine.clusterPods
        reach { try $0.reset() }
        for (name, labels) in (resources["namespaces"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            setNamespace(name, Self.labels(labels))
        }
        for pod in resources["pods"]?.array ?? [] {
            let name = pod["name"]?.string ?? ""
            let ports = Self.ports(pod["ports"] ?? pod["namedPorts"])
            if defaultPorts.isEmpty { defaultPorts = ports }
            setPod(
                ObjectKey(pod["namespace"]?.string ?? "", name), Self.labels(pod["labels"]), pod["ip"]?.string, ports,
                isHostNetwork: pod["hostNetwork"] == true)
        }
    }

    /// Does something to the kernel; what goes wrong speaks against the case.
    private mutating func reach(_ body: (KernelEngine) throws -> Void) {
        guard let kernel else { return }
        do { try body(kernel) } catch { faults.append("kernel: \(error)") }
    }

    static func labels(_ value: JSONValue?) -> [String: String] { (value?.object ?? [:]).compactMapValues(\.string) }

    static func ports(_ value: JSONValue?) -> [ContainerPort] {
        (value?.array ?? []).compactMap { entry in
            guard let number = entry["port"]?.integer,
                let transport = TransportProtocol(kubernetesName: entry["protocol"]?.string ?? "TCP")
            else { return nil }
            return ContainerPort(name: entry["name"]?.string ?? "", transport: transport, number: UInt16(number))
        }
    }

    // MARK: Actions

    mutating func perform(_ action: JSONValue) {
        let namespace = action["namespace"]?.string ?? ""
        let pod = ObjectKey(namespace, action["pod"]?.string ?? "")
        switch action["op"]?.string ?? "" {
        case "createPolicy", "updatePolicy", "createClusterNetworkPolicy", "updateClusterNetworkPolicy":
            add(policy: action["policy"] ?? .null)
        case "deletePolicy", "deleteClusterNetworkPolicy":
            remove(policy: ObjectKey(namespace, action["name"]?.string ?? ""))
        case "createNamespace", "setNamespaceLabels": setNamespace(namespace, Self.labels(action["labels"]))
        case "deleteNamespace":
            for key in pods.keys.filter({ $0.namespace == namespace }) { removePod(key) }
            for key in policies.keys.filter({ $0.namespace == namespace }) { remove(policy: key) }
            namespaces[namespace] = nil
            take([.namespaceRemoved(namespace)])
        case "createPod":
            // Without an address of its own: the one after the highest.
            let address = action["ip"]?.string ?? pods.values.flatMap(\.addresses).max()?.description
            setPod(pod, Self.labels(action["labels"]), address, defaultPorts)
        case "setPodLabels":
            let old = pods[pod]
            setPod(
                pod, Self.labels(action["labels"]), old?.addresses.first?.description, old?.ports ?? [],
                isHostNetwork: old?.isHostNetwork ?? false)
        case "deletePod": removePod(pod)
        case let other: faults.append("unknown action \(other)")
        }
    }

    mutating func add(policy object: JSONValue) {
        do {
            if object["kind"] == "ClusterNetworkPolicy" {
                let policy = try ClusterNetworkPolicy(object)
                clusterPolicies[policy.key] = policy
                take([.clusterPolicy(policy)])
            } else {
                let policy = try NetworkPolicy(object)
                policies[policy.key] = policy
                take([.policy(policy)])
            }
        } catch {
            faults.append("\(error)")
        }
    }

    private mutating func remove(policy key: ObjectKey) {
        policies[key] = nil
        clusterPolicies[key] = nil
        take([.policyRemoved(key)])
    }

    mutating func set(node: Node) {
        nodes.removeAll { $0.name == node.name }
        nodes.append(node)
        take([.node(node)])
    }

    private mutating func setNamespace(_ name: String, _ labels: [String: String]) {
        namespaces[name] = labels
        take([.namespace(name: name, labels: labels)])
    }

    private mutating func setPod(
        _ key: ObjectKey, _ labels: [String: String], _ address: String?, _ ports: [ContainerPort],
        isHostNetwork: Bool = false
    ) {
        guard let address = address.flatMap({ free($0, for: key) }) else {
            faults.append("pod \(key) has no address")
            return
        }
        let pod = Pod(
            metadata: ObjectMeta(namespace: key.namespace, name: key.name, labels: labels),
            isHostNetwork: isHostNetwork, addresses: [address], ports: ports)
        pods[key] = pod
        // A pod of the host network is no endpoint.
        if isHostNetwork { return }
        if !KernelEngine.clusterPods.contains(where: { $0.contains(address) }) {
            faults.append("pod \(key): \(address) is outside of the pod blocks that the kernel programs were given")
        }
        if endpoints[key] == nil {
            endpoints[key] = nextEndpoint
            nextEndpoint += 1
        }
        let endpoint = endpoints[key] ?? 0
        take([.pod(PolicyPod(pod, endpoint: endpoint, addresses: pod.addresses))])
        reach { try $0.setPod(endpoint: endpoint, addresses: pod.addresses) }
    }

    /// The address of a case, or the next free one where the case gives it to two pods.
    private func free(_ text: String, for key: ObjectKey) -> IPAddress? {
        let taken = Set(pods.values.filter { $0.key != key }.flatMap(\.addresses))
        var address = IPAddress(text)
        while let found = address, taken.contains(found) { address = found.advanced(by: 1) }
        return address
    }

    private mutating func removePod(_ key: ObjectKey) {
        if let pod = pods.removeValue(forKey: key) { reach { try $0.removePod(addresses: pod.addresses) } }
        if let endpoint = endpoints.removeValue(forKey: key) { maps.endpoints[endpoint] = nil }
        take([.podRemoved(key)])
    }

    private mutating func take(_ changes: [PolicyChange]) {
        let delta = compiler.apply(changes)
        faults += delta.problems.map(\.description)
        maps.apply(delta)
        guard let kernel else {
            maps.apply(compiler.release(delta.retired))
            return
        }
        do {
            try kernel.take(delta, &compiler) { maps.apply($0) }
        } catch {
            faults.append("kernel: \(error)")
        }
    }

    // MARK: Verdicts

    var evaluator: PolicyEvaluator {
        PolicyEvaluator(
            namespaces: namespaces, policies: Array(policies.values),
            clusterPolicies: Array(clusterPolicies.values), nodes: nodes, podCIDRs: KernelEngine.clusterPods)
    }

    struct Verdicts {
        let egress: Bool
        let ingress: Bool
        /// Where two engines differ, what they say.
        let difference: String?
    }

    /// Asks all engines about one flow between pods. Nil where one of them has no address.
    func judge(
        _ evaluator: PolicyEvaluator, from source: Pod, to destination: Pod, _ transport: UInt8, _ port: UInt16
    ) -> Verdicts? {
        destination.addresses.first.flatMap { judge(evaluator, from: source, to: $0, transport, port) }
    }

    /// Asks all engines about one flow from a pod to an address, a pod's or not.
    func judge(
        _ evaluator: PolicyEvaluator, from source: Pod, to address: IPAddress, _ transport: UInt8, _ port: UInt16
    ) -> Verdicts? {
        guard let from = source.addresses.first else { return nil }
        let destination = pods.values.first { $0.addresses.contains(address) }
        let answer = evaluator.judge(
            .init(
                source: .init(from, pod: source), destination: .init(address, pod: destination), transport: transport,
                port: port))
        let fromEnd = PolicyMaps.End(endpoint: endpoints[source.key], address: from)
        let toEnd = PolicyMaps.End(endpoint: destination.flatMap { endpoints[$0.key] }, address: address)
        let egress = maps.judge(.egress, subject: fromEnd, peer: toEnd, transport: transport, port: port)
        let ingress = maps.judge(.ingress, subject: toEnd, peer: fromEnd, transport: transport, port: port)
        var difference: String?
        var verdicts = [
            ("egress by the maps", RuleInfo.Direction.egress, answer.egress.decision, egress),
            ("ingress by the maps", .ingress, answer.ingress.decision, ingress),
        ]
        // A pod always reaches itself. The maps do not know that; the kernel's answer is by a rule id of its own.
        if source.key == destination?.key {
            verdicts = []
        } else if let kernel {
            do {
                let found = try kernel.judge(from: from, to: address, transport: transport, port: port)
                verdicts.append(("egress by the kernel", .egress, answer.egress.decision, found.egress))
                verdicts.append(("ingress by the kernel", .ingress, answer.ingress.decision, found.ingress))
            } catch {
                difference = "kernel: \(error)"
            }
        }
        for (name, direction, decision, verdict) in verdicts
        where !compiler.agrees(verdict, with: decision, direction) {
            difference =
                "\(source.key) to \(address) port \(port): \(name) \(verdict.isAllowed ? "allowed" : "denied") "
                + "by rule \(verdict.ruleID), the evaluator: \(decision)"
        }
        return Verdicts(
            egress: answer.egress.decision.isAllowed, ingress: answer.ingress.decision.isAllowed,
            difference: difference)
    }
}
