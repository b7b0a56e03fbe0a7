import APIMachinery
import JSONText
import Synchronization
import Testing

@testable import APIServer

/// A node agent whose only command is `cat`: it gives back what it reads, then an exit code.
struct EchoStreams: NodeStreams {
    func logs(_ request: PodLogRequest, write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
        if request.container == "silent" { throw APIStatus.badRequest("container \"silent\" is waiting to start") }
        for line in 1...3 { try await write(Array("line \(line)\n".utf8)) }
    }

    func exec(
        _ request: PodExecRequest, next: @escaping @Sendable () async throws -> PodExecInput?,
        write: @escaping @Sendable (PodExecOutput) async throws -> Void
    ) async throws -> Int32 {
        if request.command == ["false"] { return 3 }
        if !request.stdin { return 0 }
        while let input = try await next() {
            switch input {
            case .bytes(let bytes): try await write(.stdout(bytes))
            case .resize(let width, let height): try await write(.stderr(Array("\(width)x\(height)".utf8)))
            case .endOfInput: return 0
            }
        }
        return 137
    }
}

/// Messages in memory, both ways.
private final class MemoryConnection: MessageConnection {
    private let incoming: Mutex<[[UInt8]]>
    private let outgoing = Mutex<[[UInt8]]>([])

    init(_ messages: [[UInt8]]) { incoming = Mutex(messages) }

    var sent: [[UInt8]] { outgoing.withLock { $0 } }
    func receive() async -> [UInt8]? { incoming.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    func send(_ message: [UInt8]) async throws { outgoing.withLock { $0.append(message) } }
}

@Suite struct StreamTests {
    private func server() async throws -> TestServer {
        let server = try TestServer { $0.nodeStreams = EchoStreams() }
        await server.makeNamespace("a")
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": [
                "nodeName": "n",
                "containers": [["name": "c", "image": "i"], ["name": "silent", "image": "i"]],
            ],
        ]
        await server.call("POST", "/api/v1/namespaces/a/pods", pod)
        return server
    }

    private func exec(
        _ server: TestServer, _ query: String, protocols: String = "v5.channel.k8s.io", _ messages: [[UInt8]]
    ) async throws -> [[UInt8]] {
        let request = APIRequest(
            method: "GET", target: "/api/v1/namespaces/a/pods/p/exec?container=c&\(query)",
            headers: [("upgrade", "websocket"), ("sec-websocket-protocol", protocols)], user: .master("admin"))
        let response = await server.core.respond(request)
        guard case .upgrade(let upgrade) = response.body else {
            Issue.record("no upgrade: \(response)")
            return []
        }
        let connection = MemoryConnection(messages)
        await upgrade.run(connection)
        return connection.sent
    }

    private func result(_ sent: [[UInt8]]) throws -> JSONValue {
        let last = try #require(sent.last)
        #expect(last.first == 3)
        return try JSONValue(parsing: Array(last.dropFirst()))
    }

    @Test func closingStandardInputEndsTheCommand() async throws {
        let server = try await server()
        let sent = try await exec(
            server, "command=cat&stdin=1&stdout=1",
            [[0] + Array("hello".utf8), [4] + Array(#"{"Width":80,"Height":24}"#.utf8), [255, 0], [0, 1]])
        #expect(sent.first == [1] + Array("hello".utf8))
        #expect(sent.dropFirst().first == [2] + Array("80x24".utf8))
        #expect(try result(sent)["status"] == "Success")
    }

    @Test func theExitCodeIsACauseOfTheResult() async throws {
        let server = try await server()
        let status = try result(try await exec(server, "command=false&stdout=1", []))
        #expect(status["reason"] == "NonZeroExitCode")
        #expect(status[path: "details", "causes"]?[0]?["message"] == "3")
    }

    @Test func theOlderProtocolHasNoCloseMessage() async throws {
        let server = try await server()
        let sent = try await exec(
            server, "command=cat&stdin=1&stdout=1", protocols: "v4.channel.k8s.io", [[255, 0], [0, 65]])
        #expect(sent.first == [1, 65])
        #expect(try result(sent)[path: "details", "causes"]?[0]?["message"] == "137")
    }

    @Test func whatCannotBeUpgradedGetsAStatus() async throws {
        let server = try await server()
        let path = "/api/v1/namespaces/a/pods/p/exec?container=c&command=x"
        #expect(await server.call("GET", path).status == 400)
        #expect(await server.call("POST", path, headers: [("upgrade", "SPDY/3.1")]).status == 400)
        let other = [("upgrade", "websocket"), ("sec-websocket-protocol", "v1.other")]
        #expect(await server.call("GET", path, headers: other).status == 400)
        let query = "/api/v1/namespaces/a/pods/p/exec?command=x"
        let unnamed = await server.call("GET", query)
        #expect(unnamed.json["message"]?.string?.contains("choose one of") == true)
    }

    @Test func logsAreWrittenAndRefusalsThrown() async throws {
        let server = try await server()
        func log(_ query: String) async throws -> String {
            let response = await server.core.respond(
                APIRequest(method: "GET", target: "/api/v1/namespaces/a/pods/p/log?\(query)", user: .master("admin")))
            guard case .producer(let produce) = response.body else { return "\(response.status)" }
            let text = Mutex("")
            let box = TextBox()
            try await produce { bytes in box.add(bytes) }
            return text.withLock { $0 } + box.text
        }
        #expect(try await log("container=c") == "line 1\nline 2\nline 3\n")
        #expect(try await log("container=none") == "400")
        #expect(try await log("container=c&tailLines=-1") == "422")
        await #expect(throws: APIStatus.self) { _ = try await log("container=silent") }
    }
}

private final class TextBox: Sendable {
    private let content = Mutex("")
    var text: String { content.withLock { $0 } }
    func add(_ bytes: [UInt8]) { content.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
}
