import DaemonAPI
import Foundation
import JSONText
import NetTypes
import Netlink
import PodNetwork
import Synchronization
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
