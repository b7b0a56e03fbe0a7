import DaemonAPI
import Foundation
import JSONText
import NetTypes
import Netlink
import PodNetwork
import Synchronization
import TestKit
import Testing

/// The plugin's binary against a real socket and real links.
@Suite(.serialized) struct PluginTests {
    static let podArguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p;K8S_POD_UID=u"

    static func call(
        _ command: String, _ node: NodeFixture, container: String = "c1", netns: String = "", arguments: String? = nil,
        extra: [String: JSONValue] = [:]
    ) async throws -> Finished {
        var configuration: [String: JSONValue] = [
            "cniVersion": "1.1.0", "name": "martlet", "type": "martlet-cni", "socket": .string(node.socketPath),
        ]
        configuration.merge(extra) { $1 }
        let environment = [
            "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": "eth0",
            "CNI_ARGS": arguments ?? podArguments, "CNI_PATH": "/opt/cni/bin",
        ]
        return try await launch(
            try pluginPath, environment: environment, input: JSONValue.object(configuration).compactText)
    }

    @Test func addMakesThePodReachableAndDelLeavesNothing() async throws {
        let node = try await NodeFixture()
        let pod = try TestNamespace()
        try await node.serving {
            let added = try await Self.call("ADD", node, netns: pod.path)
            #expect(added.status == 0, "\(added.output)")
            let addresses = added.json?["ips"]?.array?.compactMap { $0["address"]?.string }
            #expect(addresses == ["10.77.0.1/32", "fd77::1/128"])
            for address in ["10.77.0.1", "fd77::1"].compactMap(IPAddress.init) {
                #expect(try canConnect(to: address, in: pod.namespace, from: node.node.namespace), "\(address)")
            }
            let deleted = try await Self.call("DEL", node, netns: pod.path)
            #expect(deleted.status == 0 && deleted.output.isEmpty)
            #expect(try node.hostLinks().isEmpty)
            #expect(try pod.namespace.connect().link(named: "eth0") == nil)
            #expect(node.gate.state.withLock { $0.published.isEmpty })
            #expect(node.datapath.attached.withLock { $0.isEmpty })
        }
    }

