package import JSONText

/// The settings of one probe.
package struct ProbeSpec: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case startup
        case readiness
        case liveness

        /// The container's field.
        var field: String { rawValue + "Probe" }
    }

    package let json: JSONValue
    package let kind: Kind
    package let initialDelay: Duration
    package let period: Duration
    package let timeout: Duration
    package let successThreshold: Int
    package let failureThreshold: Int
    package let graceSeconds: Int64?

    package init?(_ kind: Kind, of container: ContainerSpec) {
        guard let json = container.json[kind.field], json.object != nil else { return nil }
        self.json = json
        self.kind = kind
        func value(_ name: String, _ fallback: Int64) -> Int64 {
            json[name]?.integer.flatMap { $0 > 0 ? $0 : nil } ?? fallback
        }
        initialDelay = .seconds(value("initialDelaySeconds", 0))
        period = .seconds(value("periodSeconds", 10))
        timeout = .seconds(value("timeoutSeconds", 1))
        successThreshold = Int(value("successThreshold", 1))
        failureThreshold = Int(value("failureThreshold", 3))
        graceSeconds = json["terminationGracePeriodSeconds"]?.integer
    }
}

/// Counts one probe's results against its thresholds.
/// Starts as pending; can transition to: passing, failing; and between these two each time a threshold is met.
package struct ProbeState: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        case pending
        case passing
        case failing
    }

    package enum Action: Hashable, Sendable {
        case none
        /// The verdict changed: tell the worker.
        case report(Verdict)
    }

    package private(set) var verdict: Verdict
    private let successThreshold: Int
    private let failureThreshold: Int
    private var streak = 0
    private var streakIsSuccess = false

    package init(_ spec: ProbeSpec, verdict: Verdict = .pending) {
        self.verdict = verdict
        successThreshold = spec.successThreshold
        failureThreshold = spec.failureThreshold
    }

    package mutating func record(success: Bool) -> Action {
        if streak > 0 && streakIsSuccess == success { streak += 1 } else { streak = 1 }
        streakIsSuccess = success
        guard streak >= (success ? successThreshold : failureThreshold) else { return .none }
        let next: Verdict = success ? .passing : .failing
        guard next != verdict else { return .none }
        verdict = next
        return .report(next)
    }
}

/// What the probes of one container say together.
/// Startup holds the other two back; until readiness passes the container is unready; a failed startup or liveness
/// probe ends it.
package struct ContainerProbes: Hashable, Sendable {
    private var states: [ProbeSpec.Kind: ProbeState] = [:]
    private var specs: [ProbeSpec.Kind: ProbeSpec] = [:]

    /// `wasReady`: a former run of the daemon found this container ready, which goes on until a probe says otherwise.
    package init(_ container: ContainerSpec, wasStarted: Bool, wasReady: Bool) {
        for kind in ProbeSpec.Kind.allCases {
            guard let spec = ProbeSpec(kind, of: container) else { continue }
            specs[kind] = spec
            let passed = kind == .startup ? wasStarted : kind == .readiness && wasReady
            states[kind] = ProbeState(spec, verdict: passed ? .passing : .pending)
        }
    }

    /// Probes that are to run now.
    package var active: [ProbeSpec] {
        if let startup = specs[.startup], states[.startup]?.verdict != .passing { return [startup] }
        return [specs[.readiness], specs[.liveness]].compactMap { $0 }
    }

    package var health: ContainerHealth {
        let started = states[.startup].map { $0.verdict == .passing } ?? true
        let ready = states[.readiness].map { $0.verdict == .passing } ?? true
        var health = ContainerHealth(isStarted: started, isReady: started && ready)
        for kind in [ProbeSpec.Kind.startup, .liveness] where states[kind]?.verdict == .failing {
            health.mustEnd = "its \(kind.rawValue) probe failed"
            health.endGraceSeconds = specs[kind]?.graceSeconds
        }
        return health
    }

    /// Whether the result changed what `health` says.
    package mutating func record(_ kind: ProbeSpec.Kind, success: Bool) -> Bool {
        let before = health
        _ = states[kind]?.record(success: success)
        return health != before
    }
}
