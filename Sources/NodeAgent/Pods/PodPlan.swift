/// All that a decision about a pod rests on beside its object and the clock.
package struct PodObservation: Hashable, Sendable {
    /// Newest first.
    package var sandboxes: [ObservedSandbox] = []
    /// Newest first, of all sandboxes.
    package var containers: [ObservedContainer] = []

    package init(sandboxes: [ObservedSandbox] = [], containers: [ObservedContainer] = []) {
        self.sandboxes = sandboxes
        self.containers = containers
    }

    package var readySandbox: ObservedSandbox? { sandboxes.first { $0.isReady } }

    /// The newest container of that name, and only of that sandbox if one is given.
    package func latest(_ name: String, in sandbox: String? = nil) -> ObservedContainer? {
        containers.first { $0.name == name && (sandbox == nil || $0.sandboxID == sandbox) }
    }
}

/// What probes found about one container.
package struct ContainerHealth: Hashable, Sendable {
    package var isStarted: Bool
    package var isReady: Bool
    /// Set when a startup or liveness probe has failed for good: why the container has to end.
    package var mustEnd: String?
    /// Grace of the probe that failed, where it has its own.
    package var endGraceSeconds: Int64?

    package init(isStarted: Bool, isReady: Bool, mustEnd: String? = nil, endGraceSeconds: Int64? = nil) {
        self.isStarted = isStarted
        self.isReady = isReady
        self.mustEnd = mustEnd
        self.endGraceSeconds = endGraceSeconds
    }
}

/// An attempt that failed, for the status and for the wait before the next.
package struct FailedAttempt: Hashable, Sendable {
    package var reason: String
    package var message: String
    package var at: Timestamp
    package var count: Int

    package init(reason: String, message: String, at: Timestamp, count: Int) {
        self.reason = reason
        self.message = message
        self.at = at
        self.count = count
    }

    package var retryAt: Timestamp { at + BackOff.delay(step: max(count - 1, 0)) + .seconds(1) }
}

/// What only the worker knows; lost with the daemon, and then found again by trying.
package struct PodMemory: Hashable, Sendable {
    /// By container id.
    package var health: [String: ContainerHealth] = [:]
    /// Containers that are being stopped, with the grace they were given.
    package var stopping: [String: Int64] = [:]
    /// Images on their way, and those whose pull failed.
    package var pulling: Set<String> = []
    package var failedPulls: [String: FailedAttempt] = [:]
    /// By container name.
    package var failedStarts: [String: FailedAttempt] = [:]
    package var failedSandbox: FailedAttempt?
    /// The grace that the object named last, once it is gone; else each container has its own.
    package var lastGraceSeconds: Int64?
    /// Why the agent ended the pod for good: reason and message.
    package var failure: (reason: String, message: String)? {
        get { failureReason.isEmpty ? nil : (failureReason, failureMessage) }
        set {
            failureReason = newValue?.reason ?? ""
            failureMessage = newValue?.message ?? ""
        }
    }
    private var failureReason = ""
    private var failureMessage = ""

    package init() {}
}

/// One step that an executor carries out. A step that has been done already does nothing.
package enum PodAction: Hashable, Sendable {
    case startSandbox(attempt: Int)
    case stopSandbox(id: String)
    case removeSandbox(id: String)
    case startContainer(name: String, sandbox: String, restartCount: Int, backOffStep: Int)
    case stopContainer(id: String, name: String, graceSeconds: Int64, reason: String)
    case removeContainer(id: String)
    /// Volumes, hosts file and logs of the pod.
    case removeFiles
    /// The object in the API, whose containers have ended.
    case removeObject
}

/// What is to be done now, and when to look again if nothing happens before.
package struct PodPlan: Hashable, Sendable {
    package var actions: [PodAction] = []
    package var wakeAt: Timestamp?

    package init(actions: [PodAction] = [], wakeAt: Timestamp? = nil) {
        self.actions = actions
        self.wakeAt = wakeAt
    }

    mutating func wake(at moment: Timestamp) { wakeAt = min(wakeAt ?? moment, moment) }
}
