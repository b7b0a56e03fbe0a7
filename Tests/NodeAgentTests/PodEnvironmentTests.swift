import JSONText
import NodeAgent
import Testing

@Suite struct PodEnvironmentTests {
    private func configuration() -> NodeAgentConfiguration {
        var configuration = NodeAgentConfiguration(
            nodeName: "n", containerdSocket: "", rootDirectory: "", logDirectory: "", nodeAddresses: ["192.0.2.1"])
        configuration.cpuCount = 4
        configuration.memoryBytes = 8 << 30
        configuration.clusterDNS = ["10.96.0.10"]
        return configuration
    }

    private func pod(_ container: JSONValue, spec: [String: JSONValue] = [:]) throws -> PodObject {
        var members: [String: JSONValue] = ["containers": [container], "nodeName": "n", "serviceAccountName": "sa"]
        members.merge(spec) { $1 }
        return try #require(
            PodObject([
                "metadata": [
                    "name": "p", "namespace": "ns", "uid": "u", "labels": ["b": "2", "a": "one\"\n"],
                    "annotations": ["k/x": "y"],
                ], "spec": .object(members),
            ]))
    }

    private func variables(_ container: JSONValue, _ objects: ReferencedObjects = ReferencedObjects()) throws
        -> [String: String]
    {
        let pod = try pod(container)
        let environment = PodEnvironment(
            pod, objects, addresses: ["10.0.0.7", "fd00::7"], configuration: configuration())
        let found = try environment.variables(of: pod.containers[0])
        return Dictionary(found.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    @Test(arguments: [
        ("plain", "plain"), ("$(A)", "1"), ("x$(A)y$(B)z", "x1y2z"), ("$$(A)", "$(A)"), ("$(NO)", "$(NO)"),
        ("$A", "$A"), ("$(A", "$(A"), ("$$$(A)", "$1"), ("tail$", "tail$"), ("", ""),
    ])
    func referencesAreExpanded(text: String, expected: String) {
        #expect(PodEnvironment.expand(text, ["A": "1", "B": "2"]) == expected)
    }

    @Test func earlierVariablesAreSeenLaterOnesAreNot() throws {
        let found = try variables([
            "name": "c",
            "env": [
                ["name": "A", "value": "$(B)"], ["name": "B", "value": "b"], ["name": "C", "value": "$(B)$(A)"],
                ["name": "B", "value": "again"],
            ],
        ])
        #expect(found == ["A": "$(B)", "B": "again", "C": "b$(B)"])
    }

    @Test func sourcesFillInTheirOrder() throws {
        var objects = ReferencedObjects()
        objects.configMaps["m"] = ["data": ["K": "map", "L": "map"]]
        objects.secrets["s"] = ["data": ["K": "c2VjcmV0"]]
        let found = try variables(
            [
                "name": "c",
                "envFrom": [
                    ["configMapRef": ["name": "m"]], ["prefix": "P_", "secretRef": ["name": "s"]],
                    ["configMapRef": ["name": "absent", "optional": true]],
                ],
                "env": [
                    ["name": "L", "valueFrom": ["secretKeyRef": ["name": "s", "key": "K"]]],
                    ["name": "N", "valueFrom": ["configMapKeyRef": ["name": "m", "key": "?", "optional": true]]],
                ],
            ], objects)
        #expect(found == ["K": "map", "L": "secret", "P_K": "secret"])
    }

    @Test func whatIsMissingIsNamed() throws {
        let container: JSONValue = [
            "name": "c", "env": [["name": "X", "valueFrom": ["configMapKeyRef": ["name": "m", "key": "k"]]]],
        ]
        let error = try #require(throws: NodeAgentError.self) { try variables(container) }
        #expect(error.message == "container c: env X: ConfigMap \"m\" not found")
    }

    @Test(arguments: [
        ("metadata.name", "p"), ("metadata.uid", "u"), ("metadata.labels['b']", "2"),
        ("metadata.annotations['k/x']", "y"), ("spec.nodeName", "n"), ("spec.serviceAccountName", "sa"),
        ("status.hostIP", "192.0.2.1"), ("status.podIP", "10.0.0.7"), ("status.podIPs", "10.0.0.7,fd00::7"),
        ("metadata.labels", "a=\"one\\\"\\n\"\nb=\"2\""),
    ])
    func fieldsOfThePodAreRead(path: String, expected: String) throws {
        let source: JSONValue = [
            "name": "c", "env": [["name": "X", "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]],
        ]
        #expect(try variables(source)["X"] == expected)
    }

    @Test(arguments: [
        ("limits.cpu", "1", "2"), ("limits.cpu", "1m", "1500"), ("requests.memory", "1Mi", "64"),
        ("limits.memory", "1Gi", "8"), ("requests.cpu", "1", "0"),
    ])
    func resourcesAreDividedAndRoundedUp(resource: String, divisor: String, expected: String) throws {
        let container: JSONValue = [
            "name": "c", "resources": ["limits": ["cpu": "1500m"], "requests": ["memory": "64Mi"]],
            "env": [
                [
                    "name": "X",
                    "valueFrom": ["resourceFieldRef": ["resource": .string(resource), "divisor": .string(divisor)]],
                ]
            ],
        ]
        #expect(try variables(container)["X"] == expected)
    }

    @Test func servicesAreVariables() throws {
        var objects = ReferencedObjects()
        objects.services = [
            [
                "metadata": ["name": "my-db", "namespace": "ns"],
                "spec": ["clusterIP": "10.96.0.5", "ports": [["name": "sql-in", "port": 5432, "protocol": "TCP"]]],
            ], ["metadata": ["name": "headless", "namespace": "ns"], "spec": ["clusterIP": "None"]],
        ]
        let found = try variables(["name": "c"], objects)
        #expect(found["MY_DB_SERVICE_HOST"] == "10.96.0.5")
        #expect(found["MY_DB_SERVICE_PORT"] == "5432")
        #expect(found["MY_DB_SERVICE_PORT_SQL_IN"] == "5432")
        #expect(found["MY_DB_PORT"] == "tcp://10.96.0.5:5432")
        #expect(found["MY_DB_PORT_5432_TCP_ADDR"] == "10.96.0.5")
        #expect(!found.keys.contains { $0.hasPrefix("HEADLESS") })
    }

    @Test(arguments: [
        ("1", Int64(1000)), ("250m", 250), ("1.5Gi", 1_610_612_736_000), ("2e3", 2_000_000), ("100n", 1),
        ("1k", 1_000_000),
    ])
    func quantitiesAreRead(text: String, thousandths: Int64) {
        #expect(ResourceQuantity(text)?.thousandths == thousandths)
    }

    @Test(arguments: ["", "x", "1x", "1 Gi", "Gi"])
    func otherTextsAreNoQuantities(text: String) { #expect(ResourceQuantity(text) == nil) }

    @Test(arguments: [
        ("ClusterFirst", false, ["10.96.0.10"], ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"]),
        ("ClusterFirst", true, ["192.0.2.53"], ["lan"]), ("Default", false, ["192.0.2.53"], ["lan"]),
        (
            "ClusterFirstWithHostNet", true, ["10.96.0.10"],
            ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"]
        ),
        ("None", false, [], []),
    ])
    func resolversFollowThePolicy(policy: String, isHost: Bool, servers: [String], searches: [String]) throws {
        let pod = try pod(
            ["name": "c"],
            spec: [
                "dnsPolicy": .string(policy), "hostNetwork": .bool(isHost),
                "dnsConfig": ["nameservers": ["9.9.9.9"], "options": [["name": "ndots", "value": "2"]]],
            ])
        let node = "nameserver 192.0.2.53\nsearch lan\noptions ndots:1 edns0\n"
        let resolver = HostFiles(pod, configuration: configuration()).resolver(node: node)
        #expect(resolver.servers == servers + ["9.9.9.9"])
        #expect(resolver.searches == searches)
        #expect(resolver.options.filter { $0.hasPrefix("ndots") } == ["ndots:2"])
    }

    @Test func theHostsFileNamesThePodAndItsAliases() throws {
        let pod = try pod(
            ["name": "c"],
            spec: [
                "subdomain": "peers", "hostname": "first",
                "hostAliases": [["ip": "192.0.2.9", "hostnames": ["one", "two"]]],
            ])
        let files = HostFiles(pod, configuration: configuration())
        let text = files.hosts(addresses: ["10.0.0.7"])
        #expect(text.contains("127.0.0.1\tlocalhost\n"))
        #expect(text.contains("10.0.0.7\tfirst.peers.ns.svc.cluster.local\tfirst\n"))
        #expect(text.hasSuffix("192.0.2.9\tone\ttwo\n"))
        #expect(files.hostname == "first")
    }
}
