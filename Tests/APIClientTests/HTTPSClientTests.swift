import JSONText
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import APIClient

/// A server on loopback that answers each request with the next of its answers and remembers what was asked.
private final class ScriptedServer: Sendable {
    struct Answer: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: [(String, String)] = []
        /// Written one after the other, each flushed.
        var chunks: [String]
    }

    struct Seen: Sendable {
        var line: String
        var headers: HTTPHeaders
        var body = ""
    }

    private let answers = Mutex<[Answer]>([])
    private let seen = Mutex<[Seen]>([])
    let channel: any Channel

    var requests: [Seen] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

    init() async throws {
        let box = Box()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        box.server.withLock { $0 = self }
    }

    func load(_ more: [Answer]) { answers.withLock { $0 += more } }

    func close() async { try? await channel.close() }

    fileprivate func next(_ request: Seen) -> Answer {
        seen.withLock { $0.append(request) }
        return answers.withLock { $0.isEmpty ? Answer(status: .internalServerError, chunks: []) : $0.removeFirst() }
    }

    fileprivate final class Box: Sendable { let server = Mutex<ScriptedServer?>(nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let box: Box
        private var current = Seen(line: "", headers: [:])

        init(box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): current = Seen(line: "\(head.method) \(head.uri)", headers: head.headers)
            case .body(let buffer): current.body += String(buffer: buffer)
            case .end:
                guard let answer = box.server.withLock({ $0 })?.next(current) else { return }
                let headers = HTTPHeaders(answer.headers)
                let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                for chunk in answer.chunks {
                    let buffer = context.channel.allocator.buffer(string: chunk)
                    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
                }
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}

@Suite struct HTTPSClientTests {
    private func with(
        _ answers: ScriptedServer.Answer..., token: ClusterAccess.Token? = nil,
        body: (HTTPSClient, ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer()
        server.load(answers)
        let client = try HTTPSClient(
            ClusterAccess(server: server.url, token: token), logger: Logger(label: "test"))
        do { try await body(client, server) } catch { Issue.record(error) }
        await client.shutDown()
        await server.close()
    }

    @Test(.timeLimit(.minutes(1))) func verbsBecomeRequests() async throws {
        let ok = ScriptedServer.Answer(chunks: ["{\"kind\":\"X\"}"])
        try await with(ok, ok, ok, ok, ok, ok, token: .fixed("secret")) { client, server in
            let pod = ObjectReference(.pods, namespace: "shop", name: "a b")
            _ = try await client.get(pod, subresource: "")
            _ = try await client.create(pod, subresource: "binding", ["x": 1])
            _ = try await client.create(pod, subresource: "", ["x": 2])
            _ = try await client.update(ObjectReference(.nodes, name: "n"), subresource: "status", ["x": 3])
            _ = try await client.patch(
                ObjectReference(.endpointSlices, namespace: "shop", name: "s"), subresource: "", type: .apply,
                fieldManager: "me", force: true, [:])
            _ = try await client.delete(pod, options: ["propagationPolicy": "Orphan"])
            #expect(
                server.requests.map(\.line) == [
                    "GET /api/v1/namespaces/shop/pods/a%20b", "POST /api/v1/namespaces/shop/pods/a%20b/binding",
                    "POST /api/v1/namespaces/shop/pods", "PUT /api/v1/nodes/n/status",
                    "PATCH /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/s?fieldManager=me&force=true",
                    "DELETE /api/v1/namespaces/shop/pods/a%20b",
                ])
            #expect(server.requests[4].headers["content-type"] == ["application/apply-patch+yaml"])
            #expect(server.requests[5].body == "{\"propagationPolicy\":\"Orphan\"}")
            #expect(server.requests.allSatisfy { $0.headers["authorization"] == ["Bearer secret"] })
        }
    }

    @Test(.timeLimit(.minutes(1))) func pagesAreReadToTheEndAndItemsGetTheirKind() async throws {
        let first = ScriptedServer.Answer(
            chunks: ["{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t&1\"},\"items\":[{\"metadata\":{}}]}"])
        let second = ScriptedServer.Answer(chunks: ["{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{}]}"])
        try await with(first, second) { client, server in
            let list = try await client.list(.pods, ListOptions(labelSelector: "a=b"))
            #expect(list.items.count == 2 && list.resourceVersion == "7")
            #expect(list.items.allSatisfy { $0["kind"] == "Pod" && $0["apiVersion"] == "v1" })
            #expect(
                server.requests.map(\.line) == [
                    "GET /api/v1/pods?labelSelector=a%3Db&limit=500",
                    "GET /api/v1/pods?labelSelector=a%3Db&limit=500&continue=t%261",
                ])
        }
    }

    @Test(.timeLimit(.minutes(1))) func errorsAreTheServersStatus() async throws {
        let status = "{\"kind\":\"Status\",\"code\":404,\"reason\":\"NotFound\",\"message\":\"no such pod\"}"
        let busy = ScriptedServer.Answer(status: .tooManyRequests, headers: [("retry-after", "0")], chunks: ["later"])
        try await with(
            ScriptedServer.Answer(status: .notFound, chunks: [status]), busy, ScriptedServer.Answer(chunks: ["{}"]),
            ScriptedServer.Answer(status: .badGateway, chunks: ["proxy"]), ScriptedServer.Answer(chunks: ["not json"])
        ) { client, server in
            let pod = ObjectReference(.pods, namespace: "ns", name: "a")
            var errors: [APIError] = []
            for _ in 0..<4 {
                do throws(APIError) { _ = try await client.get(pod, subresource: "") } catch { errors.append(error) }
            }
            #expect(errors.map(\.code) == [404, 502, 0])
            #expect(errors.first?.message == "no such pod" && errors.first?.isNotFound == true)
            #expect(server.requests.count == 5, "the busy answer is followed by another try")
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatIsAwayIsAnErrorWithoutCode() async throws {
        try await with { client, server in
            await server.close()
            do throws(APIError) {
                _ = try await client.get(ObjectReference(.nodes, name: "n"), subresource: "")
                Issue.record("it answered")
            } catch {
                #expect(error.code == 0)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aWatchIsReadLineByLineHoweverItIsCut() async throws {
        let lines = """
            {"type":"ADDED","object":{"metadata":{"name":"ä","resourceVersion":"1"}}}
            {"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9"}}}
            {"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}

            """
        let chunks = stride(from: 0, to: lines.unicodeScalars.count, by: 7).map { start in
            String(String.UnicodeScalarView(lines.unicodeScalars.dropFirst(start).prefix(7)))
        }
        try await with(ScriptedServer.Answer(chunks: chunks)) { client, server in
            var seen: [String] = []
            do {
                for try await event in try await client.watch(.pods, ListOptions(), from: "5") {
                    switch event {
                    case .added(let object): seen.append("added \(object[path: "metadata", "name"]?.string ?? "")")
                    case .together: seen.append("together")
                    case .bookmark(let version): seen.append("bookmark \(version)")
                    case .modified, .deleted: seen.append("other")
                    }
                }
                Issue.record("the watch ended without its error")
            } catch {
                #expect((error as? APIError)?.isExpired == true)
            }
            #expect(seen == ["added ä", "bookmark 9"])
            #expect(
                server.requests.first?.line
                    == "GET /api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=540")
        }
    }
}
