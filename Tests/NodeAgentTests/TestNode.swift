import APIClient
import Foundation
import JSONText
import Logging
import NodeAgent
import Synchronization
import TestKit

/// A node agent beside its own containerd and a cluster in memory.
final class TestNode: Sendable {
    let containerd: ContainerdFixture
    let cluster = MemoryCluster()
    private let agent = Mutex<NodeAgent?>(nil)

    init() async throws {
        containerd = try await ContainerdFixture()
    }

    private static func makeAgent(_ containerd: ContainerdFixture, _ cluster: MemoryCluster) throws -> NodeAgent {
        var configuration = NodeAgentConfiguration(
            nodeName: "n1", containerdSocket: containerd.socket, rootDirectory: containerd.folder + "/pods",
            logDirectory: containerd.folder + "/logs", nodeAddresses: ["10.199.1.1"])
        configuration.cgroupParent = "/\(containerd.name)"
        configuration.staticPodDirectory = containerd.folder + "/static"
        var logger = Logger(label: "node")
        logger.logLevel = .warning
        return try NodeAgent(configuration: configuration, client: cluster, logger: logger)
    }

    func end() { containerd.end() }

    /// Runs an agent during `body`; called again, it is a new one that finds what the last left.
    func whileRunning(_ body: () async throws -> Void) async throws {
        let agent = try Self.makeAgent(containerd, cluster)
        self.agent.withLock { $0 = agent }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await agent.run() }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    func status(of pod: String) -> JSONValue {
        cluster.object(.pods, namespace: "default", name: pod)?["status"] ?? .null
    }

    func condition(_ type: String, of pod: String) -> JSONValue? {
        (status(of: pod)["conditions"]?.array ?? []).first { $0["type"]?.string == type }
    }

    func isTrue(_ type: String, of pod: String) -> Bool { condition(type, of: pod)?["status"] == "True" }

    func exec(_ script: String, stdin count: Int = 0) async throws -> (output: String, code: Int32) {
        var request = ExecRequest(namespace: "default", pod: "web", container: "", command: ["/bin/sh", "-c", script])
        request.stdin = count > 0
        let left = Mutex(count)
        let output = Mutex([UInt8]())
        guard let streams = agent.withLock({ $0?.streams }) else { throw FixtureError(text: "no agent") }
        let code = try await streams.exec(
            request,
            next: {
                let size = left.withLock { left -> Int in
                    let size = max(min(left, 65536), 0)
                    left -= size == 0 ? 1 : size
                    return size
                }
                if size > 0 { return .bytes([UInt8](repeating: 120, count: size)) }
                if left.withLock({ $0 }) == -1 && count > 0 { return .endOfInput }
                // The client stays until the command has ended.
                try await Task.sleep(for: .seconds(600))
                return nil
            },
            write: { piece in
                switch piece {
                case .stdout(let bytes): output.withLock { $0 += bytes }
                case .stderr: return
                }
            })
        return (String(decoding: output.withLock { $0 }, as: UTF8.self), code)
    }

    /// Runs a command with a terminal: sends the input at once, then leaves or stays.
    func terminal(_ script: String, width: UInt16, leaves: Bool) async throws -> (output: String, code: Int32) {
        var request = ExecRequest(namespace: "default", pod: "web", container: "", command: ["/bin/sh", "-c", script])
        request.stdin = true
        request.tty = true
        let inputs = Mutex<[ExecInput]>([.resize(width: width, height: 40), .bytes(Array("word\n".utf8))])
        let output = Mutex([UInt8]())
        guard let streams = agent.withLock({ $0?.streams }) else { throw FixtureError(text: "no agent") }
        let code = try await streams.exec(
            request,
            next: {
                let input = inputs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                if input == nil && !leaves { try await Task.sleep(for: .seconds(600)) }
                return input
            },
            write: { piece in
                switch piece {
                case .stdout(let bytes): output.withLock { $0 += bytes }
                case .stderr: throw FixtureError(text: "a terminal has one output")
                }
            })
        return (String(decoding: output.withLock { $0 }, as: UTF8.self), code)
    }

    func log(_ request: LogRequest) async throws -> String {
        let output = Mutex([UInt8]())
        guard let streams = agent.withLock({ $0?.streams }) else { throw FixtureError(text: "no agent") }
        try await streams.logs(request) { bytes in output.withLock { $0 += bytes } }
        return String(decoding: output.withLock { $0 }, as: UTF8.self)
    }
}
