import APIClient
import JSONText
import TestKit
import Testing

@testable import Controllers

@Suite struct SchedulerTests {
    let fixture = ControllerFixture()

    private func nodeName(_ pod: String) -> String? {
        fixture.cluster.object(.pods, namespace: "default", name: pod)?[path: "spec", "nodeName"]?.string
    }

    @Test(.timeLimit(.minutes(1))) func aPodIsBoundToTheNodeAndAnEventSaysSo() async throws {
        fixture.node("n1")
        fixture.pod("a")
        try await fixture.running(Scheduler(fixture.context)) {
            try await fixture.until("the binding") { nodeName("a") == "n1" }
            try await fixture.until("the event") {
                fixture.cluster.objects(.events).contains { $0["reason"] == "Scheduled" }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aPodThatIsMadeAnewUnderTheSameNameIsBoundToo() async throws {
        fixture.node("n1")
        fixture.pod("a")
        try await fixture.running(Scheduler(fixture.context)) {
            for _ in 0..<3 {
                try await fixture.until("the binding") { nodeName("a") == "n1" }
                fixture.cluster.remove(.pods, namespace: "default", name: "a")
                fixture.pod("a")
            }
            try await fixture.until("the last binding") { nodeName("a") == "n1" }
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatFindsNoNodeSaysWhyAndIsBoundOnceItDoes() async throws {
        fixture.node("n1")
        fixture.pod("a", spec: ["nodeSelector": ["disk": "ssd"]])
        try await fixture.running(Scheduler(fixture.context)) {
            let message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
            try await fixture.until("the condition") {
                let pod = fixture.cluster.object(.pods, namespace: "default", name: "a")
                return pod?[path: "status", "conditions"]?.array?.contains {
                    $0["type"] == "PodScheduled" && $0["reason"] == "Unschedulable" && $0["message"] == .string(message)
                } ?? false
            }
            try await fixture.until("the event") {
                fixture.cluster.objects(.events).contains { $0["reason"] == "FailedScheduling" }
            }
            fixture.node("n2", labels: ["disk": "ssd"])
            try await fixture.until("the binding") { nodeName("a") == "n2" }
        }
    }

    @Test(.timeLimit(.minutes(1))) func roomIsNotGivenTwiceAndAPodThatLeavesMakesRoom() async throws {
        fixture.node("n1", cpu: "1")
        let half: [String: JSONValue] = [
            "containers": [["name": "main", "resources": ["requests": ["cpu": "600m"]]]]
        ]
        fixture.pod("a", spec: half)
        fixture.pod("b", spec: half)
        try await fixture.running(Scheduler(fixture.context)) {
            try await fixture.until("one bound, one refused") {
                let bound = ["a", "b"].filter { nodeName($0) != nil }
                return bound.count == 1
                    && fixture.cluster.objects(.events).contains { $0["reason"] == "FailedScheduling" }
            }
            let first = nodeName("a") != nil ? "a" : "b"
            fixture.cluster.remove(.pods, namespace: "default", name: first)
            try await fixture.until("the other") { nodeName(first == "a" ? "b" : "a") == "n1" }
        }
    }

    @Test func decisions() {
        let nodes: [JSONValue] = [
            node("a", spec: ["taints": [["key": "k", "value": "v", "effect": "NoSchedule"]]]),
            node("b", spec: ["unschedulable": true]), node("c", cpu: "100m"),
        ]
        let scheduling = Scheduling(
            nodes: nodes.map { SchedulingNode($0) },
            bound: [pod(["nodeName": "a", "containers": [["ports": [["containerPort": 80, "hostPort": 80]]]]])])
        #expect(scheduling.decide(pod([:])) == .bind(node: "c"))
        let large: JSONValue = ["containers": [["resources": ["requests": ["cpu": "1"]]]]]
        #expect(
            scheduling.decide(pod(large))
                == .unschedulable(
                    message: "0/3 nodes are available: 1 Insufficient cpu, "
                        + "1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable."))
        let tolerant: JSONValue = [
            "tolerations": [["key": "k", "operator": "Exists"]],
            "affinity": [
                "nodeAffinity": [
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        "nodeSelectorTerms": [
                            ["matchFields": [["key": "metadata.name", "operator": "In", "values": ["a"]]]]
                        ]
                    ]
                ]
            ],
        ]
        #expect(scheduling.decide(pod(tolerant)) == .bind(node: "a"))
        var port = tolerant
        port["containers"] = [["ports": [["containerPort": 80, "hostPort": 80]]]]
        guard case .unschedulable(let message) = scheduling.decide(pod(port)) else {
            Issue.record("the port was given twice")
            return
        }
        #expect(message.contains("didn't have free ports"))
        #expect(
            Scheduling(nodes: [], bound: []).decide(pod([:]))
                == .unschedulable(message: "no nodes available to schedule pods"))
    }

    @Test(
        arguments: [
            (["spec": [:]], true), (["spec": ["nodeName": "a"]], false), (["status": ["phase": "Failed"]], false),
            (["spec": ["schedulingGates": [["name": "x"]]]], false),
            (["metadata": ["deletionTimestamp": "2026-01-01T00:00:00Z"]], false),
        ] as [(JSONValue, Bool)])
    func onlyAPodThatWaitsKeepsWhatItAsksFor(object: JSONValue, waits: Bool) {
        #expect(SchedulingPod(object).waits == waits)
        #expect((SchedulingPod(object).wish?.schedulerName == "default-scheduler") == waits)
    }

    private func node(_ name: String, cpu: JSONValue = "4", spec: JSONValue = [:]) -> JSONValue {
        [
            "metadata": ["name": .string(name)], "spec": spec,
            "status": ["allocatable": ["cpu": cpu, "memory": "1Gi", "pods": 10]],
        ]
    }

    private func pod(_ spec: JSONValue) -> SchedulingPod {
        SchedulingPod(["metadata": ["name": "p", "namespace": "ns"], "spec": spec])
    }

    @Test func requestsCountInitContainersAndOverhead() {
        func container(_ cpu: JSONValue, always: Bool = false) -> JSONValue {
            var container: JSONValue = ["resources": ["requests": ["cpu": cpu]]]
            if always { container["restartPolicy"] = "Always" }
            return container
        }
        let spec: JSONValue = [
            "initContainers": [container("500m"), container("100m", always: true), container("2")],
            "containers": [container("300m"), container(1)], "overhead": ["cpu": "50m"],
        ]
        #expect(pod(spec).cpuMillis == 2_150)
    }

    @Test(arguments: [
        ("100m", 100), ("1.1", 1_100), ("2", 2_000), ("1k", 1_000_000), ("1Ki", 1_024_000), ("1e3", 1_000_000),
        ("0.0001", 1),
    ])
    func quantitiesAreReadInThousandths(text: String, expected: Int64) {
        #expect(Quantity(.string(text))?.milliUnits == expected)
    }

    @Test(arguments: ["", "x", "1Kx", "1.2.3", "--1"]) func malformedQuantitiesAreNone(text: String) {
        #expect(Quantity(.string(text)) == nil)
    }
}
