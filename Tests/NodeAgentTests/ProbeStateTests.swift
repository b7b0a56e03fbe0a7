import JSONText
import NodeAgent
import Testing

@Suite struct ProbeStateTests {
    private let spec = ContainerSpec([
        "name": "c", "startupProbe": ["failureThreshold": 2],
        "readinessProbe": ["successThreshold": 2, "failureThreshold": 2],
        "livenessProbe": ["failureThreshold": 3, "terminationGracePeriodSeconds": 4],
    ])

    /// `+` a success, `-` a failure.
    private func run(_ probes: inout ContainerProbes, _ kind: ProbeSpec.Kind, _ results: String) -> [Bool] {
        results.map { probes.record(kind, success: $0 == "+") }
    }

    @Test func nothingIsAskedBeforeTheStartupProbePasses() {
        var probes = ContainerProbes(spec, wasStarted: false, wasReady: false)
        #expect(probes.active.map(\.kind) == [.startup])
        #expect(run(&probes, .startup, "-+") == [false, true])
        #expect(probes.active.map(\.kind) == [.readiness, .liveness])
        #expect(probes.health == ContainerHealth(isStarted: true, isReady: false))
    }

    @Test func startupThatFailsForGoodEndsTheContainer() {
        var probes = ContainerProbes(spec, wasStarted: false, wasReady: false)
        #expect(run(&probes, .startup, "--") == [false, true])
        #expect(probes.health.mustEnd == "its startup probe failed")
    }

    @Test func readinessNeedsItsThresholdsInARow() {
        var probes = ContainerProbes(spec, wasStarted: true, wasReady: false)
        #expect(run(&probes, .readiness, "+-++") == [false, false, false, true])
        #expect(probes.health.isReady)
        #expect(run(&probes, .readiness, "-+--") == [false, false, false, true])
        #expect(!probes.health.isReady)
    }

    @Test func livenessThatFailsEndsTheContainerWithItsOwnGrace() {
        var probes = ContainerProbes(spec, wasStarted: true, wasReady: true)
        #expect(run(&probes, .liveness, "--+---").last == true)
        #expect(probes.health.mustEnd == "its liveness probe failed")
        #expect(probes.health.endGraceSeconds == 4)
    }

    @Test func whatWasReadyBeforeARestartStaysReady() {
        let probes = ContainerProbes(spec, wasStarted: true, wasReady: true)
        #expect(probes.health == ContainerHealth(isStarted: true, isReady: true))
        let without = ContainerProbes(ContainerSpec(["name": "c"]), wasStarted: false, wasReady: false)
        #expect(without.health == ContainerHealth(isStarted: true, isReady: true))
    }

    @Test func settingsHaveTheirDefaults() throws {
        let container = ContainerSpec(["name": "c", "livenessProbe": ["periodSeconds": 0]])
        let probe = try #require(ProbeSpec(.liveness, of: container))
        #expect(probe.period == .seconds(10))
        #expect(probe.timeout == .seconds(1))
        #expect(probe.failureThreshold == 3)
        #expect(ProbeSpec(.readiness, of: container) == nil)
    }
}
