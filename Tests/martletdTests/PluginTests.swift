import Foundation
import JSONText
import Netlink
import TestKit
import Testing

/// The plugin against a whole daemon.
@Suite(.serialized) struct PluginTests {
    @Test(.timeLimit(.minutes(1))) func aStormOfAddsAndDeletesLeavesNothing() async throws {
        try await withNode { node in
            try await withNamespaces(20) { paths in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<100 {
                        // Several containers fight for one namespace's eth0, and each ADD with its own DEL.
                        let path = paths[number % paths.count]
                        group.addTask { _ = try await node.plugin("ADD", container: "s\(number)", netns: path) }
                        group.addTask { _ = try await node.plugin("DEL", container: "s\(number)", netns: path) }
                    }
                    try await group.waitForAll()
                }
                for number in 0..<100 {
                    let deleted = try await node.plugin("DEL", container: "s\(number)")
                    #expect(deleted.status == 0, "\(deleted.output)")
                }
                #expect(try node.podLinks().isEmpty)
                try await until("no endpoint is left") { try await node.endpoints() == 0 }
                #expect(try await node.martlet(["fsck"]).status == 0)
                // And the node goes on.
                let added = try await node.plugin("ADD", container: "after", netns: paths[0])
                #expect(added.status == 0, "\(added.output)")
                let status = try await node.martlet(["status"])
                #expect(status.output.contains("container after) is attached without a Pod"), "\(status.output)")
                #expect(try await node.plugin("DEL", container: "after", netns: paths[0]).status == 0)
                #expect(try node.podLinks().isEmpty)
            }
        }
    }

    private static let noSuchPod = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=none;K8S_POD_UID=u"

    /// An ADD is refused with code 11 within 10 s, and leaves nothing.
    private func expectRefusal(_ node: OwnNode, _ path: String, arguments: String = "") async throws {
        let began = ContinuousClock.now
        let run = try await node.plugin("ADD", container: "x", netns: path, arguments: arguments)
        #expect(run.status == 1 && run.json?["code"]?.integer == 11, "\(run.output)")
        #expect(ContinuousClock.now - began < .seconds(10))
    }

    /// The three ways at once, each on a node of its own: every refusal takes its time.
    @Test(.timeLimit(.minutes(1))) func withoutADaemonOrWithoutItsPodAnAddEndsWithCode11InTime() async throws {
        try await withNamespaces(3) { paths in
            async let noPod: Void = withNode("a") { node in
                try await expectRefusal(node, paths[0], arguments: Self.noSuchPod)
                #expect(try node.podLinks().isEmpty)
            }
            async let hung: Void = withNode("b") { node in
                let daemon = try node.process("martletd")
                kill(daemon, SIGSTOP)
                defer { kill(daemon, SIGCONT) }
                try await expectRefusal(node, paths[1])
                kill(daemon, SIGCONT)
                // What was cut off is undone when its turn comes.
                try await until("nothing is left") { try await node.endpoints() == 0 && node.podLinks().isEmpty }
            }
            async let dead: Void = withNode("c") { node in
                try await node.unsupervised {
                    kill(try node.process("martletd"), SIGKILL)
                    try await expectRefusal(node, paths[2])
                }
                try await until("the daemon is back") { try await node.martlet(["status"]).status == 0 }
                #expect(try node.podLinks().isEmpty)
            }
            _ = try await (noPod, hung, dead)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLinkThatLostItsFilterIsToldAndRepaired() async throws {
        try await withNode { node in
            try await withNamespaces(1) { paths in
                #expect(try await node.plugin("ADD", container: "l", netns: paths[0]).status == 0)
                let link = try #require(try node.podLinks().first)
                let removed = try await node.inside(["tc", "qdisc", "del", "dev", link, "clsact"])
                #expect(removed.status == 0, "\(removed.output)")
                let status = try await node.martlet(["status"])
                #expect(status.status == 1)
                #expect(
                    status.output.hasPrefix("error  closed filter on \(link) of unmanaged is missing"),
                    "\(status.output)")
                #expect(try await node.martlet(["fsck"]).status == 1)
                #expect(try await node.martlet(["fsck", "--repair"]).status == 0)
                #expect(try await node.martlet(["status"]).status == 0)
                #expect(try await node.plugin("DEL", container: "l", netns: paths[0]).status == 0)
            }
        }
    }

    /// The acceptance runner lies beside the acceptance data.
    private static let runner: String? = {
        let environment = ProcessInfo.processInfo.environment
        let path = (environment["MARTLET_CASES"] ?? "../shared/cases") + "/../tools/cnicheck.py"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    /// The runner names the Pod `p` with the runtime's uid `u`, as of a static pod: one that the node agent leaves
    /// alone, because it asks for something that it does not have.
    private static let pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: p, namespace: default, annotations: {kubernetes.io/config.hash: u}}
        spec:
          nodeName: NODE
          runtimeClassName: none
          containers: [{name: main, image: none}]
        """

    private static let isCI = ProcessInfo.processInfo.environment["CI"] == "true"

    @Test(.enabled(if: runner != nil || isCI, "the acceptance runner is not there"), .timeLimit(.minutes(1)))
    func independentRunnerPasses() async throws {
        let script = try #require(Self.runner, "cnicheck.py is not there")
        try await withNode { node in
            try await node.apply(Self.pod.replacing("NODE", with: "martlet-" + node.id))
            let configuration = node.directory + "/conf.json"
            let socket = node.directory + "/martletd.sock"
            try #"{"name": "martlet", "type": "martlet-cni", "socket": "\#(socket)"}"#
                .write(toFile: configuration, atomically: true, encoding: .utf8)
            let run = try await launch(
                "/usr/bin/python3",
                [script, try builtProgram("martlet-cni"), configuration, "--node-netns", "martlet-" + node.id],
                environment: OwnNode.path, joinsErrors: true, secondsMax: 50)
            let failed = run.output.split(separator: "\n").filter { !$0.hasPrefix("ok ") }
            #expect(run.status == 0, "\(failed.joined(separator: "\n"))")
            #expect(try node.podLinks().isEmpty)
        }
    }
}
