import JSONText
import KubeObjects

/// What decides on which node a pod may run. Small, because every bound pod is kept as one too: what only a pod that
/// waits is asked for is left out of those.
struct SchedulingPod: Sendable {
    /// What a pod that waits asks of a node, and who is to find it one.
    final class Wish: Sendable {
        let schedulerName: String
        let nodeSelector: [String: String]
        let affinity: NodeAffinity?
        let tolerations: [Toleration]
        /// Reported already as unschedulable, with this message.
        let reportedMessage: String?

        init(_ object: JSONValue) {
            let spec = object["spec"]
            schedulerName = spec?["schedulerName"]?.string ?? "default-scheduler"
            nodeSelector = spec?["nodeSelector"]?.stringMap ?? [:]
            affinity = spec?[path: "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]
                .map { NodeAffinity($0) }
            tolerations = (spec?["tolerations"]?.array ?? []).map { toleration in
                Toleration(
                    key: toleration["key"]?.string ?? "", isExists: toleration["operator"]?.string == "Exists",
                    value: toleration["value"]?.string ?? "", effect: toleration["effect"]?.string ?? "")
            }
            let condition = (object[path: "status", "conditions"]?.array ?? []).first {
                $0["type"]?.string == "PodScheduled" && $0["status"]?.string == "False"
            }
            reportedMessage = condition?["message"]?.string
        }
    }

    struct Toleration: Hashable, Sendable {
        let key: String
        let isExists: Bool
        let value: String
        let effect: String

        func tolerates(_ taint: SchedulingNode.Taint) -> Bool {
            if !effect.isEmpty, effect != taint.effect { return false }
            if key.isEmpty { return isExists }
            return key == taint.key && (isExists || value == taint.value)
        }
    }

    struct HostPort: Hashable, Sendable {
        let transport: String
        let number: Int64
        /// Empty: every address of the node.
        let address: String

        func collides(with other: HostPort) -> Bool {
            transport == other.transport && number == other.number
                && (address.isEmpty || other.address.isEmpty || address == other.address)
        }
    }

    let key: ObjectKey
    let uid: String
    private(set) var nodeName: String
    let isFinished: Bool
    let hostPorts: [HostPort]
    let cpuMillis: Int64
    let memoryBytes: Int64
    /// Nil where the pod does not wait for a node.
    private(set) var wish: Wish?

    var waits: Bool { wish != nil }

    /// The pod as it will be once the binding is seen.
    init(_ pod: SchedulingPod, boundTo node: String) {
        self = pod
        nodeName = node
        wish = nil
    }

    init(_ object: JSONValue) {
        let spec = object["spec"]
        let phase = object[path: "status", "phase"]?.string
        key = ObjectKey(object.objectNamespace, object.objectName)
        uid = object.objectUID
        nodeName = spec?["nodeName"]?.string ?? ""
        isFinished = phase == "Succeeded" || phase == "Failed"
        let containers = spec?["containers"]?.array ?? []
        let isHostNetwork = spec?["hostNetwork"]?.bool ?? false
        hostPorts = containers.flatMap { $0["ports"]?.array ?? [] }.compactMap { port in
            let number = port["hostPort"]?.integer ?? (isHostNetwork ? port["containerPort"]?.integer : nil) ?? 0
            let address = port["hostIP"]?.string ?? ""
            let isAny = address == "0.0.0.0" || address == "::"
            return number == 0
                ? nil
                : HostPort(
                    transport: port["protocol"]?.string ?? "TCP", number: number, address: isAny ? "" : address)
        }
        cpuMillis = Self.request("cpu", spec) { $0.milliUnits }
        memoryBytes = Self.request("memory", spec) { $0.units }
        let isGated = !(spec?["schedulingGates"]?.array ?? []).isEmpty
        let waits = nodeName.isEmpty && !object.isBeingDeleted && !isFinished && !isGated
        wish = waits ? Wish(object) : nil
    }

    /// The sum over containers, or the largest init container where that is more; init containers that go on running
    /// count with the containers; and the pod's overhead.
    private static func request(_ name: String, _ spec: JSONValue?, _ unit: (Quantity) -> Int64) -> Int64 {
        func amount(_ container: JSONValue) -> Int64 {
            let resources = container["resources"]
            let value = resources?[path: "requests", name] ?? resources?[path: "limits", name]
            return Quantity(value).map(unit) ?? 0
        }
        var running: Int64 = 0
        var peak: Int64 = 0
        for container in spec?["initContainers"]?.array ?? [] {
            if container["restartPolicy"]?.string == "Always" {
                running += amount(container)
                peak = max(peak, running)
            } else {
                peak = max(peak, running + amount(container))
            }
        }
        for container in spec?["containers"]?.array ?? [] { running += amount(container) }
        return max(running, peak) + (Quantity(spec?[path: "overhead", name]).map(unit) ?? 0)
    }
}

/// Required node affinity: one of the terms has to hold.
struct NodeAffinity: Sendable {
    private struct Requirement: Sendable {
        let key: String
        let operation: String
        let values: [String]
        let isField: Bool

        func matches(_ node: SchedulingNode) -> Bool {
            let value = isField ? (key == "metadata.name" ? node.name : nil) : node.labels[key]
            switch operation {
            case "In": return value.map(values.contains) ?? false
            case "NotIn": return !(value.map(values.contains) ?? false)
            case "Exists": return value != nil
            case "DoesNotExist": return value == nil
            case "Gt", "Lt":
                guard let number = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
                    return false
                }
                return operation == "Gt" ? number > bound : number < bound
            default: return false
            }
        }
    }

    private let terms: [[Requirement]]

    init(_ object: JSONValue) {
        terms = (object["nodeSelectorTerms"]?.array ?? []).map { term in
            let groups = [(term["matchExpressions"], false), (term["matchFields"], true)]
            return groups.flatMap { group, isField in
                (group?.array ?? []).map { entry in
                    Requirement(
                        key: entry["key"]?.string ?? "", operation: entry["operator"]?.string ?? "",
                        values: entry["values"]?.strings ?? [], isField: isField)
                }
            }
        }
    }

    /// A term without requirements selects nothing.
    func matches(_ node: SchedulingNode) -> Bool {
        terms.contains { term in !term.isEmpty && term.allSatisfy { $0.matches(node) } }
    }
}

struct SchedulingNode: Sendable {
    struct Taint: Hashable, Sendable, CustomStringConvertible {
        let key: String
        let value: String
        let effect: String
        var description: String { "{\(key): \(value)}" }
    }

    let name: String
    let labels: [String: String]
    let isUnschedulable: Bool
    let taints: [Taint]
    let cpuMillis: Int64
    let memoryBytes: Int64
    let podsMax: Int64

    init(_ object: JSONValue) {
        name = object.objectName
        labels = object[path: "metadata", "labels"]?.stringMap ?? [:]
        isUnschedulable = object[path: "spec", "unschedulable"]?.bool ?? false
        taints = (object[path: "spec", "taints"]?.array ?? []).map { taint in
            Taint(
                key: taint["key"]?.string ?? "", value: taint["value"]?.string ?? "",
                effect: taint["effect"]?.string ?? "")
        }
        let allocatable = object[path: "status", "allocatable"]
        cpuMillis = Quantity(allocatable?["cpu"])?.milliUnits ?? 0
        memoryBytes = Quantity(allocatable?["memory"])?.units ?? 0
        podsMax = Quantity(allocatable?["pods"])?.units ?? 0
    }
}
