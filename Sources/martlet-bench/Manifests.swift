import JSONText

/// The objects that the benchmark applies.
enum Manifests {
    /// The port of a measured server.
    static let port: UInt16 = 9_000
    /// Ways to one Pod have a port each: what a connection by one of them leaves at the server (TIME_WAIT, with the
    /// sequence numbers and timestamps of another destination) would hold up the same port by another.
    static let portAtSocket: UInt16 = 9_002
    static let portPerPacket: UInt16 = 9_003
    static var ports: [UInt16] { [port, portAtSocket, portPerPacket] }
    /// Where packets go that are not answered.
    static let drainPort: UInt16 = 9_001

    static func pod(_ name: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string(name), "namespace": "bench", "labels": ["app": .string(name), "stage": "a"]],
            "spec": [
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    ["name": "main", "image": "martlet.local/shop:1", "imagePullPolicy": "IfNotPresent"]
                ],
            ],
        ]
    }

    /// A Pod that is bound to the node, and that the node agent leaves alone because it asks what is not supported: its
    /// ADD is the benchmark's.
    static func boundPod(_ name: String, node: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string(name), "namespace": "bench-cni", "labels": ["app": "added"]],
            "spec": [
                "nodeName": .string(node), "hostUsers": false,
                "containers": [["name": "main", "image": "martlet.local/shop:1"]],
            ],
        ]
    }

    /// Closes both Pods but for what is measured; `extraPort` is what a change changes.
    static func policy(extraPort: Int64) -> JSONValue {
        let ports = JSONValue.array((Self.ports.map(Int64.init) + [extraPort]).map { ["port": .integer($0)] })
        return [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": "measured", "namespace": "bench"],
            "spec": [
                "podSelector": [:], "policyTypes": ["Ingress", "Egress"],
                "ingress": [["from": [["podSelector": ["matchLabels": ["app": "client"]]]], "ports": ports]],
                "egress": [["to": [["podSelector": ["matchLabels": ["app": "server"]]]], "ports": ports]],
            ],
        ]
    }

    /// Allows Pods with `label` in `namespace` to be reached from those of `app`, by `port`.
    static func ingressPolicy(
        _ name: String, namespace: String, selecting label: (String, String), from app: String, port: Int64
    ) -> JSONValue {
        [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "spec": [
                "podSelector": ["matchLabels": [label.0: .string(label.1)]], "policyTypes": ["Ingress"],
                "ingress": [
                    [
                        "from": [["podSelector": ["matchLabels": ["app": .string(app)]]]],
                        "ports": [["port": .integer(port)]],
                    ]
                ],
            ],
        ]
    }

    /// The UDP port that each of so many rules allows.
    static func rulePorts(_ rules: Int) -> [UInt16] {
        (0..<max(0, rules - 1)).map { UInt16(20_001 + 2 * $0) } + (rules > 0 ? [drainPort] : [])
    }

    /// Lets the client send to the server's drain by the last of `rules` rules; the others are of other ports.
    static func rules(_ rules: Int) -> JSONValue {
        let ports = rulePorts(rules).map { JSONValue.object(["port": .integer(Int64($0)), "protocol": "UDP"]) }
        return [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": "rules", "namespace": "bench"],
            "spec": [
                "podSelector": ["matchLabels": ["app": "client"]], "policyTypes": ["Egress"],
                "egress": [
                    ["to": [["podSelector": ["matchLabels": ["app": "server"]]]], "ports": .array(ports)]
                ],
            ],
        ]
    }

    static func service(_ name: String, ports: [UInt16] = [port]) -> JSONValue {
        let entries = ports.map { port -> JSONValue in
            ["name": .string("p\(port)"), "port": .integer(Int64(port)), "targetPort": .integer(Int64(port))]
        }
        return [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name), "namespace": "bench"],
            "spec": ["selector": ["app": "server"], "ports": .array(entries)],
        ]
    }

    /// A Service whose endpoints the benchmark writes.
    static func ownService(_ name: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name), "namespace": "bench"],
            "spec": ["ports": [["port": .integer(Int64(port)), "targetPort": .integer(Int64(port))]]],
        ]
    }

    static func slice(of service: String, addresses: [String]) -> JSONValue {
        [
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": [
                "name": .string(service + "-own"), "namespace": "bench",
                "labels": ["kubernetes.io/service-name": .string(service)],
            ],
            "addressType": "IPv4",
            "ports": [["name": "", "protocol": "TCP", "port": .integer(Int64(port))]],
            "endpoints": .array(
                addresses.map { ["addresses": [.string($0)], "conditions": ["ready": true]] }),
        ]
    }

    static func configMap(_ name: String, _ namespace: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "data": ["text": .string(String(repeating: "x", count: 1_024))],
        ]
    }
}
