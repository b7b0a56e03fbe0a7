import APIClient
import JSONText
import KubeObjects
import NetTypes

/// The cases' objects on a real node: what is there is kept from case to case, since containers take their time; only
/// labels and policies change, and pods that a case creates or deletes.
struct RealCluster {
    /// On every pod, so that its Service finds it whatever a case does to its labels.
    private static let mark = "martlet.local/pod"

    struct RealPod {
        var labels: [String: String]
        let ports: [ContainerPort]
        let address: IPAddress
        let serviceAddress: IPAddress
        let number: UInt32
    }

    let node: RealNode
    let dialler: Dialler
    private(set) var pods: [ObjectKey: RealPod] = [:]
    private var namespaces: [String: [String: String]] = [:]
    private var policies: [String: String] = [:]
    private var stated: [ObjectKey: IPAddress] = [:]
    private var defaultPorts: [ContainerPort] = []
    private var nextNumber: UInt32 = 1

    init(_ node: RealNode, _ dialler: Dialler) {
        self.node = node
        self.dialler = dialler
    }

    private struct Wanted {
        let key: ObjectKey
        let labels: [String: String]
        let ports: [ContainerPort]
    }

    private static func wanted(_ resources: JSONValue) -> [Wanted] {
        (resources["pods"]?.array ?? []).map {
            Wanted(
                key: ObjectKey($0["namespace"]?.string ?? "", $0["name"]?.string ?? ""),
                labels: Cluster.labels($0["labels"]), ports: Cluster.ports($0["ports"]))
        }
    }

    /// Makes what the cases of a file start from: the union of their namespaces and pods.
    mutating func prepare(_ resources: [JSONValue]) async throws {
        var wanted: [ObjectKey: Wanted] = [:]
        for entry in resources {
            for (name, labels) in entry["namespaces"]?.object ?? [:] where namespaces[name] == nil {
                try await setNamespace(name, Cluster.labels(labels))
            }
            for pod in Self.wanted(entry) {
                let ports =
                    (wanted[pod.key]?.ports ?? [])
                    + pod.ports.filter {
                        wanted[pod.key]?.ports.contains($0) != true
                    }
                wanted[pod.key] = Wanted(key: pod.key, labels: pod.labels, ports: ports)
            }
        }
        try await make(wanted.values.filter { pods[$0.key] == nil }.sorted { $0.key < $1.key })
    }

    /// Brings everything to the start of a case.
    mutating func reset(_ resources: JSONValue) async throws {
        for key in policies.keys { try await removePolicy(Target.key(key)) }
        let wanted = Self.wanted(resources)
        defaultPorts = wanted.first?.ports ?? []
        stated = [:]
        for (name, labels) in resources["namespaces"]?.object ?? [:] {
            try await setNamespace(name, Cluster.labels(labels))
        }
        for (pod, entry) in zip(wanted, resources["pods"]?.array ?? []) {
            stated[pod.key] = entry["ip"]?.string.flatMap { IPAddress($0) }
            if pods[pod.key] == nil { try await make([pod]) }
            try await setLabels(pod.key, pod.labels)
        }
    }

    func settle() async throws { try await node.settle(policies) }

    // MARK: Actions

    mutating func perform(_ action: JSONValue) async throws {
        let namespace = action["namespace"]?.string ?? ""
        let pod = ObjectKey(namespace, action["pod"]?.string ?? "")
        switch action["op"]?.string ?? "" {
        case "createPolicy", "updatePolicy": try await write(policy: action["policy"] ?? .null)
        case "deletePolicy": try await removePolicy(ObjectKey(namespace, action["name"]?.string ?? ""))
        case "createNamespace", "setNamespaceLabels":
            try await setNamespace(namespace, Cluster.labels(action["labels"]))
        case "deleteNamespace": try await removeNamespace(namespace)
        case "createPod":
            try await make([Wanted(key: pod, labels: Cluster.labels(action["labels"]), ports: defaultPorts)])
        case "setPodLabels": try await setLabels(pod, Cluster.labels(action["labels"]))
        case "deletePod": try await removePod(pod)
        case let other: throw RealNode.Fault(description: "unknown action \(other)")
        }
    }

