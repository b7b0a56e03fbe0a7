import APIMachinery
import AsyncHTTPClient
import FoundationEssentials
import JSONText
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Store
import Testing

@testable import APIServer

/// A server on a free port of 127.0.0.1 with a state of its own, asked through TLS.
struct HTTPSServer: Sendable {
    let service: APIServerService
    let port: Int

    var url: String { "https://127.0.0.1:\(port)" }

    /// Serves while `body` runs.
    static func run(_ body: (HTTPSServer) async throws -> Void) async throws {
        let directory = try TestServer.makeDirectory()
        defer { TestServer.remove(directory) }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let store = try Store(directory: "\(directory)/store", options: APICore.storeOptions, logger: logger)
        defer { store.close() }
        var configuration = APIServerConfiguration(
            stateDirectory: directory, listen: [.address(host: "127.0.0.1", port: 0)])
        configuration.core.logger = logger
        let service = try APIServerService(store: store, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            let deadline = ContinuousClock.now + .seconds(30)
            while service.ports.isEmpty, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(10))
            }
            try await body(HTTPSServer(service: service, port: try #require(service.ports.first)))
            group.cancelAll()
            // A cancelled server may report its cancellation.
            while let result = await group.nextResult() { _ = result }
        }
    }

    private func tls(isAdmin: Bool) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try service.authority.pem.utf8)))
        guard isAdmin else { return tls }
        let identity = try service.authority.issue(name: "admin", groups: ["system:masters"], use: .client, now: .now)
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8))
        tls.certificateChain = chain.map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem))
        return tls
    }

    /// `shutdown()` before it is let go.
    func client(isAdmin: Bool = true, isHTTP1: Bool) throws -> HTTPClient {
        var configuration = HTTPClient.Configuration(tlsConfiguration: try tls(isAdmin: isAdmin))
        configuration.httpVersion = isHTTP1 ? .http1Only : .automatic
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func send(
        _ client: HTTPClient, _ method: String, _ url: String, _ body: [UInt8]? = nil,
        content: String = "application/json"
    ) async throws -> (status: Int, version: Int, json: JSONValue) {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        if let body {
            request.headers.add(name: "content-type", value: content)
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 16 << 20)
        let json = (try? JSONValue(parsing: Array(bytes.readableBytesView))) ?? .null
        return (Int(response.status.code), response.version.major, json)
    }

    /// An administrator's connection of which the test writes every byte.
    func connection() async throws -> RawConnection {
        let tls = try NIOSSLContext(configuration: tls(isAdmin: true))
        let (lines, continuation) = AsyncStream<[UInt8]>.makeStream()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLClientHandler(context: tls, serverHostname: nil), Collector(into: continuation),
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawConnection(channel: channel, received: lines)
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let continuation: AsyncStream<[UInt8]>.Continuation

        init(into continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            continuation.yield(Array(unwrapInboundIn(data).readableBytesView))
        }

        func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

struct RawConnection: Sendable {
    let channel: any Channel
    let received: AsyncStream<[UInt8]>

    func write(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    func close() async throws { try await channel.close().get() }

    /// What came until `mark` was in it, or the connection ended.
    func text(until mark: String) async -> String {
        var bytes: [UInt8] = []
        for await part in received {
            bytes += part
            if String(decoding: bytes, as: UTF8.self).contains(mark) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
