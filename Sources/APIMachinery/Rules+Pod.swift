package import JSONText

/// Pods.
package enum PodRules: KindRules {
    package static func applyDefaults(_ object: inout JSONValue) {
        guard let spec = object["spec"] else { return }
        object["spec"] = PodDefaults.spec(spec)
    }

    package static func prepareForCreate(_ object: inout JSONValue) {
        var status: [String: JSONValue] = ["phase": "Pending", "qosClass": .string(PodQuality.qosClass(object))]
        if object["spec"]?["schedulingGates"]?.elements.isEmpty == false {
            status["conditions"] = [
                [
                    "type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "lastProbeTime": .null,
                    "lastTransitionTime": .null,
                    "message": "Scheduling is blocked due to non-empty scheduling gates",
                ]
            ]
        }
        object["status"] = .object(status)
    }

    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {
        if subresource == "status" {
            object["spec"] = old["spec"]
            object["metadata"]?["deletionTimestamp"] = old["metadata"]?["deletionTimestamp"]
            object["metadata"]?["ownerReferences"] = old["metadata"]?["ownerReferences"]
            if let quality = old["status"]?["qosClass"], object["status"]?["qosClass"] == nil {
                object["status"]?["qosClass"] = quality
            }
        } else {
            object["status"] = old["status"]
            PodAdmission.addTolerations(&object)
        }
    }

    package static func resetFields(subresource: String) -> [[String]] {
        subresource == "status"
            ? [["spec"], ["metadata", "deletionTimestamp"], ["metadata", "ownerReferences"]] : [["status"]]
    }

    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? {
        object["spec"] != old["spec"]
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        PodValidation(object["spec"] ?? .object([:]), allowsPrivileged: context.allowsPrivileged).errors
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        context.subresource == "status"
            ? PodUpdate.statusErrors(object, old: old)
            : PodUpdate.errors(object, old: old, allowsPrivileged: context.allowsPrivileged)
    }

    package static var selectableFieldNames: [String] {
        [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.nominatedNodeName",
        ]
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        let spec = object["spec"] ?? .object([:])
        let status = object["status"] ?? .object([:])
        var fields: [String: String] = [:]
        for name in ["nodeName", "restartPolicy", "schedulerName", "serviceAccountName"] {
            fields["spec.\(name)"] = spec.text(name)
        }
        fields["spec.hostNetwork"] = spec["hostNetwork"] == true ? "true" : "false"
        for name in ["phase", "podIP", "nominatedNodeName"] { fields["status.\(name)"] = status.text(name) }
        return fields
    }

    package static var table: TableColumns {
        TableColumns(
            ["Name", "Ready", "Status", "Restarts", "Age"], wide: ["IP", "Node", "Nominated Node", "Readiness Gates"])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        PodTable(object, now: now).cells
    }

    package static func tableConditions(_ object: JSONValue) -> [JSONValue] {
        let phase = object["status"]?.text("phase") ?? ""
        let texts = ["Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."]
        guard let text = texts[phase] else { return [] }
        return [["type": "Completed", "status": "True", "reason": .string(phase), "message": .string(text)]]
    }
}

/// Quality of service of a Pod.
enum PodQuality {
    static func qosClass(_ pod: JSONValue) -> String {
        let spec = pod["spec"] ?? .object([:])
        let containers = (spec["initContainers"]?.elements ?? []) + (spec["containers"]?.elements ?? [])
        var hasAny = false
        var isGuaranteed = true
        for container in containers {
            let resources = container["resources"] ?? .object([:])
            for name in ["cpu", "memory"] {
                let request = amount(resources["requests"]?[name])
                let limit = amount(resources["limits"]?[name])
                if request != nil || limit != nil { hasAny = true }
                if limit == nil || (request != nil && request != limit) { isGuaranteed = false }
            }
        }
        if !hasAny { return "BestEffort" }
        return isGuaranteed ? "Guaranteed" : "Burstable"
    }

    private static func amount(_ value: JSONValue?) -> Int128? {
        guard let text = value?.string, let quantity = Quantity(text), quantity.nano != 0 else { return nil }
        return quantity.nano
    }
}

/// A Pod as a row.
struct PodTable {
    private let pod: JSONValue
    private let now: Timestamp
    private var ready = 0
    private var total = 0
    private var restarts: Int64 = 0
    private var lastRestart = ""
    private var reason = ""