    private mutating func write(policy: JSONValue) async throws {
        let pairs = stated.compactMap { key, address in pods[key].map { (stated: address, real: $0.address) } }
        let body = try AddressSubstitution(pairs).policy(policy)
        let key = ObjectKey(
            body[path: "metadata", "namespace"]?.string ?? "", body[path: "metadata", "name"]?.string ?? "")
        let reference = ObjectReference(.networkPolicies, namespace: key.namespace, name: key.name)
        let written =
            policies[key.description] == nil
            ? try await node.api.create(reference, subresource: "", body)
            : try await node.api.update(reference, subresource: "", body)
        policies[key.description] = written[path: "metadata", "resourceVersion"]?.string ?? ""
    }

    private mutating func removePolicy(_ key: ObjectKey) async throws {
        let reference = ObjectReference(.networkPolicies, namespace: key.namespace, name: key.name)
        _ = try await node.api.delete(reference, options: nil)
        policies[key.description] = nil
    }

    private mutating func setNamespace(_ name: String, _ labels: [String: String]) async throws {
        if namespaces[name] == labels { return }
        let all = labels.merging(["kubernetes.io/metadata.name": name]) { $1 }
        let reference = ObjectReference(.namespaces, name: name)
        if namespaces[name] == nil {
            _ = try await node.api.create(
                reference, subresource: "",
                [
                    "apiVersion": "v1", "kind": "Namespace",
                    "metadata": ["name": .string(name), "labels": Self.json(all)],
                ])
            // Without it no pod is admitted.
            try await waitUntilThere(ObjectReference(.serviceAccounts, namespace: name, name: "default"))
        } else {
            try await replaceLabels(reference, all)
        }
        namespaces[name] = labels
    }

    private mutating func removeNamespace(_ name: String) async throws {
        for key in pods.keys where key.namespace == name { forget(key) }
        policies = policies.filter { Target.key($0.key).namespace != name }
        let reference = ObjectReference(.namespaces, name: name)
        _ = try await node.api.delete(reference, options: nil)
        try await waitUntilGone(reference)
        namespaces[name] = nil
    }

    private mutating func setLabels(_ key: ObjectKey, _ labels: [String: String]) async throws {
        guard let pod = pods[key] else { throw RealNode.Fault(description: "\(key) is not there") }
        if pod.labels == labels { return }
        try await replaceLabels(
            ObjectReference(.pods, namespace: key.namespace, name: key.name),
            labels.merging([Self.mark: "\(key.namespace).\(key.name)"]) { $1 })
        pods[key]?.labels = labels
    }

    private func replaceLabels(_ reference: ObjectReference, _ labels: [String: String]) async throws {
        _ = try await node.api.patch(
            reference, subresource: "", type: .json, fieldManager: "conformance", force: false,
            [["op": "add", "path": "/metadata/labels", "value": Self.json(labels)]])
    }

    private static func json(_ labels: [String: String]) -> JSONValue { .object(labels.mapValues { .string($0) }) }

    // MARK: Pods

    private mutating func removePod(_ key: ObjectKey) async throws {
        forget(key)
        let service = ObjectReference(.services, namespace: key.namespace, name: Self.service(key))
        _ = try await node.api.delete(service, options: nil)
        let reference = ObjectReference(.pods, namespace: key.namespace, name: key.name)
        _ = try await node.api.delete(reference, options: nil)
        try await waitUntilGone(reference)
    }

    private mutating func forget(_ key: ObjectKey) {
        if let pod = pods.removeValue(forKey: key) { dialler.remove(pod.number) }
        stated[key] = nil
    }

    private func waitUntilGone(_ reference: ObjectReference) async throws {
        try await node.wait("\(reference.resource.name) \(reference.name) is gone") {
            try await !isThere(reference)
        }
    }

