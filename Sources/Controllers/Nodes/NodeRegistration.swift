package import APIClient
import JSONText
package import Logging
import ServiceLifecycle

/// What a node says of itself.
package struct NodeDescription: Sendable, Hashable {
    package var name: String
    /// Besides `kubernetes.io/hostname`, `os` and `arch`, which are set from the rest.
    package var labels: [String: String] = [:]
    package var internalAddresses: [String] = []
    package var cpuMillis: Int64
    package var memoryBytes: Int64
    package var ephemeralStorageBytes: Int64 = 0
    package var podsMax: Int64 = 110
    /// `status.nodeInfo` by its field names; the fields that the API requires are filled with empty text.
    package var info: [String: String] = [:]
    package var kubeletPort: Int64 = 0

    package init(name: String, cpuMillis: Int64, memoryBytes: Int64) {
        self.name = name
        self.cpuMillis = cpuMillis
        self.memoryBytes = memoryBytes
    }
}

/// Whether the node can run pods.
package struct NodeReadiness: Sendable, Hashable {
    package let isReady: Bool
    /// One word in CamelCase: `KubeletReady`, `ContainerRuntimeNotReady`.
    package let reason: String
    package let message: String
    /// `containerd://1.6.20`; empty while it is not known.
    package let runtimeVersion: String

    package init(isReady: Bool, reason: String, message: String, runtimeVersion: String = "") {
        self.isReady = isReady
        self.reason = reason
        self.message = message
        self.runtimeVersion = runtimeVersion
    }
}

