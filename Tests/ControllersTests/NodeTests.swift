import APIClient
import JSONText
import Logging
import NetTypes
import Synchronization
import TestKit
import Testing

@testable import Controllers

@Suite struct NodeTests {
    let fixture = ControllerFixture()

    private func node(_ name: String) -> JSONValue? { fixture.cluster.object(.nodes, name: name) }

    private func readiness(_ node: JSONValue?) -> String? {
        node?[path: "status", "conditions"]?.array?.first { $0["type"] == "Ready" }?["status"]?.string
    }

    @Test(.timeLimit(.minutes(1))) func aNodeRegistersReportsItsReadinessAndRenewsItsLease() async throws {
        let isReady = Mutex(false)
        var description = NodeDescription(name: "n1", cpuMillis: 2_500, memoryBytes: 4 << 30)
        description.internalAddresses = ["192.0.2.1", "2001:db8::1"]
        description.info = ["kernelVersion": "6.18"]
        let registration = NodeRegistration(
            client: fixture.cluster, description: description, logger: Logger(label: "test")
        ) {
            isReady.withLock { $0 }
                ? NodeReadiness(
                    isReady: true, reason: "KubeletReady", message: "all is well", runtimeVersion: "containerd://1.2")
                : NodeReadiness(isReady: false, reason: "ContainerRuntimeNotReady", message: "containerd is away")
        }
        try await fixture.running(registration) {
            try await fixture.until("the node") { readiness(node("n1")) == "False" }
            #expect(node("n1")?[path: "status", "capacity", "cpu"] == "2500m")
            #expect(node("n1")?[path: "metadata", "labels", "kubernetes.io/hostname"] == "n1")
            #expect(node("n1")?[path: "status", "nodeInfo", "kernelVersion"] == "6.18")
            isReady.withLock { $0 = true }
            try await fixture.until("ready") { readiness(node("n1")) == "True" }
            #expect(node("n1")?[path: "status", "nodeInfo", "containerRuntimeVersion"] == "containerd://1.2")
            #expect(node("n1")?[path: "status", "nodeInfo", "kernelVersion"] == "6.18")
            try await fixture.until("the lease") {
                let lease = fixture.cluster.object(.leases, namespace: "kube-node-lease", name: "n1")
                return lease?[path: "spec", "holderIdentity"] == "n1"
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func eachNodeGetsItsOwnBlocksAndKeepsThem() async throws {
        let blocks = try [#require(CIDR("10.244.0.0/22")), #require(CIDR("fd00:1::/62"))]
        let controller = PodCIDRController(fixture.context, allocation: PodCIDRAllocation(clusterCIDRs: blocks))
        fixture.node("kept", spec: ["podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd00:1::/64"]])
        for name in ["a", "b", "c", "d"] { fixture.node(name) }
        try await fixture.running(controller) {
            try await fixture.until("three blocks") {
                fixture.cluster.objects(.nodes).filter { $0[path: "spec", "podCIDR"] != nil }.count == 4
            }
            let given = fixture.cluster.objects(.nodes).compactMap { $0[path: "spec", "podCIDRs"]?.strings }
            #expect(
                Set(given.map { $0.joined(separator: " ") }) == [
                    "10.244.1.0/24 fd00:1::/64", "10.244.0.0/24 fd00:1:0:1::/64", "10.244.2.0/24 fd00:1:0:2::/64",
                    "10.244.3.0/24 fd00:1:0:3::/64",
                ])
            try await fixture.until("the fifth is told") {
                fixture.cluster.objects(.events).contains { $0["reason"] == "CIDRNotAvailable" }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func taintsFollowReadinessAndCordoningAndLeaveOthersAlone() async throws {
        let foreign: JSONValue = ["key": "gpu", "value": "yes", "effect": "NoSchedule"]
        let notReady: JSONValue = ["key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"]
        func taints() -> [String] {
            (node("n1")?[path: "spec", "taints"]?.array ?? []).compactMap { $0["key"]?.string }
        }
        fixture.node("n1", spec: ["taints": [foreign, notReady]])
        try await fixture.running(NodeTaints(fixture.context)) {
            try await fixture.until("ready: ours is off") { taints() == ["gpu"] }
            fixture.node("n1", spec: ["taints": [foreign], "unschedulable": true])
            try await fixture.until("cordoned") { taints() == ["gpu", "node.kubernetes.io/unschedulable"] }
            fixture.cluster.set(.nodes, ["metadata": ["name": "n1"], "spec": ["taints": [foreign]]])
            try await fixture.until("not ready") { taints() == ["gpu", "node.kubernetes.io/not-ready"] }
        }
    }
}