    @Test func aStormOfAddsAndDeletesLeavesNothing() async throws {
        let node = try await NodeFixture()
        let pods = try (0..<20).map { _ in try TestNamespace() }
        try await node.serving {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    let path = pods[number % pods.count].path
                    // Several containers fight for one namespace's eth0: some ADDs must fail, and leave nothing.
                    group.addTask { _ = try await Self.call("ADD", node, container: "s\(number)", netns: path) }
                    group.addTask { _ = try await Self.call("DEL", node, container: "s\(number)", netns: path) }
                }
                try await group.waitForAll()
            }
            for number in 0..<100 {
                let deleted = try await Self.call("DEL", node, container: "s\(number)")
                #expect(deleted.status == 0, "\(deleted.output)")
            }
        }
        #expect(try node.hostLinks().isEmpty)
        #expect(await node.networking.attachments.isEmpty)
        #expect(node.gate.state.withLock { $0.published.isEmpty } && node.datapath.attached.withLock { $0.isEmpty })
        let addresses = try node.node.namespace.connect().routes(.v4).filter { $0.origin == Route.ownProtocol }
        #expect(addresses.isEmpty)
    }

    @Test func aPluginThatIsKilledLeavesNothing() async throws {
        let node = try await NodeFixture()
        let pod = try TestNamespace()
        node.gate.state.withLock { $0.holdsPublish = true }
        try await node.serving {
            let run = try await launch(
                "/usr/bin/timeout", ["-s", "KILL", "0.5", try pluginPath],
                environment: [
                    "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "k", "CNI_NETNS": pod.path, "CNI_IFNAME": "eth0",
                    "CNI_ARGS": Self.podArguments,
                ], input: #"{"cniVersion":"1.1.0","name":"m","type":"x","socket":"\#(node.socketPath)"}"#)
            #expect(run.status != 0 && run.output.isEmpty)
            try await until("its work is undone") { try node.hostLinks().isEmpty }
            try await until("its record is gone") { await node.networking.attachments.isEmpty }
        }
    }

    @Test func aPodThatIsNotKnownIsCode11WithinTenSeconds() async throws {
        let node = try await NodeFixture()
        let pod = try TestNamespace()
        try await node.serving {
            let before = ContinuousClock.now
            let added = try await Self.call(
                "ADD", node, netns: pod.path, arguments: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=ghost")
            #expect(added.status == 1 && added.json?["code"] == 11)
            #expect(added.json?["msg"]?.string?.contains("default/ghost") == true, "\(added.output)")
            #expect(ContinuousClock.now - before < .seconds(10))
        }
        #expect(try node.hostLinks().isEmpty)
    }

    @Test func withoutTheDaemonEveryVerbSaysSoWithinTenSeconds() async throws {
        let node = try await NodeFixture()
        let pod = try TestNamespace()
        async let added = Self.call("ADD", node, netns: pod.path)
        async let deleted = Self.call("DEL", node, netns: pod.path)
        async let status = Self.call("STATUS", node)
        let before = ContinuousClock.now
        #expect(try await added.json?["code"] == 11)
        #expect(try await deleted.json?["code"] == 11)
        #expect(try await status.json?["code"] == 50)
        #expect(ContinuousClock.now - before < .seconds(10))
    }

    @Test func aNewDaemonAdoptsWhatIsWholeAndUndoesTheRest() async throws {
        let first = try await NodeFixture()
        let (pod, lost) = (try TestNamespace(), try TestNamespace())
        let answer = try await first.serving {
            _ = try await Self.call("ADD", first, container: "lost", netns: lost.path)
            return try await Self.call("ADD", first, container: "kept", netns: pod.path)
        }
        // While no daemon runs, one pod's link goes.
        let netlink = try first.node.namespace.connect()
        let names = AttachmentNames(AttachmentKey(containerID: "lost", interface: "eth0"))
        let gone = try #require(try netlink.link(named: names.hostInterface))
        try netlink.deleteLink(index: gone.index)

        let second = try await NodeFixture(on: first)
        #expect(second.gate.state.withLock { $0.adopted.map(\.key.containerID) } == ["kept"])
        #expect(await second.networking.attachments.map(\.key.containerID) == ["kept"])
        try await second.serving {
            let previous = try #require(answer.json)
            let checked = try await Self.call(
                "CHECK", second, container: "kept", netns: pod.path, extra: ["prevResult": previous])
            #expect(checked.status == 0, "\(checked.output)")
            let again = try await Self.call("ADD", second, container: "third", netns: lost.path)
            #expect(again.json?["ips"]?[0]?["address"] == "10.77.0.3/32", "no address is used again at once")
        }
        // After a boot nothing of it counts, and links of ours without a record go.
        let third = try await NodeFixture(bootID: "boot-2", on: second)
        #expect(await third.networking.attachments.isEmpty)
        #expect(try third.hostLinks().isEmpty)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_CNICHECK"] != nil))
    func independentRunnerPasses() async throws {
        let node = try await NodeFixture()
        let script = try #require(ProcessInfo.processInfo.environment["MARTLET_CNICHECK"])
        let configuration = node.directory + "/conf.json"
        try #"{"name": "martlet", "type": "martlet-cni", "socket": "\#(node.socketPath)"}"#
            .write(toFile: configuration, atomically: true, encoding: .utf8)
        let path = try pluginPath
        try await node.serving {
            let run = try await launch(
                "/usr/bin/python3", [script, path, configuration, "--node-netns", node.node.name],
                environment: ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"])
            let failed = run.output.split(separator: "\n").filter { !$0.hasPrefix("ok ") }
            #expect(run.status == 0, "\(failed.joined(separator: "\n"))")
            #expect(try node.hostLinks().isEmpty)
        }
    }
}
