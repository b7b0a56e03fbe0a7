import JSONText
import NodeAgent
import Testing

/// What a pod needs next, as a table: pod, what the runtime has, what the worker knows → the plan.
@Suite struct PodDecisionTests {
    private let now = Timestamp(seconds: 1_000_000)

    private func pod(_ policy: String = "Always", inits: [String] = [], change: (inout JSONValue) -> Void = { _ in })
        throws -> PodObject
    {
        func containers(_ names: [String]) -> JSONValue {
            .array(names.map { ["name": .string($0), "image": "i:1"] })
        }
        var json: JSONValue = [
            "metadata": ["name": "p", "namespace": "ns", "uid": "u"],
            "spec": [
                "restartPolicy": .string(policy), "containers": containers(["a"]), "initContainers": containers(inits),
                "terminationGracePeriodSeconds": 7,
            ],
        ]
        change(&json)
        return try #require(PodObject(json))
    }

    private func sandbox(_ id: String = "s", ready: Bool = true, attempt: Int = 0) -> ObservedSandbox {
        ObservedSandbox(
            id: id, podUID: "u", podNamespace: "ns", podName: "p", attempt: attempt, isReady: ready,
            createdAt: Timestamp(seconds: 999_000))
    }

    private func container(
        _ id: String, _ state: ObservedContainer.State, of name: String = "a", code: Int = 0, restarts: Int = 0,
        step: Int = 0, ranSeconds: Int64 = 5, endedAgo: Int64 = 1, sandbox: String = "s"
    ) throws -> ObservedContainer {
        let end = Timestamp(seconds: 1_000_000 - endedAgo)
        let spec = ContainerSpec(["name": .string(name), "image": "i:1"])
        var result = ObservedContainer(
            id: id, sandboxID: sandbox, podUID: "u", name: name, restartCount: restarts, backOffStep: step,
            specHash: spec.specHash, state: state,
            createdAt: Timestamp(seconds: end.nanoseconds / 1_000_000_000 - ranSeconds))
        result.startedAt = result.createdAt
        if state == .exited { result.finishedAt = end }
        result.exitCode = code
        return result
    }

    private func actions(_ pod: PodObject?, _ observed: PodObservation, _ memory: PodMemory = PodMemory())
        -> [PodAction]
    {
        PodDecision.plan(for: pod, observed: observed, memory: memory, now: now).actions
    }

    @Test func aNewPodGetsASandbox() throws {
        #expect(actions(try pod(), PodObservation()) == [.startSandbox(attempt: 0)])
    }

    @Test func containersStartInTheSandbox() throws {
        let start = PodAction.startContainer(name: "a", sandbox: "s", restartCount: 0, backOffStep: 0)
        #expect(actions(try pod(), PodObservation(sandboxes: [sandbox()])) == [start])
    }

    @Test func initContainersRunOneAfterTheOtherBeforeTheOthers() throws {
        let pod = try pod(inits: ["i", "j"])
        let empty = PodObservation(sandboxes: [sandbox()])
        #expect(actions(pod, empty) == [.startContainer(name: "i", sandbox: "s", restartCount: 0, backOffStep: 0)])
        let running = PodObservation(sandboxes: [sandbox()], containers: [try container("c1", .running, of: "i")])
        #expect(actions(pod, running).isEmpty)
        let first = PodObservation(sandboxes: [sandbox()], containers: [try container("c1", .exited, of: "i")])
        #expect(actions(pod, first) == [.startContainer(name: "j", sandbox: "s", restartCount: 0, backOffStep: 0)])
        let both = PodObservation(
            sandboxes: [sandbox()],
            containers: [try container("c2", .exited, of: "j"), try container("c1", .exited, of: "i")])
        #expect(actions(pod, both) == [.startContainer(name: "a", sandbox: "s", restartCount: 0, backOffStep: 0)])
    }

    @Test func aFailedInitContainerEndsAPodThatNeverRestarts() throws {
        let failed = PodObservation(
            sandboxes: [sandbox()], containers: [try container("c1", .exited, of: "i", code: 1)])
        #expect(actions(try pod("Never", inits: ["i"]), failed) == [.stopSandbox(id: "s")])
    }

