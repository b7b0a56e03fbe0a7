import APIClient
import Foundation
import JSONText
import NodeAgent
import TestKit
import Testing

/// What befalls a node: probes that fail, containers that crash, a sandbox that dies, a runtime that goes away.
@Suite(.serialized, .timeLimit(.minutes(3))) struct NodeFaultTests {
    private static func pod(_ name: String, _ script: String, change: (inout JSONValue) -> Void = { _ in }) -> JSONValue
    {
        var container: JSONValue = [
            "name": "main", "image": .string(NodeImages.shopReference), "command": ["/bin/sh", "-c", .string(script)],
        ]
        change(&container)
        return [
            "metadata": ["name": .string(name), "namespace": "default", "uid": .string("uid-of-\(name)")],
            "spec": ["nodeName": "n1", "terminationGracePeriodSeconds": 1, "containers": [container]],
        ]
    }

    private static let wait = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"

    @Test func aNodeTakesWhatBefallsIt() async throws {
        let node = try await TestNode()
        defer { node.end() }
        try await node.whileRunning {
            try await checkCrashes(node)
            try await checkLiveness(node)
            try await checkHTTPProbe(node)
            try await checkSandboxDeath(node)
            try await checkStaticPod(node)
            try await checkRuntimeAway(node)
            try await checkForcedRemoval(node)
        }
    }

    private func restarts(_ node: TestNode, _ pod: String) -> Int64? {
        node.status(of: pod)["containerStatuses"]?[0]?["restartCount"]?.integer
    }

    private func checkCrashes(_ node: TestNode) async throws {
        node.cluster.set(.pods, Self.pod("crash", "echo last words > /dev/termination-log; exit 7"))
        try await until(seconds: 20, "the crash loop is reported") {
            node.status(of: "crash")["containerStatuses"]?[0]?[path: "state", "waiting", "reason"] == "CrashLoopBackOff"
        }
        let last = node.status(of: "crash")["containerStatuses"]?[0]?[path: "lastState", "terminated"]
        #expect(last?["exitCode"] == 7)
        #expect(last?["message"] == "last words\n")
        #expect(restarts(node, "crash") == 1)
        node.cluster.remove(.pods, namespace: "default", name: "crash")
    }

    private func checkLiveness(_ node: TestNode) async throws {
        let script = "touch /tmp/alive; " + Self.wait
        node.cluster.set(
            .pods,
            Self.pod("live", script) {
                $0["livenessProbe"] = ["exec": ["command": ["/bin/cat", "/tmp/dead"]], "periodSeconds": 1]
                $0["livenessProbe"]?["failureThreshold"] = 2
            })
        try await until(seconds: 30, "a failed liveness probe restarts") { (restarts(node, "live") ?? 0) >= 1 }
        // Events are written behind the pod's work.
        try await until(seconds: 10, "both failures are told in one Event") {
            node.cluster.objects(.events, namespace: "default").contains {
                $0["reason"] == "Unhealthy" && ($0["count"]?.integer ?? 0) >= 2
            }
        }
        node.cluster.remove(.pods, namespace: "default", name: "live")
    }

    private func checkHTTPProbe(_ node: TestNode) async throws {
        let server = Process()
        server.executableURL = URL(filePath: NodeImages.busyboxPath)
        let port = Int64.random(in: 20000...30000)
        server.arguments = ["httpd", "-f", "-p", "127.0.0.1:\(port)", "-h", node.containerd.folder + "/cni"]
        try server.run()
        defer { kill(server.processIdentifier, SIGKILL) }
        node.cluster.set(
            .pods,
            Self.pod("probed", Self.wait) {
                $0["readinessProbe"] = [
                    "httpGet": ["host": "127.0.0.1", "path": "/10-test.conflist", "port": .integer(port)],
                    "periodSeconds": 1, "failureThreshold": 1,
                ]
            })
        try await until(seconds: 20, "the server's answer makes the pod Ready") { node.isTrue("Ready", of: "probed") }
        kill(server.processIdentifier, SIGKILL)
        try await until(seconds: 20, "without the server it is unready") { !node.isTrue("Ready", of: "probed") }
        node.cluster.remove(.pods, namespace: "default", name: "probed")
    }

    private func checkSandboxDeath(_ node: TestNode) async throws {
        node.cluster.set(.pods, Self.pod("lone", Self.wait))
        try await until(seconds: 20, "the pod runs") { node.isTrue("Ready", of: "lone") }
        let before = node.status(of: "lone")["podIP"]
        let label = "labels.\"io.kubernetes.pod.uid\"==uid-of-lone,labels.\"io.cri-containerd.kind\"==sandbox"
        let sandbox = try node.containerd.ctr("containers", "ls", "-q", label).split(separator: "\n")
        try #require(sandbox.count == 1)
        _ = try node.containerd.ctr("tasks", "kill", "-s", "SIGKILL", String(sandbox[0]))
        try await until(seconds: 30, "the pod runs in a new sandbox") {
            restarts(node, "lone") == 1 && node.isTrue("Ready", of: "lone")
                && node.status(of: "lone")["podIP"] != before
        }
    }

    private func checkStaticPod(_ node: TestNode) async throws {
        let folder = node.containerd.folder + "/static"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = """
            apiVersion: v1
            kind: Pod
            metadata: {name: fixed}
            spec:
              hostNetwork: true
              terminationGracePeriodSeconds: 1
              containers:
                - {name: main, image: "\(NodeImages.shopReference)", command: [/bin/shop, wait]}
            """
        try text.write(toFile: folder + "/fixed.yaml", atomically: true, encoding: .utf8)
        try await until(seconds: 20, "its mirror is Ready") { node.isTrue("Ready", of: "fixed-n1") }
        #expect(node.status(of: "fixed-n1")["podIP"] == "10.199.1.1")
        try FileManager.default.removeItem(atPath: folder + "/fixed.yaml")
        try await until(seconds: 20, "its mirror goes with the file") {
            node.cluster.object(.pods, namespace: "default", name: "fixed-n1") == nil
        }
    }

    private func checkRuntimeAway(_ node: TestNode) async throws {
        node.containerd.stop()
        node.cluster.set(.pods, Self.pod("patient", Self.wait))
        let id = node.status(of: "lone")["containerStatuses"]?[0]?["containerID"]
        try await node.containerd.start()
        try await until(seconds: 30, "the pod that waited runs") { node.isTrue("Ready", of: "patient") }
        #expect(node.status(of: "lone")["containerStatuses"]?[0]?["containerID"] == id)
        #expect(node.isTrue("Ready", of: "lone"))
    }

    private func checkForcedRemoval(_ node: TestNode) async throws {
        for name in ["lone", "patient"] { node.cluster.remove(.pods, namespace: "default", name: name) }
        try await until(seconds: 30, "no container is left") {
            try node.containerd.ctr("containers", "ls", "-q").isEmpty
        }
        // Files go last, after the containers.
        try await until(seconds: 10, "no file is left") {
            let left = try FileManager.default.contentsOfDirectory(atPath: node.containerd.folder + "/pods")
            return left.allSatisfy { $0.hasPrefix(".") }
        }
    }
}
