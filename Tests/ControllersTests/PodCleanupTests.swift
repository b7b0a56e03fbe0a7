import APIClient
import JSONText
import Logging
import Synchronization
import TestKit
import Testing

@testable import Controllers

@Suite struct PodCleanupTests {
    let fixture = ControllerFixture()

    /// A clock on which a pause is over at once and has taken its time.
    private func context() -> ControllerContext {
        let elapsed = Mutex(Duration.zero)
        let clock = ControllerClock(
            now: { elapsed.withLock { $0 } }, unixMicroseconds: { 0 },
            sleep: { pause in
                elapsed.withLock { $0 += pause }
                try await Task.sleep(for: .milliseconds(1))
            })
        return ControllerContext(
            client: fixture.cluster, cluster: fixture.context.cluster, clock: clock, logger: fixture.context.logger)
    }

    private func names() -> [String] { fixture.cluster.objects(.pods).map(\.objectName) }

    @Test(.timeLimit(.minutes(1))) func podsOfANodeThatIsGoneAndPodsThatNobodyRunsAreRemoved() async throws {
        fixture.node("here")
        fixture.pod("kept", node: "here", address: "10.0.0.1")
        fixture.pod("waits")
        fixture.pod("stranded", node: "gone", address: "10.0.0.2")
        var unbound = fixture.pod("unbound")
        unbound["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        fixture.cluster.set(.pods, unbound)
        try await fixture.running(PodCleanup(context())) {
            try await fixture.until("two are left") { names() == ["kept", "waits"] }
        }
    }

    @Test(.timeLimit(.minutes(1))) func ofFinishedPodsTheNewestStay() async throws {
        fixture.node("here")
        for index in 1...5 {
            var pod = fixture.pod("p\(index)", node: "here", address: "10.0.0.\(index)")
            pod["status"]?["phase"] = "Succeeded"
            fixture.cluster.set(.pods, pod)
        }
        try await fixture.running(PodCleanup(context(), finishedMax: 2)) {
            try await fixture.until("two are left") { names() == ["p4", "p5"] }
        }
    }
}