    @Test(arguments: [(0, Int64(0)), (1, 10), (2, 20), (5, 160), (6, 300), (60, 300)])
    func crashesWaitLongerEachTime(step: Int, seconds: Int64) throws {
        #expect(BackOff.delay(step: step) == .seconds(seconds))
        let exited = try container("c", .exited, code: 1, step: step, endedAgo: max(seconds - 1, 0))
        let observed = PodObservation(sandboxes: [sandbox()], containers: [exited])
        let plan = PodDecision.plan(for: try pod(), observed: observed, memory: PodMemory(), now: now)
        if seconds == 0 {
            #expect(plan.actions == [.startContainer(name: "a", sandbox: "s", restartCount: 1, backOffStep: 1)])
        } else {
            #expect(plan.actions.isEmpty)
            #expect(plan.wakeAt == now + .seconds(1))
        }
    }

    @Test func aLongRunStartsTheBackOffAnew() throws {
        let exited = try container("c", .exited, code: 1, restarts: 8, step: 6, ranSeconds: 900)
        let observed = PodObservation(sandboxes: [sandbox()], containers: [exited])
        #expect(
            actions(try pod(), observed) == [
                .startContainer(name: "a", sandbox: "s", restartCount: 9, backOffStep: 0)
            ])
    }

    @Test(arguments: [
        ("Always", 0, true), ("Always", 1, true), ("OnFailure", 0, false), ("OnFailure", 1, true), ("Never", 0, false),
        ("Never", 1, false),
    ])
    func restartPoliciesDecide(policy: String, code: Int, restarts: Bool) throws {
        let observed = PodObservation(
            sandboxes: [sandbox()], containers: [try container("c", .exited, code: code, endedAgo: 400)])
        let expected: [PodAction] =
            restarts
            ? [.startContainer(name: "a", sandbox: "s", restartCount: 1, backOffStep: 1)] : [.stopSandbox(id: "s")]
        #expect(actions(try pod(policy), observed) == expected)
    }

    @Test func deletionStopsContainersThenTheSandboxThenRemovesAll() throws {
        let pod = try pod { $0["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
        let running = PodObservation(sandboxes: [sandbox()], containers: [try container("c", .running)])
        let stop = PodAction.stopContainer(id: "c", name: "a", graceSeconds: 7, reason: "its Pod is being deleted")
        #expect(actions(pod, running) == [stop])
        let ended = PodObservation(sandboxes: [sandbox()], containers: [try container("c", .exited)])
        #expect(actions(pod, ended) == [.stopSandbox(id: "s")])
        let stopped = PodObservation(sandboxes: [sandbox(ready: false)], containers: [try container("c", .exited)])
        #expect(actions(pod, stopped) == [.removeContainer(id: "c"), .removeSandbox(id: "s")])
        #expect(actions(pod, PodObservation()) == [.removeFiles, .removeObject])
    }

    @Test func aStopIsNotRepeatedUnlessTheGraceShrinks() throws {
        let observed = PodObservation(sandboxes: [sandbox()], containers: [try container("c", .running)])
        var memory = PodMemory()
        memory.stopping["c"] = 30
        let slow = try pod {
            $0["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            $0["metadata"]?["deletionGracePeriodSeconds"] = 30
        }
        #expect(actions(slow, observed, memory).isEmpty)
        let fast = try pod {
            $0["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            $0["metadata"]?["deletionGracePeriodSeconds"] = 0
        }
        #expect(actions(fast, observed, memory).count == 1)
    }

    @Test func whatHasNoPodGoes() throws {
        var orphan = try container("c", .running)
        orphan.graceSeconds = 3
        let observed = PodObservation(sandboxes: [sandbox()], containers: [orphan])
        #expect(
            actions(nil, observed) == [
                .stopContainer(id: "c", name: "a", graceSeconds: 3, reason: "its Pod is gone")
            ])
    }

    @Test func aLostSandboxIsReplacedAndContainersCountOn() throws {
        let dead = try container("c", .exited, code: 137, restarts: 2)
        let lost = PodObservation(sandboxes: [sandbox(ready: false, attempt: 4)], containers: [dead])
        #expect(actions(try pod(), lost) == [.stopSandbox(id: "s"), .startSandbox(attempt: 5)])
        let fresh = PodObservation(sandboxes: [sandbox("t", attempt: 5), sandbox(ready: false)], containers: [dead])
        #expect(
            actions(try pod(), fresh).first
                == .startContainer(name: "a", sandbox: "t", restartCount: 3, backOffStep: 0))
    }

    @Test func aContainerWhoseProbeFailedOrImageChangedIsStopped() throws {
        let running = PodObservation(sandboxes: [sandbox()], containers: [try container("c", .running)])
        var memory = PodMemory()
        memory.health["c"] = ContainerHealth(isStarted: true, isReady: true, mustEnd: "its liveness probe failed")
        let stop = PodAction.stopContainer(id: "c", name: "a", graceSeconds: 7, reason: "its liveness probe failed")
        #expect(actions(try pod(), running, memory) == [stop])
        let changed = try pod { $0["spec"]?["containers"] = [["name": "a", "image": "i:2"]] }
        #expect(actions(changed, running).count == 1)
    }

    @Test func aContainerThatWasNeverStartedIsMadeAnew() throws {
        let observed = PodObservation(
            sandboxes: [sandbox()], containers: [try container("c", .created, restarts: 3, step: 2)])
        #expect(
            actions(try pod(), observed) == [
                .removeContainer(id: "c"),
                .startContainer(name: "a", sandbox: "s", restartCount: 3, backOffStep: 2),
            ])
    }

    @Test func onlyTwoContainersOfANameAreKept() throws {
        let observed = PodObservation(
            sandboxes: [sandbox()],
            containers: [
                try container("c3", .running), try container("c2", .exited), try container("c1", .exited),
            ])
        #expect(actions(try pod(), observed) == [.removeContainer(id: "c1")])
    }

    @Test func theDeadlineEndsThePod() throws {
        let pod = try pod {
            $0["spec"]?["activeDeadlineSeconds"] = 10
            $0["status"] = ["startTime": .string(Timestamp(seconds: 999_989).text)]
        }
        let observed = PodObservation(sandboxes: [sandbox()], containers: [try container("c", .running)])
        #expect(actions(pod, observed).count == 1)
        let configuration = NodeAgentConfiguration(
            nodeName: "n", containerdSocket: "", rootDirectory: "", logDirectory: "", nodeAddresses: [])
        let status = PodStatusBuilder(pod, observed, PodMemory(), now: now, configuration: configuration).status()
        #expect(status["phase"] == "Failed")
        #expect(status["reason"] == "DeadlineExceeded")
    }

    @Test(
        arguments: [
            ("runtimeClassName", JSONValue.string("x"), "spec.runtimeClassName"),
            ("volumes", [["name": "v", "nfs": ["server": "x"]]], "spec.volumes[0].nfs"),
            (
                "containers", [["name": "a", "image": "i", "ports": [["containerPort": 80, "hostPort": 80]]]],
                "spec.containers[0].ports[0].hostPort"
            ),
            (
                "containers", [["name": "a", "image": "i", "livenessProbe": ["grpc": ["port": 1]]]],
                "spec.containers[0].livenessProbe.grpc"
            ),
            (
                "containers", [["name": "a", "image": "i", "resources": ["limits": ["nvidia.com/gpu": "1"]]]],
                "spec.containers[0].resources.limits.nvidia.com/gpu"
            ),
            ("securityContext", ["seLinuxOptions": ["user": "x"]], "spec.securityContext.seLinuxOptions"),
        ] as [(String, JSONValue, String)])
    func unsupportedFieldsAreNamedAndNothingStarts(field: String, value: JSONValue, path: String) throws {
        let pod = try pod { $0["spec"]?[field] = value }
        #expect(SupportedFields.unsupported(in: pod) == [path])
        #expect(actions(pod, PodObservation()).isEmpty)
    }

    @Test func fieldsThatSayNothingAreNoHindrance() throws {
        let pod = try pod {
            $0["spec"]?["ephemeralContainers"] = []
            $0["spec"]?["runtimeClassName"] = ""
            $0["spec"]?["securityContext"] = [:]
        }
        #expect(SupportedFields.unsupported(in: pod).isEmpty)
    }
}