    private func waitUntilThere(_ reference: ObjectReference) async throws {
        try await node.wait("\(reference.resource.name) \(reference.name) is there") {
            try await isThere(reference)
        }
    }

    private func isThere(_ reference: ObjectReference) async throws -> Bool {
        do throws(APIError) {
            _ = try await node.api.get(reference, subresource: "")
            return true
        } catch {
            if error.isNotFound { return false }
            throw error
        }
    }

    private static func service(_ key: ObjectKey) -> String { "s-\(key.namespace)-\(key.name)" }

    /// Creates pods and their Services, and waits for containers, addresses and backends.
    private mutating func make(_ wanted: [Wanted]) async throws {
        var services: [ObjectKey: IPAddress] = [:]
        for pod in wanted {
            let service = try await node.api.create(
                ObjectReference(.services, namespace: pod.key.namespace, name: Self.service(pod.key)), subresource: "",
                Self.serviceBody(pod))
            services[pod.key] = service[path: "spec", "clusterIP"]?.string.flatMap { IPAddress($0) }
            _ = try await node.api.create(
                ObjectReference(.pods, namespace: pod.key.namespace, name: pod.key.name), subresource: "",
                Self.podBody(pod))
        }
        for pod in wanted {
            let reference = ObjectReference(.pods, namespace: pod.key.namespace, name: pod.key.name)
            var running: JSONValue = .null
            try await node.wait("\(pod.key) is running") {
                running = try await node.api.get(reference, subresource: "")
                let conditions = running[path: "status", "conditions"]?.array ?? []
                return conditions.contains { $0["type"] == "Ready" && $0["status"] == "True" }
            }
            let uid = running[path: "metadata", "uid"]?.string ?? ""
            guard let address = running[path: "status", "podIP"]?.string.flatMap({ IPAddress($0) }),
                let serviceAddress = services[pod.key]
            else { throw RealNode.Fault(description: "\(pod.key) or its Service has no address") }
            try dialler.add(
                nextNumber, try node.networkNamespace(of: pod.key, uid: uid), address,
                pod.ports.map { .init(transport: $0.transport, port: $0.number) })
            pods[pod.key] = RealPod(
                labels: pod.labels, ports: pod.ports, address: address, serviceAddress: serviceAddress,
                number: nextNumber)
            nextNumber += 1
        }
        let names = wanted.map { "\($0.key.namespace)/\(Self.service($0.key))" }
        try await node.wait("Services have backends") {
            let backends = try node.backends()
            return names.allSatisfy { backends[$0] == 1 }
        }
    }

    private static func serviceBody(_ pod: Wanted) -> JSONValue {
        let ports = pod.ports.map { port -> JSONValue in
            [
                "name": .string("p\(port.number)-\(port.transport.kubernetesName.lowercased())"),
                "port": .integer(Int64(port.number)), "protocol": .string(port.transport.kubernetesName),
            ]
        }
        return [
            "apiVersion": "v1", "kind": "Service",
            "metadata": ["namespace": .string(pod.key.namespace), "name": .string(service(pod.key))],
            "spec": [
                "selector": [mark: .string("\(pod.key.namespace).\(pod.key.name)")], "ports": .array(ports),
            ],
        ]
    }

    private static func podBody(_ pod: Wanted) -> JSONValue {
        let labels = pod.labels.merging([mark: "\(pod.key.namespace).\(pod.key.name)"]) { $1 }
        let ports = pod.ports.map { port -> JSONValue in
            [
                "name": .string(port.name), "containerPort": .integer(Int64(port.number)),
                "protocol": .string(port.transport.kubernetesName),
            ]
        }
        return [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "namespace": .string(pod.key.namespace), "name": .string(pod.key.name), "labels": json(labels),
            ],
            "spec": [
                "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false,
                "containers": [
                    [
                        "name": "case", "image": .string(RealNode.image), "imagePullPolicy": "IfNotPresent",
                        "command": ["/bin/shop", "wait"], "ports": .array(ports),
                    ]
                ],
            ],
        ]
    }
}
