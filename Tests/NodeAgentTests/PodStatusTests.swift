import JSONText
import NodeAgent
import Testing

@Suite struct PodStatusTests {
    private let now = Timestamp(seconds: 1_000_000)

    private func status(
        _ state: ObservedContainer.State?, policy: String = "Always", code: Int = 0, ready: Bool = false, step: Int = 0,
        memory: PodMemory = PodMemory(), before: JSONValue = .null
    ) throws -> JSONValue {
        let pod = try #require(
            PodObject([
                "metadata": ["name": "p", "namespace": "ns", "uid": "u"],
                "spec": ["restartPolicy": .string(policy), "containers": [["name": "a", "image": "i:1"]]],
                "status": before,
            ]))
        var observed = PodObservation(sandboxes: [
            ObservedSandbox(
                id: "s", podUID: "u", podNamespace: "ns", podName: "p", attempt: 0, isReady: true, createdAt: now,
                addresses: ["10.0.0.7", "fd00::7"])
        ])
        var memory = memory
        if let state {
            var container = ObservedContainer(
                id: "c", sandboxID: "s", podUID: "u", name: "a", restartCount: 4, backOffStep: step, specHash: "",
                state: state, createdAt: now)
            container.startedAt = now
            container.exitCode = code
            container.finishedAt = state == .exited ? now : nil
            observed.containers = [container]
            memory.health["c"] = ContainerHealth(isStarted: true, isReady: ready)
        }
        let configuration = NodeAgentConfiguration(
            nodeName: "n", containerdSocket: "", rootDirectory: "", logDirectory: "", nodeAddresses: ["192.0.2.1"])
        return PodStatusBuilder(pod, observed, memory, now: now, configuration: configuration).status()
    }

    private func condition(_ type: String, _ status: JSONValue) -> JSONValue? {
        (status["conditions"]?.array ?? []).first { $0["type"]?.string == type }
    }

    @Test func aReadyContainerMakesAReadyPod() throws {
        let status = try status(.running, ready: true)
        #expect(status["phase"] == "Running")
        #expect(condition("Ready", status)?["status"] == "True")
        #expect(status["podIP"] == "10.0.0.7")
        #expect(status["podIPs"] == [["ip": "10.0.0.7"], ["ip": "fd00::7"]])
        #expect(status["hostIP"] == "192.0.2.1")
        #expect(status["containerStatuses"]?[0]?["restartCount"] == 4)
        #expect(status["containerStatuses"]?[0]?["containerID"] == "containerd://c")
    }

    @Test func anUnreadyContainerIsNamed() throws {
        let status = try status(.running)
        #expect(condition("Ready", status)?["reason"] == "ContainersNotReady")
        #expect(condition("Ready", status)?["message"] == "containers with unready status: [a]")
    }

    @Test(arguments: [
        ("Always", 0, "Running"), ("Always", 1, "Running"), ("OnFailure", 0, "Succeeded"), ("OnFailure", 1, "Running"),
        ("Never", 0, "Succeeded"), ("Never", 1, "Failed"),
    ])
    func thePhaseFollowsExitCodeAndPolicy(policy: String, code: Int, phase: String) throws {
        #expect(try status(.exited, policy: policy, code: code)["phase"]?.string == phase)
    }

    @Test func aCrashThatWaitsSaysSo() throws {
        let container = try status(.exited, code: 1, step: 2)["containerStatuses"]?[0]
        #expect(container?[path: "state", "waiting", "reason"] == "CrashLoopBackOff")
        #expect(container?[path: "lastState", "terminated", "exitCode"] == 1)
    }

    @Test func pullsThatFailSaySo() throws {
        var memory = PodMemory()
        memory.failedPulls["i:1"] = FailedAttempt(reason: "ErrImagePull", message: "no", at: now, count: 1)
        let first = try status(nil, memory: memory)["containerStatuses"]?[0]?[path: "state", "waiting", "reason"]
        #expect(first == "ErrImagePull")
        memory.failedPulls["i:1"] = FailedAttempt(reason: "ErrImagePull", message: "no", at: now, count: 2)
        let later = try status(nil, memory: memory)["containerStatuses"]?[0]?[path: "state", "waiting", "reason"]
        #expect(later == "ImagePullBackOff")
    }

    @Test func transitionTimesStayWhileNothingChanges() throws {
        let first = try status(.running, ready: true)
        var earlier = first
        let stamped = (first["conditions"]?.array ?? []).map { condition -> JSONValue in
            var copy = condition
            copy["lastTransitionTime"] = "2020-01-01T00:00:00Z"
            return copy
        }
        earlier["conditions"] = .array(stamped + [["type": "Foreign", "status": "True"]])
        let second = try status(.running, ready: true, before: earlier)
        #expect(condition("Ready", second)?["lastTransitionTime"] == "2020-01-01T00:00:00Z")
        #expect(condition("Foreign", second) != nil)
        let third = try status(.running, ready: false, before: earlier)
        #expect(condition("Ready", third)?["lastTransitionTime"]?.string == now.text)
    }
}
