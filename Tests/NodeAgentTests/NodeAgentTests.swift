import APIClient
import Foundation
import JSONText
import NodeAgent
import TestKit
import Testing

/// Pods in real containers, with the API in memory.
@Suite(.serialized, .timeLimit(.minutes(3))) struct NodeAgentTests {
    @Test func aPodRunsIsAskedRestartsAndIsTakenDown() async throws {
        let node = try await TestNode()
        defer { node.end() }
        try await node.whileRunning {
            node.cluster.set(.configMaps, Self.configMap("blue"))
            node.cluster.set(.pods, Self.pod)
            try await until(seconds: 30, "the pod is Ready") { node.isTrue("Ready", of: "web") }
            let status = node.status(of: "web")
            #expect(status["phase"] == "Running")
            #expect(status["podIP"]?.string?.hasPrefix("10.199.0.") == true)
            #expect(status["containerStatuses"]?[0]?["restartCount"] == 0)
            #expect(status["initContainerStatuses"]?[0]?[path: "state", "terminated", "exitCode"] == 0)
            try await checkCommands(node)
            try await checkRestart(node)
        }
        let before = node.status(of: "web")
        try await node.whileRunning {
            // A new agent goes on with what runs.
            let shown = try await retried { try await node.exec("echo alive") }
            #expect(shown.output == "alive\n")
            #expect(node.status(of: "web")["containerStatuses"] == before["containerStatuses"])
            try await checkDeletion(node)
        }
    }

    private func retried<Result>(_ body: () async throws -> Result) async throws -> Result {
        var result: Result?
        try await until(seconds: 10, "the agent knows the pod") {
            result = try? await body()
            return result != nil
        }
        return try #require(result)
    }

    private func checkCommands(_ node: TestNode) async throws {
        let shown = try await node.exec("echo $(cat /config/colour) $COLOUR $GREETING $(cat /shared/init); exit 3")
        #expect(shown.output == "blue blue hello blue from-init\n")
        #expect(shown.code == 3)
        let hosts = try await node.exec("grep -c web /etc/hosts; hostname")
        #expect(hosts.output == "1\nweb\n")
        let counted = try await node.exec("wc -c", stdin: 100 << 20)
        #expect(counted.output == "\(100 << 20)\n")
        let big = try await node.exec("head -c 20000000 /dev/zero | tr '\\0' x; echo done >&2")
        #expect(big.output.utf8.count == 20_000_000)
        let shell = try await node.terminal("read word; stty size; echo got $word; exit 4", width: 123, leaves: false)
        #expect(shell.output.contains("40 123"))
        #expect(shell.output.contains("got word"))
        #expect(shell.code == 4)
        await #expect(throws: NodeAgentError.self) {
            try await node.terminal("sleep 1000", width: 80, leaves: true)
        }
        try await until(seconds: 10, "the command of a client that left is killed") {
            try await node.exec("ps | grep -c '[s]leep 1000'").output == "0\n"
        }
        let log = try await node.log(LogRequest(namespace: "default", pod: "web", container: ""))
        #expect(log == "serving as web on port 8080\n")
        let reasons = Set(node.cluster.objects(.events, namespace: "default").compactMap { $0["reason"]?.string })
        #expect(reasons.isSuperset(of: ["Pulled", "Created", "Started"]))
    }

    private func checkRestart(_ node: TestNode) async throws {
        _ = try? await node.exec("kill -TERM 1")
        try await until(seconds: 20, "the container runs again") {
            node.status(of: "web")["containerStatuses"]?[0]?["restartCount"] == 1 && node.isTrue("Ready", of: "web")
        }
        let previous = node.status(of: "web")["containerStatuses"]?[0]?[path: "lastState", "terminated", "reason"]
        #expect(previous == "Completed")
    }

    private func checkDeletion(_ node: TestNode) async throws {
        var pod = try #require(node.cluster.object(.pods, namespace: "default", name: "web"))
        pod["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        pod["metadata"]?["deletionGracePeriodSeconds"] = 5
        // The cluster in memory drops what is being deleted at the next write; a finalizer keeps it.
        pod["metadata"]?["finalizers"] = ["test"]
        node.cluster.set(.pods, pod)
        try await until(seconds: 20, "the agent deletes the object") { node.cluster.requests.contains("delete pods") }
        #expect(try node.containerd.ctr("containers", "ls", "-q").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: node.containerd.folder + "/pods/u1"))
        let ended = node.status(of: "web")["containerStatuses"]?[0]?["state"]
        #expect(ended?["terminated"]?["exitCode"] == 0)
    }

    @Test func whatIsNotSupportedStaysPendingAndIsNamed() async throws {
        let node = try await TestNode()
        defer { node.end() }
        try await node.whileRunning {
            var pod = Self.pod
            pod["spec"]?["runtimeClassName"] = "strange"
            node.cluster.set(.pods, pod)
            try await until(seconds: 10, "the condition names the field") {
                node.condition("Ready", of: "web")?["message"]?.string?.contains("spec.runtimeClassName") == true
            }
            #expect(node.status(of: "web")["phase"] == "Pending")
            try await until(seconds: 10, "the event names the field") {
                node.cluster.objects(.events, namespace: "default").contains {
                    $0["reason"] == "UnsupportedField" && $0["message"]?.string?.contains("runtimeClassName") == true
                }
            }
        }
    }

    static func configMap(_ colour: String) -> JSONValue {
        ["metadata": ["name": "settings", "namespace": "default"], "data": ["colour": .string(colour)]]
    }

    static let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod",
        "metadata": ["name": "web", "namespace": "default", "uid": "u1", "labels": ["app": "web"]],
        "spec": [
            "nodeName": "n1", "restartPolicy": "Always", "initContainers": [initContainer], "containers": [server],
            "volumes": [
                ["name": "shared", "emptyDir": [:]], ["name": "config", "configMap": ["name": "settings"]],
            ],
        ],
    ]

    private static let initContainer: JSONValue = [
        "name": "prepare", "image": .string(NodeImages.shopReference), "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", "echo from-init > /shared/init"],
        "volumeMounts": [["name": "shared", "mountPath": "/shared"]],
    ]

    private static let server: JSONValue = [
        "name": "server", "image": .string(NodeImages.shopReference), "imagePullPolicy": "IfNotPresent",
        "env": [
            ["name": "COLOUR", "valueFrom": ["configMapKeyRef": ["name": "settings", "key": "colour"]]],
            ["name": "GREETING", "value": "hello $(COLOUR)"],
        ],
        "resources": ["limits": ["memory": "64Mi"]],
        "readinessProbe": [
            "exec": ["command": ["/bin/wget", "-q", "-O", "-", "http://127.0.0.1:8080/"]], "periodSeconds": 1,
        ],
        "volumeMounts": [["name": "shared", "mountPath": "/shared"], ["name": "config", "mountPath": "/config"]],
    ]
}
