import JSONText

/// Decides what a pod needs next, from its object, what the runtime has of it, and the clock. Level-triggered: the same
/// input gives the same plan, whatever happened before.
package enum PodDecision {
    /// `pod` is nil where the API has no such object (any more): all of it goes.
    package static func plan(
        for pod: PodObject?, observed: PodObservation, memory: PodMemory, now: Timestamp
    ) -> PodPlan {
        guard let pod else {
            return teardown(
                observed, memory, grace: memory.lastGraceSeconds, reason: "its Pod is gone", isFinal: true)
        }
        if pod.isBeingDeleted {
            return teardown(
                observed, memory, grace: pod.graceSeconds, reason: "its Pod is being deleted", isFinal: true)
        }
        if isOver(pod, observed, memory, now: now) {
            return teardown(
                observed, memory, grace: pod.graceSeconds, reason: memory.failure?.reason ?? "its Pod has ended",
                isFinal: false)
        }
        guard SupportedFields.unsupported(in: pod).isEmpty else { return PodPlan() }
        var plan: PodPlan
        if let sandbox = observed.readySandbox {
            plan = run(pod, in: sandbox, observed, memory, now: now)
            plan.actions += leftovers(observed, keeping: sandbox.id, memory)
        } else {
            plan = newSandbox(observed, memory, now: now)
        }
        if let deadline = deadline(of: pod) { plan.wake(at: deadline) }
        return plan
    }

    /// Whether nothing of the pod will run again.
    package static func isOver(
        _ pod: PodObject, _ observed: PodObservation, _ memory: PodMemory, now: Timestamp
    ) -> Bool {
        if memory.failure != nil { return true }
        if let deadline = deadline(of: pod), now >= deadline { return true }
        if ["Succeeded", "Failed"].contains(pod.status["phase"]?.string ?? "") { return true }
        guard pod.restartPolicy != .always else { return false }
        for spec in pod.initContainers {
            guard let container = observed.latest(spec.name), container.state == .exited else { continue }
            if container.exitCode != 0 && pod.restartPolicy == .never { return true }
        }
        return pod.containers.allSatisfy { spec in
            guard let container = observed.latest(spec.name), container.state == .exited else { return false }
            return !restarts(container, pod.restartPolicy)
        }
    }

    package static func deadline(of pod: PodObject) -> Timestamp? {
        guard let seconds = pod.spec["activeDeadlineSeconds"]?.integer,
            let start = pod.status["startTime"]?.string.flatMap({ Timestamp($0) })
        else { return nil }
        return start + .seconds(seconds)
    }

    private static func restarts(_ container: ObservedContainer, _ policy: PodObject.RestartPolicy) -> Bool {
        switch policy {
        case .always: true
        case .onFailure: container.exitCode != 0
        case .never: false
        }
    }

    /// Containers end, then the network goes with the sandbox; a final teardown also removes what is kept for logs.
    private static func teardown(
        _ observed: PodObservation, _ memory: PodMemory, grace: Int64?, reason: String, isFinal: Bool
    ) -> PodPlan {
        var plan = PodPlan()
        let alive = observed.containers.filter { $0.state == .running || $0.state == .unknown }
        for container in alive {
            stop(container, grace ?? container.graceSeconds, reason, memory, &plan)
        }
        guard alive.isEmpty else { return plan }
        let ready = observed.sandboxes.filter(\.isReady)
        guard ready.isEmpty else {
            plan.actions = ready.map { .stopSandbox(id: $0.id) }
            return plan
        }
        guard isFinal else { return plan }
        guard observed.sandboxes.isEmpty, observed.containers.isEmpty else {
            plan.actions = observed.containers.map { .removeContainer(id: $0.id) }
            plan.actions += observed.sandboxes.map { .removeSandbox(id: $0.id) }
            return plan
        }
        plan.actions = [.removeFiles, .removeObject]
        return plan
    }

    private static func stop(
        _ container: ObservedContainer, _ grace: Int64, _ reason: String, _ memory: PodMemory, _ plan: inout PodPlan
    ) {
        if let given = memory.stopping[container.id], given <= grace { return }
        plan.actions.append(
            .stopContainer(id: container.id, name: container.name, graceSeconds: grace, reason: reason))
    }

    /// Without a live sandbox the pod begins again, init containers included.
    private static func newSandbox(_ observed: PodObservation, _ memory: PodMemory, now: Timestamp) -> PodPlan {
        var plan = PodPlan()
        let alive = observed.containers.filter { $0.state == .running }
        for container in alive { stop(container, 0, "its sandbox has gone", memory, &plan) }
        guard alive.isEmpty else { return plan }
        if let failed = memory.failedSandbox, failed.retryAt > now {
            plan.wake(at: failed.retryAt)
            return plan
        }
        plan.actions = observed.sandboxes.map { .stopSandbox(id: $0.id) }
        plan.actions.append(.startSandbox(attempt: (observed.sandboxes.map(\.attempt).max() ?? -1) + 1))
        return plan
    }

    private static func run(
        _ pod: PodObject, in sandbox: ObservedSandbox, _ observed: PodObservation, _ memory: PodMemory, now: Timestamp
    ) -> PodPlan {
        var plan = PodPlan()
        let hasBegun = pod.containers.contains { observed.latest($0.name, in: sandbox.id) != nil }
        if !hasBegun {
            for spec in pod.initContainers {
                let container = observed.latest(spec.name, in: sandbox.id)
                if let container, container.state == .exited, container.exitCode == 0 { continue }
                advance(spec, of: pod, container, in: sandbox, observed, memory, now: now, &plan)
                return plan
            }
        }
        for spec in pod.containers {
            let container = observed.latest(spec.name, in: sandbox.id)
            if let container, container.state == .running {
                keep(container, spec, of: pod, memory, &plan)
            } else {
                advance(spec, of: pod, container, in: sandbox, observed, memory, now: now, &plan)
            }
        }
        return plan
    }

    /// A running container ends where its image changed or a probe says so.
    private static func keep(
        _ container: ObservedContainer, _ spec: ContainerSpec, of pod: PodObject, _ memory: PodMemory,
        _ plan: inout PodPlan
    ) {
        let health = memory.health[container.id]
        if let reason = health?.mustEnd {
            stop(container, health?.endGraceSeconds ?? pod.graceSeconds, reason, memory, &plan)
        } else if container.specHash != spec.specHash {
            stop(container, pod.graceSeconds, "its image changed, so it will be started anew", memory, &plan)
        }
    }

    /// Starts a container that does not run, when its policy, its back-off and its image let it.
    private static func advance(
        _ spec: ContainerSpec, of pod: PodObject, _ container: ObservedContainer?, in sandbox: ObservedSandbox,
        _ observed: PodObservation, _ memory: PodMemory, now: Timestamp, _ plan: inout PodPlan
    ) {
        if let failed = memory.failedStarts[spec.name], failed.retryAt > now { return plan.wake(at: failed.retryAt) }
        if memory.pulling.contains(spec.image) { return }
        if let failed = memory.failedPulls[spec.image], failed.retryAt > now { return plan.wake(at: failed.retryAt) }
        guard let container else {
            let before = observed.latest(spec.name)
            plan.actions.append(
                .startContainer(
                    name: spec.name, sandbox: sandbox.id, restartCount: before.map { $0.restartCount + 1 } ?? 0,
                    backOffStep: 0))
            return
        }
        switch container.state {
        case .running: return
        case .unknown: stop(container, 0, "the runtime lost track of it", memory, &plan)
        case .created:
            plan.actions.append(.removeContainer(id: container.id))
            plan.actions.append(
                .startContainer(
                    name: spec.name, sandbox: sandbox.id, restartCount: container.restartCount,
                    backOffStep: container.backOffStep))
        case .exited:
            let isInit = pod.initContainers.contains { $0.name == spec.name }
            let policy = isInit && pod.restartPolicy == .always ? .onFailure : pod.restartPolicy
            guard restarts(container, policy) else { return }
            let start = BackOff.nextStart(after: container)
            guard start <= now else { return plan.wake(at: start) }
            plan.actions.append(
                .startContainer(
                    name: spec.name, sandbox: sandbox.id, restartCount: container.restartCount + 1,
                    backOffStep: BackOff.step(after: container)))
        }
    }

    /// Old sandboxes, and all but the newest dead containers of each name.
    private static func leftovers(_ observed: PodObservation, keeping sandbox: String, _ memory: PodMemory)
        -> [PodAction]
    {
        var actions: [PodAction] = []
        var seen: [String: Int] = [:]
        for container in observed.containers {
            seen[container.name, default: 0] += 1
            let isOld = seen[container.name, default: 0] > NodeAgentConfiguration.Limit.deadContainersKept
            if isOld && container.state == .exited { actions.append(.removeContainer(id: container.id)) }
        }
        for old in observed.sandboxes where old.id != sandbox {
            if old.isReady { actions.append(.stopSandbox(id: old.id)) }
            let isUsed = observed.containers.contains { $0.sandboxID == old.id }
            if !isUsed && !old.isReady { actions.append(.removeSandbox(id: old.id)) }
        }
        return actions
    }
}
