import APIClient
import APIServer
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// One request of an administrator, or in the name of somebody else.
struct ExchangeRequest: Sendable {
    var method: String
    /// Path and query as they stand in the request line.
    var target: String
    var body: [UInt8]?
    var contentType = "application/json"
    var accept = "application/json"
    /// The user in whose name it is sent, a member of the group `devs`.
    var impersonated: String?

    init(method: String, target: String, body: [UInt8]? = nil) {
        self.method = method
        self.target = target
        self.body = body
    }

    /// The recorded field manager follows from the user agent.
    var headers: [(name: String, value: String)] {
        var headers = [("accept", accept), ("user-agent", "rec")]
        if let impersonated {
            headers += [("impersonate-user", impersonated), ("impersonate-group", "devs")]
        }
        if body != nil { headers.append(("content-type", contentType)) }
        return headers
    }
}

struct ExchangeReply: Sendable {
    let status: Int
    let warnings: [String]
    let body: [UInt8]
}

/// The way to a server.
protocol ExchangeTransport: Sendable {
    /// The whole answer; a watch is read to its end.
    func send(_ request: ExchangeRequest) async throws -> ExchangeReply
}

/// Straight into the server's core.
struct CoreTransport: ExchangeTransport {
    let core: APICore

    func send(_ request: ExchangeRequest) async throws -> ExchangeReply {
        let response = await core.respond(
            APIRequest(
                method: request.method, target: request.target, headers: request.headers, body: request.body ?? [],
                user: .master("kubernetes-admin")))
        var body: [UInt8] = []
        switch response.body {
        case .bytes(let bytes): body = bytes
        case .stream(let stream):
            while let bytes = await stream.next() { body += bytes }
            stream.cancel()
        case .producer(let produce):
            let written = Written()
            try await produce { written.append($0) }
            body = written.bytes
        case .upgrade: break
        }
        return ExchangeReply(
            status: response.status,
            warnings: response.headers.filter { $0.name.lowercased() == "warning" }.map(\.value),
            body: body)
    }
}

/// What a producer has written.
private final class Written: Sendable {
    private let content = Mutex<[UInt8]>([])
    var bytes: [UInt8] { content.withLock { $0 } }
    func append(_ bytes: [UInt8]) { content.withLock { $0 += bytes } }
}

/// Over TLS with a client certificate.
struct HTTPSTransport: ExchangeTransport {
    static let timeout = TimeAmount.seconds(30)
    static let answerBytesMax = 64 << 20

    private let server: String
    private let client: HTTPClient

    /// `shutDown()` before it is let go.
    init(_ access: ClusterAccess) throws {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let authority = access.certificateAuthorityPEM {
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
        }
        if let chain = access.clientCertificatePEM, let key = access.clientKeyPEM {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
        }
        server = access.server
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
    }

    func shutDown() async { try? await client.shutdown() }

    func send(_ request: ExchangeRequest) async throws -> ExchangeReply {
        var sent = HTTPClientRequest(url: server + request.target)
        sent.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { sent.headers.add(name: name, value: value) }
        if let body = request.body { sent.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await client.execute(sent, timeout: Self.timeout)
        let body = try await response.body.collect(upTo: Self.answerBytesMax)
        return ExchangeReply(
            status: Int(response.status.code), warnings: response.headers["warning"],
            body: Array(body.readableBytesView))
    }
}
