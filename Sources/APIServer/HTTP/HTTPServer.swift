import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPCompression
import NIOPosix
import NIOSSL

/// Where the server listens.
package enum ListenAddress: Sendable, Hashable {
    /// Port 0 takes a free one.
    case address(host: String, port: Int)
    /// A socket that listens already, handed over by whoever started the process.
    case descriptor(Int32)
}

/// HTTPS with HTTP/1.1 and HTTP/2 by ALPN. It knows connections and requests, nothing of the API.
struct HTTPServer: Sendable {
    let intake = RequestIntake()
    private let tls: NIOSSLContext
    private let group: MultiThreadedEventLoopGroup

    init(certificatePEM: String, keyPEM: String, clientAuthorityPEM: String, group: MultiThreadedEventLoopGroup)
        throws(ServerError)
    {
        self.group = group
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
            let authorities = try NIOSSLCertificate.fromPEMBytes(Array(clientAuthorityPEM.utf8))
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.trustRoots = .certificates(authorities)
            configuration.certificateVerification = .optionalVerification
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["h2", "http/1.1"]
            tls = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ServerError(.keys, "the serving certificate cannot be used", cause: error)
        }
    }

    /// Starts to listen. Requests arrive in `intake`.
    func listen(_ address: ListenAddress) async throws(ServerError) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [tls, intake] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                }.flatMap {
                    channel.configureHTTP2SecureUpgrade(
                        h2ChannelConfigurator: { Self.configureHTTP2($0, intake) },
                        http1ChannelConfigurator: { Self.configureHTTP1($0, intake) })
                }
            }
        do {
            switch address {
            case .address(let host, let port): return try await bootstrap.bind(host: host, port: port).get()
            case .descriptor(let number): return try await bootstrap.withBoundSocket(number).get()
            }
        } catch {
            throw ServerError(.listen, "cannot listen on \(address)", cause: error)
        }
    }

    /// The identity that the connection's client certificate proves.
    private static func user(of channel: any Channel) -> UserInfo? {
        guard let certificate = try? channel.pipeline.syncOperations.nioSSL_peerCertificate(),
            let bytes = try? certificate.toDERBytes()
        else { return nil }
        return CertificateAuthority.user(ofDER: bytes)
    }

    private static func configureHTTP1(_ channel: any Channel, _ intake: RequestIntake) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let user = user(of: channel)
            try pipeline.addHandler(HTTPResponseEncoder(), name: HTTP1HandlerName.encoder.rawValue)
            try pipeline.addHandler(
                ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)),
                name: HTTP1HandlerName.decoder.rawValue)
            try pipeline.addHandler(HTTPServerPipelineHandler(), name: HTTP1HandlerName.pipelining.rawValue)
            try pipeline.addHandler(makeCompressor(), name: HTTP1HandlerName.compressor.rawValue)
            try pipeline.addHandler(
                HTTPRequestHandler(intake: intake, user: user, isHTTP1: true),
                name: HTTP1HandlerName.requests.rawValue)
        }
    }

    private static func configureHTTP2(_ channel: any Channel, _ intake: RequestIntake) -> EventLoopFuture<Void> {
        let user = user(of: channel)
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: 1000),
            HTTP2Setting(parameter: .maxHeaderListSize, value: Limits.headBytesMax),
            HTTP2Setting(parameter: .initialWindowSize, value: 1 << 20),
        ]
        return channel.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: connection, streamConfiguration: .init()
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let pipeline = stream.pipeline.syncOperations
                try pipeline.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                try pipeline.addHandler(makeCompressor())
                try pipeline.addHandler(HTTPRequestHandler(intake: intake, user: user, isHTTP1: false))
            }
        }.map { _ in }
    }

    /// Compresses answers of known length from `Limits.compressFromBytes` on; streams go out as they are.
    private static func makeCompressor() -> HTTPResponseCompressor {
        HTTPResponseCompressor(initialByteBufferCapacity: 64 << 10) { head, isSupported in
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            return isSupported && length >= Limits.compressFromBytes ? .compressIfPossible : .doNotCompress
        }
    }
}

/// The handlers that make HTTP/1.1 of a connection; taken out when it becomes a WebSocket.
enum HTTP1HandlerName: String, CaseIterable {
    case requests = "martlet-requests"
    case compressor = "martlet-compressor"
    case pipelining = "martlet-pipelining"
    case decoder = "martlet-decoder"
    case encoder = "martlet-encoder"
}
