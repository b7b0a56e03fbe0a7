import Foundation
import JSONText
import Netlink
import TestKit
import Testing

/// The plugin against a whole daemon.
@Suite(.serialized) struct PluginTests {
    private func call(
        _ command: String, _ node: OwnNode, container: String, netns: String = "", arguments: String = ""
    ) async throws -> Finished {
        let configuration: JSONValue = [
            "cniVersion": "1.1.0", "name": "martlet", "type": "martlet-cni", "allowUnmanaged": true,
            "socket": .string(node.directory + "/martletd.sock"),
        ]
        return try await launch(
            try builtProgram("martlet-cni"),
            environment: [
                "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": "eth0",
                "CNI_ARGS": arguments, "CNI_PATH": "/opt/cni/bin",
            ], input: configuration.compactText)
    }

    private func endpoints(_ node: OwnNode) async throws -> Int {
        try await node.martlet(["endpoints", "-o", "json"]).json?["items"]?.array?.count ?? -1
    }

    private func namespaces(_ count: Int) throws -> [String] {
        try (0..<count).map { number in
            let path = "/run/netns/mt-\(getpid())-\(number)"
            _ = try NetworkNamespace.create(path: path)
            return path
        }
    }

    @Test func aStormOfAddsAndDeletesLeavesNothing() async throws {
        try await withNode { node in
            let paths = try namespaces(20)
            defer { for path in paths { try? NetworkNamespace.remove(path: path) } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    // Several containers fight for one namespace's eth0, and each ADD with its own DEL.
                    let path = paths[number % paths.count]
                    group.addTask { _ = try await call("ADD", node, container: "s\(number)", netns: path) }
                    group.addTask { _ = try await call("DEL", node, container: "s\(number)", netns: path) }
                }
                try await group.waitForAll()
            }
            for number in 0..<100 {
                let deleted = try await call("DEL", node, container: "s\(number)")
                #expect(deleted.status == 0, "\(deleted.output)")
            }
            #expect(try node.podLinks().isEmpty)
            try await until("no endpoint is left") { try await endpoints(node) == 0 }
            #expect(try await node.martlet(["fsck"]).status == 0)
            // And the node goes on.
            let added = try await call("ADD", node, container: "after", netns: paths[0])
            #expect(added.status == 0, "\(added.output)")
            let status = try await node.martlet(["status"])
            #expect(status.output.contains("container after) is attached without a Pod"), "\(status.output)")
            #expect(try await call("DEL", node, container: "after", netns: paths[0]).status == 0)
            #expect(try node.podLinks().isEmpty)
        }
    }

    @Test func withoutADaemonOrWithoutItsPodAnAddEndsWithCode11InTime() async throws {
        try await withNode { node in
            let paths = try namespaces(1)
            defer { for path in paths { try? NetworkNamespace.remove(path: path) } }
            func refusal(_ arguments: String) async throws -> (code: Int64?, seconds: Int64) {
                let began = ContinuousClock.now
                let run = try await call("ADD", node, container: "x", netns: paths[0], arguments: arguments)
                #expect(run.status == 1)
                return (run.json?["code"]?.integer, (ContinuousClock.now - began).components.seconds)
            }
            let noPod = try await refusal("K8S_POD_NAMESPACE=default;K8S_POD_NAME=none;K8S_POD_UID=u")
            #expect(noPod.code == 11 && noPod.seconds < 10, "\(noPod)")

            let daemon = try node.process("martletd")
            kill(daemon, SIGSTOP)
            let hung = try await refusal("")
            kill(daemon, SIGCONT)
            #expect(hung.code == 11 && hung.seconds < 10, "\(hung)")

            let supervisor = try node.process("supervisor")
            kill(supervisor, SIGSTOP)
            kill(daemon, SIGKILL)
            let dead = try await refusal("")
            kill(supervisor, SIGCONT)
            #expect(dead.code == 11 && dead.seconds < 10, "\(dead)")
            // Whoever was cut off has left nothing.
            try await until("the daemon is back") { try await node.martlet(["status"]).status == 0 }
            #expect(try node.podLinks().isEmpty)
        }
    }

    @Test func aLinkThatLostItsFilterIsToldAndRepaired() async throws {
        try await withNode { node in
            let paths = try namespaces(1)
            defer { for path in paths { try? NetworkNamespace.remove(path: path) } }
            #expect(try await call("ADD", node, container: "l", netns: paths[0]).status == 0)
            let link = try #require(try node.podLinks().first)
            let removed = try await launch(
                "/usr/bin/nsenter", ["--net=" + node.netns, "tc", "qdisc", "del", "dev", link, "clsact"],
                environment: OwnNode.path, joinsErrors: true)
            #expect(removed.status == 0, "\(removed.output)")
            let status = try await node.martlet(["status"])
            #expect(status.status == 1)
            #expect(
                status.output.hasPrefix("error  link of unmanaged: \(link) has no closed filter"), "\(status.output)")
            #expect(try await node.martlet(["fsck"]).status == 1)
            #expect(try await node.martlet(["fsck", "--repair"]).status == 0)
            #expect(try await node.martlet(["status"]).status == 0)
            #expect(try await call("DEL", node, container: "l", netns: paths[0]).status == 0)
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_CNICHECK"] != nil))
    func independentRunnerPasses() async throws {
        try await withNode { node in
            let script = try #require(ProcessInfo.processInfo.environment["MARTLET_CNICHECK"])
            let configuration = node.directory + "/conf.json"
            let socket = node.directory + "/martletd.sock"
            try #"{"name": "martlet", "type": "martlet-cni", "allowUnmanaged": true, "socket": "\#(socket)"}"#
                .write(toFile: configuration, atomically: true, encoding: .utf8)
            let run = try await launch(
                "/usr/bin/python3",
                [script, try builtProgram("martlet-cni"), configuration, "--node-netns", "martlet-" + node.id],
                environment: OwnNode.path, joinsErrors: true)
            let failed = run.output.split(separator: "\n").filter { !$0.hasPrefix("ok ") }
            #expect(run.status == 0, "\(failed.joined(separator: "\n"))")
            #expect(try node.podLinks().isEmpty)
        }
    }
}