/// Registers this node, keeps its status true, and renews its Lease as a sign of life.
package final class NodeRegistration: ServiceLifecycle.Service, Sendable {
    package static let leaseDurationSeconds: Int64 = 40
    static let leaseInterval = Duration.seconds(10)
    static let statusInterval = Duration.seconds(300)
    static let lookInterval = Duration.milliseconds(200)

    private let client: any APIClient
    private let description: NodeDescription
    private let readiness: @Sendable () async -> NodeReadiness
    private let clock: ControllerClock
    private let logger: Logger

    /// `readiness` is asked five times a second: it answers from memory.
    package init(
        client: any APIClient, description: NodeDescription, clock: ControllerClock = .system, logger: Logger,
        readiness: @escaping @Sendable () async -> NodeReadiness
    ) {
        self.client = client
        self.description = description
        self.clock = clock
        self.logger = logger
        self.readiness = readiness
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        var reported: NodeReadiness?
        var nextStatus = Duration.zero
        var nextLease = Duration.zero
        while !Task.isCancelled {
            let now = clock.now()
            let current = await readiness()
            do throws(APIError) {
                if current != reported || now >= nextStatus {
                    try await report(current)
                    reported = current
                    nextStatus = now + Self.statusInterval
                }
                if now >= nextLease {
                    try await renewLease()
                    nextLease = now + Self.leaseInterval
                    // Whoever missed the Lease for too long has called the node Unknown.
                    if try await !stands(current) { reported = nil }
                }
            } catch {
                logger.info("the node could not be reported", metadata: ["error": "\(error.message)"])
                reported = nil
            }
            do { try await clock.sleep(Self.lookInterval) } catch { return }
        }
    }

    // MARK: The Node

    private var reference: ObjectReference { ObjectReference(.nodes, name: description.name) }

    private func report(_ readiness: NodeReadiness) async throws(APIError) {
        let present: JSONValue
        do throws(APIError) {
            present = try await client.get(reference, subresource: "")
        } catch  where error.isNotFound {
            let new: JSONValue = [
                "apiVersion": "v1", "kind": "Node",
                "metadata": ["name": .string(description.name), "labels": .stringMap(labels)],
                "spec": [:],
            ]
            present = try await client.create(reference, subresource: "", new)
        }
        let old = present[path: "metadata", "labels"]?.stringMap ?? [:]
        if labels.contains(where: { old[$0.key] != $0.value }) {
            _ = try await client.mergePatch(reference, ["metadata": ["labels": .stringMap(labels)]])
        }
        let status = status(readiness, before: present["status"])
        _ = try await client.mergePatch(reference, subresource: "status", ["status": status])
    }

    /// Whether the Node says of its readiness what was reported.
    private func stands(_ readiness: NodeReadiness) async throws(APIError) -> Bool {
        let node: JSONValue
        do throws(APIError) {
            node = try await client.get(reference, subresource: "")
        } catch  where error.isNotFound {
            return false
        }
        let ready = (node[path: "status", "conditions"]?.array ?? []).first { $0["type"]?.string == "Ready" }
        return ready?["status"]?.string == (readiness.isReady ? "True" : "False")
    }

    private var labels: [String: String] {
        var labels = description.labels
        labels["kubernetes.io/hostname"] = description.name
        labels["kubernetes.io/os"] = description.info["operatingSystem"] ?? "linux"
        labels["kubernetes.io/arch"] = description.info["architecture"] ?? "amd64"
        return labels
    }

    private func status(_ readiness: NodeReadiness, before: JSONValue?) -> JSONValue {
        let capacity: JSONValue = .members([
            "cpu": .string(
                description.cpuMillis % 1_000 == 0 ? "\(description.cpuMillis / 1_000)" : "\(description.cpuMillis)m"),
            "memory": .string("\(description.memoryBytes / 1_024)Ki"),
            "ephemeral-storage": description.ephemeralStorageBytes > 0
                ? .string("\(description.ephemeralStorageBytes / 1_024)Ki") : nil,
            "pods": .string("\(description.podsMax)"),
        ])
        let addresses: [JSONValue] =
            description.internalAddresses.map { ["type": "InternalIP", "address": .string($0)] }
            + [["type": "Hostname", "address": .string(description.name)]]
        let required = [
            "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion",
            "kubeletVersion", "kubeProxyVersion", "operatingSystem", "architecture",
        ]
        var info = Dictionary(required.map { ($0, "") }, uniquingKeysWith: { first, _ in first })
        info.merge(description.info) { $1 }
        if !readiness.runtimeVersion.isEmpty { info["containerRuntimeVersion"] = readiness.runtimeVersion }
        return .members([
            "capacity": capacity, "allocatable": capacity, "addresses": .array(addresses),
            "conditions": .array(conditions(readiness, before: before)), "nodeInfo": .stringMap(info),
            "daemonEndpoints": description.kubeletPort > 0
                ? ["kubeletEndpoint": ["Port": .integer(description.kubeletPort)]] : nil,
        ])
    }

    /// Conditions of others stay; the time of the last change stays where the status does.
    private func conditions(_ readiness: NodeReadiness, before: JSONValue?) -> [JSONValue] {
        let old = before?["conditions"]?.array ?? []
        let now = JSONValue.string(clock.timestamp)
        let ours: [(String, Bool, String, String)] = [
            ("MemoryPressure", false, "KubeletHasSufficientMemory", "memory is not watched for pressure"),
            ("DiskPressure", false, "KubeletHasNoDiskPressure", "disks are not watched for pressure"),
            ("PIDPressure", false, "KubeletHasSufficientPID", "process ids are not watched for pressure"),
            ("Ready", readiness.isReady, readiness.reason, readiness.message),
        ]
        let names = Set(ours.map(\.0))
        let others = old.filter { !names.contains($0["type"]?.string ?? "") }
        return others
            + ours.map { type, isTrue, reason, message in
                let status = isTrue ? "True" : "False"
                let same = old.first { $0["type"]?.string == type && $0["status"]?.string == status }
                return [
                    "type": .string(type), "status": .string(status), "reason": .string(reason),
                    "message": .string(message), "lastHeartbeatTime": now,
                    "lastTransitionTime": same?["lastTransitionTime"] ?? now,
                ]
            }
    }

    // MARK: The Lease

    static let leaseNamespace = "kube-node-lease"

    private func renewLease() async throws(APIError) {
        let lease = ObjectReference(.leases, namespace: Self.leaseNamespace, name: description.name)
        let spec: JSONValue = [
            "holderIdentity": .string(description.name),
            "leaseDurationSeconds": .integer(Self.leaseDurationSeconds),
            "renewTime": .string(clock.microTimestamp),
        ]
        do throws(APIError) {
            _ = try await client.mergePatch(lease, ["spec": spec])
        } catch  where error.isNotFound {
            let node = try await client.get(reference, subresource: "")
            _ = try await client.create(
                lease, subresource: "",
                [
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": [
                        "name": .string(description.name), "namespace": .string(Self.leaseNamespace),
                        "ownerReferences": [
                            [
                                "apiVersion": "v1", "kind": "Node", "name": .string(description.name),
                                "uid": .string(node.objectUID),
                            ]
                        ],
                    ],
                    "spec": spec,
                ])
        }
    }
}