    init(_ pod: JSONValue, now: Timestamp) {
        self.pod = pod
        self.now = now
        let status = pod["status"] ?? .object([:])
        total = pod["spec"]?["containers"]?.elements.count ?? 0
        reason = status.text("reason").isEmpty ? status.text("phase") : status.text("reason")
        for condition in status["conditions"]?.elements ?? []
        where condition.text("type") == "PodScheduled" && condition.text("reason") == "SchedulingGated" {
            reason = "SchedulingGated"
        }
        let isInitializing = countInit(status)
        if !isInitializing || isInitialized(status) { countContainers(status) }
        if pod["metadata"]?["deletionTimestamp"] != nil {
            if status.text("reason") == "NodeLost" {
                reason = "Unknown"
            } else if status.text("phase") != "Succeeded", status.text("phase") != "Failed" {
                reason = "Terminating"
            }
        }
    }

    private var sidecars: Set<String> {
        Set(
            (pod["spec"]?["initContainers"]?.elements ?? []).filter { $0.text("restartPolicy") == "Always" }
                .map { $0.text("name") })
    }

    private func isInitialized(_ status: JSONValue) -> Bool {
        (status["conditions"]?.elements ?? []).contains {
            $0.text("type") == "Initialized" && $0.text("status") == "True"
        }
    }

    private mutating func noteRestart(_ container: JSONValue) {
        restarts += container["restartCount"]?.integer ?? 0
        if let finished = container["lastState"]?["terminated"]?["finishedAt"]?.string {
            lastRestart = max(lastRestart, finished)
        }
    }

    /// Whether an init container still has to do its work; then it gives the reason.
    private mutating func countInit(_ status: JSONValue) -> Bool {
        let sidecars = sidecars
        let planned = pod["spec"]?["initContainers"]?.elements ?? []
        total += sidecars.count
        for (index, container) in (status["initContainerStatuses"]?.elements ?? []).enumerated() {
            noteRestart(container)
            let state = container["state"] ?? .object([:])
            if let ended = state["terminated"] {
                if ended["exitCode"] == 0 { continue }
                reason = "Init:" + Self.ended(ended)
                return true
            }
            let isSidecar = sidecars.contains(container.text("name"))
            if isSidecar, container["started"] == true {
                if container["ready"] == true { ready += 1 }
                continue
            }
            let waiting = state["waiting"]?.text("reason") ?? ""
            reason =
                !waiting.isEmpty && waiting != "PodInitializing" ? "Init:" + waiting : "Init:\(index)/\(planned.count)"
            return true
        }
        return false
    }

    private static func ended(_ state: JSONValue) -> String {
        if !state.text("reason").isEmpty { return state.text("reason") }
        if let signal = state["signal"]?.integer, signal != 0 { return "Signal:\(signal)" }
        return "ExitCode:\(state["exitCode"]?.integer ?? 0)"
    }

    private mutating func countContainers(_ status: JSONValue) {
        var hasRunning = false
        for container in (status["containerStatuses"]?.elements ?? []).reversed() {
            noteRestart(container)
            let state = container["state"] ?? .object([:])
            if let waiting = state["waiting"]?.text("reason"), !waiting.isEmpty {
                reason = waiting
            } else if let ended = state["terminated"] {
                reason = Self.ended(ended)
            } else if container["ready"] == true, state["running"] != nil {
                hasRunning = true
                ready += 1
            }
        }
        guard reason == "Completed", hasRunning else { return }
        let isReady = (status["conditions"]?.elements ?? []).contains {
            $0.text("type") == "Ready" && $0.text("status") == "True"
        }
        reason = isReady ? "Running" : "NotReady"
    }

    var cells: [JSONValue] {
        var count = "\(restarts)"
        if restarts != 0, !lastRestart.isEmpty { count += " (\(TableText.since(.string(lastRestart), now)) ago)" }
        let status = pod["status"] ?? .object([:])
        let address = status["podIPs"]?[0]?.text("ip") ?? ""
        return [
            .string(pod.name), .string("\(ready)/\(total)"), .string(reason), .string(count),
            .string(TableText.age(pod, now)), TableText.orNone(address),
            TableText.orNone(pod["spec"]?.text("nodeName")),
            TableText.orNone(status.text("nominatedNodeName")), gates(status),
        ]
    }

    private func gates(_ status: JSONValue) -> JSONValue {
        let gates = pod["spec"]?["readinessGates"]?.elements ?? []
        guard !gates.isEmpty else { return "<none>" }
        let good = gates.filter { gate in
            (status["conditions"]?.elements ?? []).contains {
                $0.text("type") == gate.text("conditionType") && $0.text("status") == "True"
            }
        }
        return .string("\(good.count)/\(gates.count)")
    }
}
