import AsyncHTTPClient
package import JSONText
package import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// The Kubernetes API over HTTPS. `shutDown()` before it is let go.
package final class HTTPSClient: APIClient {
    /// From a request to its whole answer; watches have no such limit.
    static let requestTimeout = TimeAmount.seconds(60)
    static let connectTimeout = TimeAmount.seconds(10)
    /// A watch on which nothing comes for so long is given up: servers send bookmarks about every minute.
    static let watchSilenceMax = TimeAmount.seconds(180)
    /// The server is asked to end a watch after this, so that watches do not outlive what stands between.
    static let watchSeconds = 540
    static let answerBytesMax = 256 << 20
    static let errorBytesMax = 1 << 20
    static let pageLimit = 500
    static let retriesMax = 3
    static let tokenSecondsMax = Duration.seconds(60)
    static let eventsBufferedMax = 4_096

    private let access: ClusterAccess
    private let client: HTTPClient
    private let logger: Logger
    private let token: Mutex<(text: String, read: ContinuousClock.Instant)?>
    private let userAgent: String

    package init(_ access: ClusterAccess, userAgent: String = "martlet", logger: Logger) throws(ClusterAccessError) {
        self.access = access
        self.logger = logger
        self.userAgent = userAgent
        token = Mutex(nil)
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = try Self.tls(access)
        configuration.timeout = .init(connect: Self.connectTimeout, read: Self.watchSilenceMax)
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func shutDown() async { try? await client.shutdown() }

    private static func tls(_ access: ClusterAccess) throws(ClusterAccessError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        do {
            if let authority = access.certificateAuthorityPEM {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
            }
            if let chain = access.clientCertificatePEM, let key = access.clientKeyPEM {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain).map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            }
        } catch {
            throw ClusterAccessError(.invalid, "a certificate or key is not valid PEM", cause: error)
        }
        if access.skipsVerification { configuration.certificateVerification = .none }
        return configuration
    }

    // MARK: APIClient

    package func get(_ object: ObjectReference, subresource: String) async throws(APIError) -> JSONValue {
        try await send(.GET, RequestPath(RequestPath.object(object, subresource: subresource)))
    }

    package func list(_ resource: APIResource, _ options: ListOptions) async throws(APIError) -> ObjectList {
        var items: [JSONValue] = []
        let revision = try await list(resource, options) { items.append($0) }
        return ObjectList(items: items, resourceVersion: revision)
    }

    /// In pages, so that no answer is too large; all of them as of the first page's revision.
    package func list(_ resource: APIResource, _ options: ListOptions, each body: (JSONValue) -> Void)
        async throws(APIError) -> String
    {
        var next = ""
        while true {
            let path = RequestPath(
                RequestPath.collection(resource, namespace: options.namespace),
                query: Self.selectors(options) + [("limit", "\(Self.pageLimit)"), ("continue", next)])
            let page = try await send(.GET, path)
            for var item in page["items"]?.array ?? [] {
                Self.complete(&item, resource)
                body(item)
            }
            next = page[path: "metadata", "continue"]?.string ?? ""
            if next.isEmpty { return page[path: "metadata", "resourceVersion"]?.string ?? "" }
        }
    }

    package func create(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        let path =
            subresource.isEmpty
            ? RequestPath.collection(object.resource, namespace: object.namespace)
            : RequestPath.object(object, subresource: subresource)
        return try await send(.POST, RequestPath(path), body)
    }

    package func update(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError)
        -> JSONValue
    {
        try await send(.PUT, RequestPath(RequestPath.object(object, subresource: subresource)), body)
    }

    package func patch(
        _ object: ObjectReference, subresource: String, type: PatchType, fieldManager: String, force: Bool,
        _ body: JSONValue
    ) async throws(APIError) -> JSONValue {
        let path = RequestPath(
            RequestPath.object(object, subresource: subresource),
            query: [("fieldManager", fieldManager), ("force", force ? "true" : "")])
        return try await send(.PATCH, path, body, contentType: type.rawValue)
    }

    package func delete(_ object: ObjectReference, options: JSONValue?) async throws(APIError) -> JSONValue {
        try await send(.DELETE, RequestPath(RequestPath.object(object)), options)
    }

    package func watch(_ resource: APIResource, _ options: ListOptions, from resourceVersion: String)
        async throws(APIError) -> AsyncThrowingStream<WatchEvent, any Error>
    {
        let path = RequestPath(
            RequestPath.collection(resource, namespace: options.namespace),
            query: Self.selectors(options) + [
                ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
                ("timeoutSeconds", "\(Self.watchSeconds)"),
            ])
        let response = try await execute(try request(.GET, path, nil, ""), deadline: .distantFuture)
        guard response.status == .ok else { throw try await failure(response) }
        // A consumer that falls behind by this much is told to list again.
        let (stream, continuation) = AsyncThrowingStream<WatchEvent, any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.eventsBufferedMax))
        let reader = Task {
            do {
                try await Self.read(response.body, resource, into: continuation)
                continuation.finish()
            } catch {
                continuation.finish(throwing: (error as? APIError) ?? Self.transport(error))
            }
        }
        continuation.onTermination = { _ in reader.cancel() }
        return stream
    }

    private static func read(
        _ body: HTTPClientResponse.Body, _ resource: APIResource,
        into continuation: AsyncThrowingStream<WatchEvent, any Error>.Continuation
    ) async throws {
        var decoder = WatchDecoder(resource)
        for try await buffer in body {
            for event in try decoder.feed(buffer.readableBytesView) {
                if case .dropped = continuation.yield(event) {
                    throw APIError(
                        code: 410, reason: "Expired",
                        message: "the watch's consumer is \(eventsBufferedMax) events behind")
                }
            }
        }
    }

    // MARK: Requests

    private static func selectors(_ options: ListOptions) -> [(name: String, value: String)] {
        [("labelSelector", options.labelSelector), ("fieldSelector", options.fieldSelector)]
    }

    /// Sends, and again where the server is too busy and says when to come back.
    private func send(
        _ method: HTTPMethod, _ path: RequestPath, _ body: JSONValue? = nil, contentType: String = "application/json"
    ) async throws(APIError) -> JSONValue {
        var tries = 0
        while true {
            let request = try request(method, path, body?.compactBytes, contentType)
            let response = try await execute(request, deadline: .now() + Self.requestTimeout)
            if (200..<300).contains(response.status.code) {
                return try Self.parse(try await collect(response, limit: Self.answerBytesMax))
            }
            let error = try await failure(response)
            let pause = response.headers.first(name: "retry-after").flatMap { Int($0) } ?? 1
            guard response.status == .tooManyRequests, tries < Self.retriesMax, pause <= 10 else { throw error }
            tries += 1
            do { try await Task.sleep(for: .seconds(pause)) } catch { throw Self.transport(error) }
        }
    }

    private func request(_ method: HTTPMethod, _ path: RequestPath, _ body: [UInt8]?, _ contentType: String)
        throws(APIError) -> HTTPClientRequest
    {
        var request = HTTPClientRequest(url: access.server + path.text)
        request.method = method
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: userAgent)
        if let token = try bearerToken() { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: contentType)
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        return request
    }

    private func bearerToken() throws(APIError) -> String? {
        switch access.token {
        case nil: return nil
        case .fixed(let text): return text
        case .file(let path):
            let now = ContinuousClock.now
            if let known = token.withLock({ $0 }), now - known.read < Self.tokenSecondsMax { return known.text }
            do throws(ClusterAccessError) {
                let text = FileContents.trimmedText(try FileContents.read(path))
                token.withLock { $0 = (text, now) }
                return text
            } catch {
                throw APIError(code: 0, reason: "", message: error.message)
            }
        }
    }

    private func execute(_ request: HTTPClientRequest, deadline: NIODeadline) async throws(APIError)
        -> HTTPClientResponse
    {
        do {
            return try await client.execute(request, deadline: deadline, logger: logger)
        } catch {
            throw Self.transport(error)
        }
    }

    private func collect(_ response: HTTPClientResponse, limit: Int) async throws(APIError) -> [UInt8] {
        do {
            return Array(try await response.body.collect(upTo: limit).readableBytesView)
        } catch {
            throw Self.transport(error)
        }
    }

    private func failure(_ response: HTTPClientResponse) async throws(APIError) -> APIError {
        let code = Int(response.status.code)
        let bytes = try await collect(response, limit: Self.errorBytesMax)
        if let status = try? Self.parse(bytes), status["kind"]?.string == "Status" {
            return APIError(status: status, code: code)
        }
        let text = String(decoding: bytes.prefix(512), as: UTF8.self)
        return APIError(code: code, reason: "", message: "the server answered \(response.status): \(text)")
    }

    private static func transport(_ error: any Error) -> APIError {
        APIError(code: 0, reason: "", message: "the server was not reached: \(error)")
    }

    // MARK: Answers

    static func parse(_ bytes: [UInt8]) throws(APIError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(
                parsing: bytes, limits: JSONLimits(bytesMax: answerBytesMax, depthMax: 256, valuesMax: 64 << 20))
        } catch {
            throw APIError(code: 0, reason: "", message: "the server's answer is not JSON: \(error)")
        }
    }

    /// Items of lists come without their kind; everybody else has it, so they get it.
    static func complete(_ object: inout JSONValue, _ resource: APIResource) {
        guard object["kind"] == nil else { return }
        object["kind"] = .string(resource.kind)
        object["apiVersion"] = .string(resource.apiVersion)
    }
}
