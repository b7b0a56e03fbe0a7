import Foundation
import JSONText
import TestKit
import Testing

@Suite(.serialized) struct DaemonFaultTests {
    /// `martletd run` in the node's network namespace, with options that differ from its daemon's.
    /// - Parameter more: options that are given once more.
    private func daemon(_ node: OwnNode, _ changes: [String: String], more: [(String, String)] = []) async throws
        -> Finished
    {
        var options = [
            "--state": node.directory + "/other", "--run-dir": node.directory + "/other-run",
            "--bpffs": node.directory + "/bpf/other", "--kubeconfig": node.directory + "/other.kubeconfig",
            "--cgroup": "/sys/fs/cgroup/unified", "--node-name": "other", "--node-address": "10.98.0.1",
            "--api-port": "7443", "--containerd": node.directory + "/containerd/containerd.sock",
        ]
        if !FileManager.default.fileExists(atPath: "/sys/fs/cgroup/unified") { options["--cgroup"] = "/sys/fs/cgroup" }
        options.merge(changes) { $1 }
        let words = (options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + more).flatMap { [$0.0, $0.1] }
        return try await launch(
            "/usr/bin/timeout",
            ["20", "nsenter", "--net=" + node.netns, try builtProgram("martletd"), "run"] + words,
            environment: OwnNode.path, joinsErrors: true)
    }

    @Test(.timeLimit(.minutes(1))) func whatIsMissingIsNamedAndASecondDaemonIsRefused() async throws {
        try await withNode { node in
            let second = try await daemon(node, ["--state": node.directory + "/state"])
            #expect(second.status == 1 && second.output.contains("another daemon holds"), "\(second.output)")
            let folder = NSTemporaryDirectory() + "mt-plain-\(getpid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let noPins = try await daemon(node, ["--bpffs": folder])
            #expect(noPins.status == 1 && noPins.output.contains("bpffs"), "\(noPins.output)")
            #expect(noPins.output.contains(folder), "\(noPins.output)")
            let noGroup = try await daemon(node, ["--cgroup": folder])
            #expect(noGroup.status == 1 && noGroup.output.contains("cgroup2"), "\(noGroup.output)")
            let stray = try await daemon(node, ["--pod-cidr": "10.9.0.0/24", "--cluster-cidr": "10.244.0.0/16"])
            #expect(stray.status != 0, "\(stray.output)")
            #expect(
                stray.output.contains("--pod-cidr 10.9.0.0/24 is outside of --cluster-cidr 10.244.0.0/16"),
                "\(stray.output)")
            let blocks = (0..<5).map { "10.\($0).0.0/16" }
            let many = try await daemon(
                node, ["--service-cidr": blocks[0]], more: blocks.dropFirst().map { ("--service-cidr", $0) })
            #expect(many.status != 0 && many.output.contains("room for 4"), "\(many.output)")
            #expect(many.output.contains(blocks.joined(separator: ", ")), "\(many.output)")
            // None of them has hurt the daemon that runs.
            #expect(try await node.martlet(["status"]).status == 0)
            #expect(try await node.martlet(["fsck"]).status == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aDamagedDatabaseIsSaidAndLeftAsItIs() async throws {
        try await withNode { node in
            let state = node.directory + "/damaged"
            let file = URL(filePath: state + "/store/state.db")
            try FileManager.default.createDirectory(atPath: state + "/store", withIntermediateDirectories: true)
            try Data("no database".utf8).write(to: file)
            let run = try await daemon(node, ["--state": state])
            #expect(run.status == 1 && run.output.contains("state.db is no SQLite file"), "\(run.output)")
            #expect(try Data(contentsOf: file) == Data("no database".utf8))
        }
    }

    /// What is pinned; every bpffs has two files of the kernel's own, `maps.debug` and `progs.debug`.
    private static func pinned(_ node: OwnNode) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: node.directory + "/bpf").filter { !$0.hasSuffix(".debug") }
    }

    @Test(.timeLimit(.minutes(1))) func uninstallNeedsNoDaemonAndRespectsOneThatRuns() async throws {
        try await withNode { node in
            let refused = try await OwnNode.daemonProgram(["uninstall", "--yes", "--id", node.id])
            #expect(refused.status == 1 && refused.output.contains("another daemon holds"), "\(refused.output)")

            try await node.unsupervised {
                kill(try node.process("martletd"), SIGKILL)
                #expect(try !Self.pinned(node).isEmpty)
                let done = try await node.martlet(["uninstall", "--yes"])
                #expect(done.status == 0, "\(done.output)")
                #expect(try Self.pinned(node).isEmpty)
            }
            try await until("the next daemon has put it back") { try await node.martlet(["fsck"]).status == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["a: [1", "kind: Pod\n", "a: 1\n b: 2\n", "\u{0}", "- *nowhere\n"])
    func malformedManifestsAreNamed(text: String) async throws {
        let path = NSTemporaryDirectory() + "mt-bad-\(getpid()).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let kubeconfig = NSTemporaryDirectory() + "mt-none.kubeconfig"
        let run = try await launch(
            try builtProgram("martlet"), ["apply", "--kubeconfig", kubeconfig, "-f", path],
            environment: OwnNode.path, joinsErrors: true)
        #expect(run.status == 1 && run.output.contains(path), "\(run.output)")
    }
}
