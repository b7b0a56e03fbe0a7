import Foundation
import JSONText
import Netlink
import TestKit
import Testing

/// A node that the launcher made: daemon, containerd and all. Its id carries this process' number.
final class OwnNode: Sendable {
    let id: String
    let directory: String

    /// - Parameter letter: tells nodes of one test apart.
    init(_ letter: String) async throws {
        id = "t\(getpid())\(letter)"
        directory = "/run/martlet/" + id
        let run = try await Self.daemonProgram(["node", "start", "--id", id])
        guard run.status == 0 else { throw Fault(description: "node start: \(run.output)") }
    }

    struct Fault: Error, CustomStringConvertible { let description: String }

    static let path = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"]

    static func daemonProgram(_ arguments: [String]) async throws -> Finished {
        try await launch(try builtProgram("martletd"), arguments, environment: path, joinsErrors: true)
    }

    func martlet(_ arguments: [String]) async throws -> Finished {
        try await launch(
            try builtProgram("martlet"), arguments + ["--id", id], environment: Self.path, joinsErrors: true)
    }

    func stop() async throws -> Finished { try await Self.daemonProgram(["node", "stop", "--id", id]) }

    /// The number of a part's process, by the run's own record.
    func process(_ part: String) throws -> pid_t {
        let lines = try String(contentsOfFile: directory + "/processes", encoding: .utf8).split(separator: "\n")
        let words = try #require(lines.last { $0.hasPrefix(part + " ") }).split(separator: " ")
        return try #require(pid_t(words[1]))
    }

    var netns: String { "/run/netns/martlet-" + id }

    /// Pods' links on the node's side.
    func podLinks() throws -> [String] {
        try NetworkNamespace(path: netns).connect().links().map(\.name).filter { $0.hasPrefix("mt") }
    }

    func log(_ part: String) -> String {
        (try? String(contentsOfFile: "\(directory)/\(part).log", encoding: .utf8)) ?? ""
    }

    /// Status of a request to the API at the caller's own address; 0 where nobody answers.
    func readyz() async throws -> String {
        let config = try String(contentsOfFile: directory + "/admin.kubeconfig", encoding: .utf8)
        let server = try #require(config.firstMatch(of: /https:\/\/[0-9.:]+/)).output
        return try await launch(
            "/usr/bin/curl",
            ["-sk", "--retry", "0", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", server + "/readyz"],
            environment: Self.path
        ).output
    }
}

/// Polls until `condition` holds; records an issue after `seconds`.
func until(_ what: String, seconds: Int = 30, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within \(seconds) s: \(what)")
            return
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// A node for the time of `body`; gone after it, whatever happens.
func withNode(_ letter: String = "a", _ body: (OwnNode) async throws -> Void) async throws {
    let node = try await OwnNode(letter)
    do {
        try await body(node)
    } catch {
        _ = try await node.stop()
        throw error
    }
    let gone = try await node.stop()
    #expect(gone.status == 0, "\(gone.output)")
    #expect(!FileManager.default.fileExists(atPath: node.directory))
    #expect(!FileManager.default.fileExists(atPath: node.netns))
}
