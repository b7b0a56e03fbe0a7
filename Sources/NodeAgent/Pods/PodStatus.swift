package import JSONText

/// Computes `status` of a Pod from what the runtime has of it.
package struct PodStatusBuilder {
    private let pod: PodObject
    private let observed: PodObservation
    private let memory: PodMemory
    private let now: Timestamp
    private let configuration: NodeAgentConfiguration

    package init(
        _ pod: PodObject, _ observed: PodObservation, _ memory: PodMemory, now: Timestamp,
        configuration: NodeAgentConfiguration
    ) {
        self.pod = pod
        self.observed = observed
        self.memory = memory
        self.now = now
        self.configuration = configuration
    }

    private var unsupported: [String] { SupportedFields.unsupported(in: pod) }
    private var hasDeadlinePassed: Bool { PodDecision.deadline(of: pod).map { now >= $0 } ?? false }

    /// The members of `status` that the node owns; the others keep what the API has.
    package func status() -> JSONValue {
        var status: [String: JSONValue] = [:]
        let phase = phase()
        status["phase"] = .string(phase)
        status["startTime"] = pod.status["startTime"] ?? .string(now.text)
        status["qosClass"] = .string(QualityOfService.of(pod).rawValue)
        if let host = configuration.nodeAddresses.first {
            status["hostIP"] = .string(host)
            status["hostIPs"] = .array(configuration.nodeAddresses.map { ["ip": .string($0)] })
        }
        let addresses = podAddresses
        if let first = addresses.first {
            status["podIP"] = .string(first)
            status["podIPs"] = .array(addresses.map { ["ip": .string($0)] })
        }
        let inits = pod.initContainers.enumerated().map { containerStatus($0.element, initIndex: $0.offset) }
        if !inits.isEmpty { status["initContainerStatuses"] = .array(inits) }
        let containers = pod.containers.map { containerStatus($0, initIndex: nil) }
        status["containerStatuses"] = .array(containers)
        let conditions = conditions(phase: phase, containers: containers)
        status["conditions"] = .array(conditions)
        if let failure = memory.failure {
            status["reason"] = .string(failure.reason)
            status["message"] = .string(failure.message)
        } else if hasDeadlinePassed {
            status["reason"] = "DeadlineExceeded"
            status["message"] = "The Pod was active for longer than spec.activeDeadlineSeconds"
        }
        return .object(status)
    }

    private var podAddresses: [String] {
        guard let sandbox = observed.readySandbox else {
            // A pod that ended keeps its last address in sight.
            return (pod.status["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string }
        }
        return pod.usesHostNetwork ? configuration.nodeAddresses : sandbox.addresses
    }

    // MARK: Phase

    private func phase() -> String {
        if let last = pod.status["phase"]?.string, ["Succeeded", "Failed"].contains(last) { return last }
        if memory.failure != nil || hasDeadlinePassed { return "Failed" }
        if !unsupported.isEmpty { return "Pending" }
        let inits = pod.initContainers.map { latest($0) }
        if pod.restartPolicy == .never, inits.contains(where: { $0?.state == .exited && $0?.exitCode != 0 }) {
            return "Failed"
        }
        let all = pod.containers.map { latest($0) }
        let begun = all.compactMap { $0 }
        if begun.count < all.count {
            // A container that had run in an earlier sandbox is waiting; one that never ran keeps the pod Pending.
            let neverRan = pod.containers.contains { observed.latest($0.name) == nil }
            return neverRan ? "Pending" : "Running"
        }
        guard begun.allSatisfy({ $0.state == .exited }) else {
            return begun.contains { $0.state != .created } ? "Running" : "Pending"
        }
        let failed = begun.contains { $0.exitCode != 0 }
        switch pod.restartPolicy {
        case .always: return "Running"
        case .onFailure: return failed ? "Running" : "Succeeded"
        case .never: return failed ? "Failed" : "Succeeded"
        }
    }

    /// In the present sandbox while there is one, else in the last.
    private func latest(_ spec: ContainerSpec) -> ObservedContainer? {
        observed.latest(spec.name, in: observed.readySandbox?.id)
    }

    // MARK: Containers

    private func containerStatus(_ spec: ContainerSpec, initIndex: Int?) -> JSONValue {
        let current = latest(spec)
        let before = observed.containers.first { $0.name == spec.name && $0.id != current?.id && $0.state == .exited }
        var status: [String: JSONValue] = [
            "name": .string(spec.name), "image": .string(spec.image), "imageID": "", "ready": false,
            "started": false, "restartCount": 0, "state": .object([:]), "lastState": .object([:]),
        ]
        if let last = before { status["lastState"] = terminated(last) }
        let restarts = current?.restartCount ?? before.map { $0.restartCount + 1 } ?? 0
        status["restartCount"] = .integer(Int64(restarts))
        if current == nil, ["Succeeded", "Failed"].contains(pod.status["phase"]?.string ?? ""),
            let last = pod.lastStatus(of: spec.name)
        {
            // The runtime has forgotten the container, the API has not.
            return last
        }
        guard let current, current.state != .created else {
            status["state"] = waiting(spec, isInit: initIndex != nil)
            return .object(status)
        }
        status["containerID"] = .string("containerd://\(current.id)")
        status["imageID"] = .string(current.imageID)
        if current.state == .running {
            let health = memory.health[current.id] ?? ContainerHealth(isStarted: false, isReady: false)
            let started = (current.startedAt ?? current.createdAt).text
            status["state"] = ["running": ["startedAt": .string(started)]]
            status["ready"] = .bool(initIndex == nil && health.isReady)
            status["started"] = .bool(health.isStarted)
            return .object(status)
        }
        if initIndex != nil { status["ready"] = .bool(current.exitCode == 0) }
        let startsAgain = !pod.isBeingDeleted && !PodDecision.isOver(pod, observed, memory, now: now)
        let policy = initIndex != nil && pod.restartPolicy == .always ? .onFailure : pod.restartPolicy
        if startsAgain, policy == .always || (policy == .onFailure && current.exitCode != 0) {
            status["lastState"] = terminated(current)
            status["state"] = waiting(spec, isInit: initIndex != nil)
        } else {
            status["state"] = terminated(current)
        }
        return .object(status)
    }

    private func terminated(_ container: ObservedContainer) -> JSONValue {
        var state: [String: JSONValue] = [
            "exitCode": .integer(Int64(container.exitCode)),
            "reason": .string(
                container.reason.isEmpty ? (container.exitCode == 0 ? "Completed" : "Error") : container.reason),
            "containerID": .string("containerd://\(container.id)"),
            "startedAt": .string((container.startedAt ?? container.createdAt).text),
            "finishedAt": .string((container.finishedAt ?? container.createdAt).text),
        ]
        if !container.message.isEmpty { state["message"] = .string(container.message) }
        return ["terminated": .object(state)]
    }

    private func waiting(_ spec: ContainerSpec, isInit: Bool) -> JSONValue {
        let (reason, message) = waitingReason(spec, isInit: isInit)
        return [
            "waiting": message.isEmpty
                ? ["reason": .string(reason)] : ["reason": .string(reason), "message": .string(message)]
        ]
    }

    private func waitingReason(_ spec: ContainerSpec, isInit: Bool) -> (String, String) {
        let fields = unsupported
        if !fields.isEmpty { return ("UnsupportedField", Self.message(unsupported: fields)) }
        if let failed = memory.failedPulls[spec.image] {
            let isFirst = failed.count < 2 && failed.reason == "ErrImagePull"
            return (failed.reason == "ErrImagePull" && !isFirst ? "ImagePullBackOff" : failed.reason, failed.message)
        }
        if let failed = memory.failedStarts[spec.name] { return (failed.reason, failed.message) }
        if let current = latest(spec), current.state == .exited {
            let delay = BackOff.delay(step: BackOff.step(after: current) - 1)
            guard delay > .zero else { return ("ContainerCreating", "") }
            return (
                "CrashLoopBackOff",
                "back-off \(delay.components.seconds)s restarting failed container=\(spec.name) "
                    + "pod=\(pod.name)_\(pod.namespace)(\(pod.uid))"
            )
        }
        if !isInit && !isInitialized { return ("PodInitializing", "") }
        return (pod.initContainers.isEmpty || isInitialized ? "ContainerCreating" : "PodInitializing", "")
    }

    private var isInitialized: Bool {
        guard let sandbox = observed.readySandbox?.id ?? observed.sandboxes.first?.id else {
            return pod.initContainers.isEmpty
        }
        if pod.containers.contains(where: { observed.latest($0.name, in: sandbox) != nil }) { return true }
        return pod.initContainers.allSatisfy { spec in
            observed.latest(spec.name, in: sandbox).map { $0.state == .exited && $0.exitCode == 0 } ?? false
        }
    }

    // MARK: Conditions

    package static func message(unsupported fields: [String]) -> String {
        "not supported on this node: " + fields.joined(separator: ", ")
    }

    private func conditions(phase: String, containers: [JSONValue]) -> [JSONValue] {
        let fields = unsupported
        let unready = containers.filter { $0["ready"]?.bool != true }.compactMap { $0["name"]?.string }
        var reason = ""
        var message = ""
        if !fields.isEmpty {
            (reason, message) = ("UnsupportedField", Self.message(unsupported: fields))
        } else if phase == "Succeeded" {
            reason = "PodCompleted"
        } else if phase == "Failed" {
            reason = "PodFailed"
        } else if !unready.isEmpty {
            reason = "ContainersNotReady"
            message = "containers with unready status: [\(unready.joined(separator: " "))]"
        }
        let containersReady = reason.isEmpty
        var gates: [String] = []
        for gate in pod.spec["readinessGates"]?.array ?? [] {
            guard let type = gate["conditionType"]?.string else { continue }
            if current(type)?["status"]?.string != "True" { gates.append(type) }
        }
        let uninitialized = pod.initContainers.filter { observed.latest($0.name)?.exitCode != 0 }.map(\.name)
        let initialized = fields.isEmpty && isInitialized
        var result = [
            condition("PodReadyToStartContainers", observed.readySandbox != nil),
            condition(
                "Initialized", initialized,
                reason: !fields.isEmpty ? reason : phase == "Succeeded" ? "PodCompleted" : "ContainersNotInitialized",
                message: !fields.isEmpty
                    ? message
                    : "containers with incomplete status: [\(uninitialized.joined(separator: " "))]"),
            condition(
                "Ready", containersReady && gates.isEmpty, reason: containersReady ? "ReadinessGatesNotReady" : reason,
                message: containersReady
                    ? "the status of pod readiness gates [\(gates.joined(separator: " "))] is not \"True\"" : message),
            condition("ContainersReady", containersReady, reason: reason, message: message),
            condition("PodScheduled", true),
        ]
        let ours = Set(result.compactMap { $0["type"]?.string })
        result += (pod.status["conditions"]?.array ?? []).filter { !ours.contains($0["type"]?.string ?? "") }
        return result
    }

    private func current(_ type: String) -> JSONValue? {
        (pod.status["conditions"]?.array ?? []).first { $0["type"]?.string == type }
    }

    private func condition(_ type: String, _ isTrue: Bool, reason: String = "", message: String = "") -> JSONValue {
        let status = isTrue ? "True" : "False"
        let before = current(type)
        var members: [String: JSONValue] = ["type": .string(type), "status": .string(status)]
        members["lastProbeTime"] = .null
        let changed = before?["status"]?.string != status
        members["lastTransitionTime"] = changed ? .string(now.text) : before?["lastTransitionTime"] ?? .string(now.text)
        if !isTrue {
            if !reason.isEmpty { members["reason"] = .string(reason) }
            if !message.isEmpty { members["message"] = .string(message) }
        }
        return .object(members)
    }
}

/// How a pod is treated when the node runs short of memory: decided by its requests and limits.
package enum QualityOfService: String, Sendable {
    case guaranteed = "Guaranteed"
    case burstable = "Burstable"
    case bestEffort = "BestEffort"

    package static func of(_ pod: PodObject) -> Self {
        let resources = (pod.containers + pod.initContainers).map { $0.json["resources"] ?? .null }
        let names = ["cpu", "memory"]
        func given(_ list: String, _ name: String, _ resources: JSONValue) -> ResourceQuantity? {
            resources[path: list, name]?.string.flatMap { ResourceQuantity($0) }.flatMap {
                $0.thousandths == 0 ? nil : $0
            }
        }
        let isGuaranteed = resources.allSatisfy { item in
            names.allSatisfy { name in
                guard let limit = given("limits", name, item) else { return false }
                return given("requests", name, item).map { $0 == limit } ?? true
            }
        }
        if isGuaranteed { return .guaranteed }
        let asks = resources.contains { item in
            names.contains { given("limits", $0, item) != nil || given("requests", $0, item) != nil }
        }
        return asks ? .burstable : .bestEffort
    }
}
