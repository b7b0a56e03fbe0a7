import APIClient
import JSONText
import Logging
import Synchronization
import TestKit
import Testing

@testable import Controllers

@Suite struct NodeLivenessTests {
    let fixture = ControllerFixture()
    private let time = TestTime()

    /// Time that passes when the test says so.
    private final class TestTime: Sendable {
        private let elapsed = Mutex(Duration.zero)

        var now: Duration { elapsed.withLock { $0 } }
        func pass(_ time: Duration) { elapsed.withLock { $0 += time } }
    }

    private func context() -> ControllerContext {
        let time = time
        let clock = ControllerClock(
            now: { time.now },
            unixMicroseconds: { 1_767_225_600_000_000 + time.now.components.seconds * 1_000_000 },
            sleep: { pause in
                let end = time.now + pause
                while time.now < end { try await Task.sleep(for: .milliseconds(1)) }
            })
        return ControllerContext(
            client: fixture.cluster, cluster: fixture.context.cluster, clock: clock, logger: fixture.context.logger)
    }

    private func renew(_ name: String, _ time: String) {
        fixture.cluster.set(
            .leases,
            [
                "metadata": ["name": .string(name), "namespace": "kube-node-lease"],
                "spec": ["renewTime": .string(time)],
            ])
    }

    private func condition(_ node: String, _ type: String) -> JSONValue? {
        fixture.cluster.object(.nodes, name: node)?[path: "status", "conditions"]?.array?.first {
            $0["type"]?.string == type
        }
    }

    private func readiness(_ node: String) -> String? { condition(node, "Ready")?["status"]?.string }

    @Test func aNodeMayBeSilentForTheGraceAndNoLonger() {
        var signs = NodeSigns()
        let first = NodeSigns.Sign(renewed: "1", reported: "1")
        #expect(signs.look("a", first, now: .seconds(100)) == .seconds(40))
        #expect(signs.look("a", first, now: .seconds(139)) == .seconds(1))
        #expect(signs.look("a", first, now: .seconds(140)) == nil)
        #expect(signs.look("b", first, now: .seconds(140)) == .seconds(40))
        #expect(signs.look("a", NodeSigns.Sign(renewed: "2", reported: "1"), now: .seconds(150)) == .seconds(40))
        #expect(signs.look("a", NodeSigns.Sign(renewed: "2", reported: "2"), now: .seconds(180)) == .seconds(40))
        #expect(signs.look("a", NodeSigns.Sign(renewed: "2", reported: "2"), now: .seconds(220)) == nil)
        signs.forget("a")
        #expect(signs.look("a", NodeSigns.Sign(renewed: "2", reported: "2"), now: .seconds(221)) == .seconds(40))
    }

    @Test(.timeLimit(.minutes(1))) func aSilentNodeBecomesUnknownAndOneThatRenewsStaysReady() async throws {
        fixture.node("dead")
        fixture.node("alive")
        fixture.cluster.set(.nodes, ["metadata": ["name": "never"]])
        let foreign: JSONValue = ["type": "NetworkUnavailable", "status": "False"]
        var node = try #require(fixture.cluster.object(.nodes, name: "dead"))
        node["status"]?["conditions"] = [
            foreign, ["type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"],
        ]
        fixture.cluster.set(.nodes, node)
        for name in ["dead", "alive"] { renew(name, "a") }
        let context = context()
        let liveness = NodeLiveness(context)
        try await fixture.running(liveness) {
            // The first look at a node is when its grace begins.
            try await fixture.until("all are known") { liveness.known == ["alive", "dead", "never"] }
            time.pass(.seconds(39))
            renew("alive", "b")
            try await fixture.until("it is heard") { liveness.heard("alive") == .seconds(39) }
            #expect(readiness("dead") == "True" && readiness("never") == nil)
            time.pass(.seconds(1))
            try await fixture.until("both are silent") {
                readiness("dead") == "Unknown" && readiness("never") == "Unknown"
            }
            #expect(readiness("alive") == "True")
            #expect(condition("dead", "NetworkUnavailable") == foreign)
            #expect(condition("dead", "DiskPressure")?["status"] == "Unknown")
            #expect(
                condition("dead", "Ready") == [
                    "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.", "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                    "lastTransitionTime": "2026-01-01T00:00:40Z",
                ])
            #expect(condition("never", "Ready")?["reason"] == "NodeStatusNeverUpdated")
            try await fixture.until("an Event says so") {
                fixture.cluster.objects(.events).contains {
                    $0["reason"] == "NodeNotReady" && $0[path: "involvedObject", "name"] == "dead"
                }
            }
            time.pass(.seconds(39))
            try await fixture.until("the third is silent too") { readiness("alive") == "Unknown" }
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatAWatchHasMissedCountsAndIsAskedForBeforeANodeIsGivenUp() async throws {
        fixture.node("n1")
        renew("n1", "a")
        let liveness = NodeLiveness(context())
        try await fixture.running(liveness) {
            try await fixture.until("it is known") { liveness.known == ["n1"] }
            // The informers come back after a pause: the Lease is renewed behind their back.
            fixture.cluster.cutWatches()
            renew("n1", "b")
            time.pass(.seconds(40))
            try await fixture.until("it is heard") { liveness.heard("n1") == .seconds(40) }
            #expect(readiness("n1") == "True")
        }
    }

    @Test(.timeLimit(.minutes(1))) func aNodeThatLivesTakesItBackWithItsNextLease() async throws {
        let context = context()
        let registration = NodeRegistration(
            client: fixture.cluster, description: NodeDescription(name: "n1", cpuMillis: 1_000, memoryBytes: 1 << 30),
            clock: context.clock, logger: context.logger
        ) { NodeReadiness(isReady: true, reason: "KubeletReady", message: "all is well") }
        try await fixture.running(registration) {
            try await fixture.until("the lease") {
                fixture.cluster.object(.leases, namespace: "kube-node-lease", name: "n1") != nil
            }
            var node = try #require(fixture.cluster.object(.nodes, name: "n1"))
            node["status"]?["conditions"] = [["type": "Ready", "status": "Unknown"]]
            fixture.cluster.set(.nodes, node)
            // The next status of its own accord would come after 300 s.
            try await fixture.until("it is Ready again") {
                if time.now < .seconds(20) { time.pass(.milliseconds(200)) }
                return readiness("n1") == "True"
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSilentNodeIsTaintedAsUnreachableAndNotAsNotReady() async throws {
        func taints() -> [String] {
            (fixture.cluster.object(.nodes, name: "n1")?[path: "spec", "taints"]?.array ?? []).compactMap {
                $0["key"]?.string
            }
        }
        func become(_ status: JSONValue) throws {
            var node = try #require(fixture.cluster.object(.nodes, name: "n1"))
            node["status"]?["conditions"] = [["type": "Ready", "status": status]]
            fixture.cluster.set(.nodes, node)
        }
        fixture.node("n1")
        try await fixture.running(NodeTaints(fixture.context)) {
            try become("Unknown")
            try await fixture.until("unreachable") { taints() == ["node.kubernetes.io/unreachable"] }
            try become("False")
            try await fixture.until("not ready") { taints() == ["node.kubernetes.io/not-ready"] }
            try become("True")
            try await fixture.until("free") { taints().isEmpty }
        }
    }
}
