import APIClient
import Foundation
import JSONText
import Logging
import Netlink
import TestKit
import Testing

/// A node that the launcher made: daemon, containerd and all. Its id carries this process' number.
final class OwnNode: Sendable {
    let id: String
    let directory: String
    /// What `node start` printed.
    let greeting: String

    /// - Parameters:
    ///   - letter: tells nodes of one test apart.
    ///   - program: a martletd of its own, with the other programs beside it.
    ///   - arguments: further ones of `martletd run`.
    init(_ letter: String, program: String? = nil, arguments: [String] = []) async throws {
        id = "t\(getpid())\(letter)"
        directory = "/run/martlet/" + id
        let run = try await launch(
            program ?? builtProgram("martletd"), ["node", "start", "--id", id, "--"] + arguments,
            environment: Self.path, joinsErrors: true)
        greeting = run.output
        guard run.status == 0 else {
            let reason = log("supervisor")
            _ = try await stop()
            throw Fault(description: "node start: \(run.output)\n\(reason)")
        }
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

    /// A program in the node's network namespace.
    func inside(_ words: [String]) async throws -> Finished {
        try await launch("/usr/bin/nsenter", ["--net=" + netns] + words, environment: Self.path, joinsErrors: true)
    }

    /// A program in the namespace that plays the outside.
    func outside(_ words: [String]) async throws -> Finished {
        try await launch(
            "/usr/bin/nsenter", ["--net=" + lan] + words, environment: Self.path, joinsErrors: true)
    }

    func stop() async throws -> Finished { try await Self.daemonProgram(["node", "stop", "--id", id]) }

    /// The number of a part's process, by the run's own record.
    func process(_ part: String) throws -> pid_t {
        let lines = try String(contentsOfFile: directory + "/processes", encoding: .utf8).split(separator: "\n")
        let words = try #require(lines.last { $0.hasPrefix(part + " ") }).split(separator: " ")
        return try #require(pid_t(words[1]))
    }

    /// Runs `body` while the supervisor sleeps: nothing that ends is started again meanwhile.
    func unsupervised(_ body: () async throws -> Void) async throws {
        let supervisor = try process("supervisor")
        kill(supervisor, SIGSTOP)
        defer { kill(supervisor, SIGCONT) }
        try await body()
    }

    var netns: String { "/run/netns/martlet-" + id }

    var lan: String { netns + "-lan" }

    /// Pods' links on the node's side.
    func podLinks() throws -> [String] {
        try NetworkNamespace(path: netns).connect().links().map(\.name).filter { $0.hasPrefix("mt") }
    }

    func log(_ part: String) -> String {
        (try? String(contentsOfFile: "\(directory)/\(part).log", encoding: .utf8)) ?? ""
    }

    /// Applies objects, once the API takes them.
    func apply(_ manifest: String) async throws {
        let path = "\(directory)/manifest.yaml"
        try manifest.write(toFile: path, atomically: true, encoding: .utf8)
        var answer = ""
        try await until("the objects are applied") {
            let run = try await martlet(["apply", "-f", path])
            answer = run.output
            return run.status == 0
        }
        #expect(!answer.contains("martlet: "), "\(answer)")
    }

    /// The API's client, for the time of `body`.
    func withClient<Value>(_ body: (HTTPSClient) async throws -> Value) async throws -> Value {
        let access = try Kubeconfig(path: directory + "/admin.kubeconfig").access()
        let client = try HTTPSClient(access, logger: Logger(label: "test"))
        do {
            let value = try await body(client)
            await client.shutDown()
            return value
        } catch {
            await client.shutDown()
            throw error
        }
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

    /// Whether the API answers, what it holds is in force, and nothing is wrong.
    func isInFullService() async throws -> Bool {
        guard try await martlet(["status"]).status == 0 else { return false }
        return try await readyz() == "200"
    }

    /// The plugin, as a container runtime calls it.
    func plugin(_ command: String, container: String, netns: String = "", arguments: String = "") async throws
        -> Finished
    {
        let configuration: JSONValue = [
            "cniVersion": "1.1.0", "name": "martlet", "type": "martlet-cni", "allowUnmanaged": true,
            "socket": .string(directory + "/martletd.sock"),
        ]
        return try await launch(
            try builtProgram("martlet-cni"),
            environment: [
                "CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": "eth0",
                "CNI_ARGS": arguments, "CNI_PATH": "/opt/cni/bin",
            ], input: configuration.compactText)
    }

    /// Returns when another daemon than the one of that number is in full service.
    func serves(after old: pid_t) async throws {
        try await until("another daemon is in full service") {
            guard try process("martletd") != old else { return false }
            return try await isInFullService()
        }
    }

    func endpoints() async throws -> Int {
        try await martlet(["endpoints", "-o", "json"]).json?["items"]?.array?.count ?? -1
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
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A node for the time of `body`; gone after it, whatever happens.
func withNode(
    _ letter: String = "a", program: String? = nil, arguments: [String] = [], _ body: (OwnNode) async throws -> Void
) async throws {
    let node = try await OwnNode(letter, program: program, arguments: arguments)
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

/// Named network namespaces for the time of `body`.
func withNamespaces(_ count: Int, _ letter: String = "a", _ body: ([String]) async throws -> Void) async throws {
    let paths = (0..<count).map { "/run/netns/mt-\(getpid())-\(letter)\($0)" }
    defer { for path in paths { try? NetworkNamespace.remove(path: path) } }
    for path in paths { _ = try NetworkNamespace.create(path: path) }
    try await body(paths)
}
