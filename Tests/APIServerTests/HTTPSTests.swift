import APIMachinery
import AsyncHTTPClient
import FoundationEssentials
import JSONText
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Store
import Testing

@testable import APIServer

/// The server over real sockets, in HTTP/1.1 and HTTP/2.
@Suite struct HTTPSTests {
    private func withServer(_ body: (APIServerService, String) async throws -> Void) async throws {
        let directory = try TestServer.makeDirectory()
        defer { TestServer.remove(directory) }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let store = try Store(directory: "\(directory)/store", options: APICore.storeOptions, logger: logger)
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
            let port = try #require(service.ports.first)
            try await body(service, "https://127.0.0.1:\(port)")
            group.cancelAll()
            // A cancelled server may report its cancellation.
            while let result = await group.nextResult() { _ = result }
        }
        store.close()
    }

    private func client(_ service: APIServerService, isAdmin: Bool, isHTTP1: Bool) throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try service.authority.pem.utf8)))
        if isAdmin {
            let identity = try service.authority.issue(
                name: "admin", groups: ["system:masters"], use: .client, now: .now)
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8))
            tls.certificateChain = chain.map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem))
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.httpVersion = isHTTP1 ? .http1Only : .automatic
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private func send(_ client: HTTPClient, _ method: String, _ url: String, _ body: [UInt8]? = nil) async throws
        -> (status: Int, version: Int, json: JSONValue)
    {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 16 << 20)
        let json = (try? JSONValue(parsing: Array(bytes.readableBytesView))) ?? .null
        return (Int(response.status.code), response.version.major, json)
    }

    @Test(arguments: [true, false]) func aCertificateIsAnIdentity(isHTTP1: Bool) async throws {
        try await withServer { service, url in
            let admin = try client(service, isAdmin: true, isHTTP1: isHTTP1)
            let nobody = try client(service, isAdmin: false, isHTTP1: isHTTP1)
            let namespaces = try await send(admin, "GET", "\(url)/api/v1/namespaces")
            #expect(namespaces.status == 200)
            #expect(namespaces.version == (isHTTP1 ? 1 : 2))
            #expect((namespaces.json["items"]?.array ?? []).count == 4)
            #expect(try await send(nobody, "GET", "\(url)/api/v1/namespaces").status == 401)
            #expect(try await send(nobody, "GET", "\(url)/version").json["minor"] == "32")
            try await admin.shutdown()
            try await nobody.shutdown()
        }
    }

    @Test(arguments: [true, false]) func aBodyOverTheLimitIsRefused(isHTTP1: Bool) async throws {
        try await withServer { service, url in
            let admin = try client(service, isAdmin: true, isHTTP1: isHTTP1)
            let path = "\(url)/api/v1/namespaces/default/configmaps"
            let large = TestServer.configMap("m", ["a": String(repeating: "x", count: 3 << 20)]).compactBytes
            let answer = try await send(admin, "POST", path, large)
            #expect(answer.status == 413)
            #expect(answer.json["kind"] == "Status")
            #expect(try await send(admin, "POST", path, TestServer.configMap("m").compactBytes).status == 201)
            try await admin.shutdown()
        }
    }

    @Test(arguments: [true, false]) func aWatchStreamsWhileItIsOpen(isHTTP1: Bool) async throws {
        try await withServer { service, url in
            let admin = try client(service, isAdmin: true, isHTTP1: isHTTP1)
            let path = "\(url)/api/v1/namespaces/default/configmaps"
            let response = try await admin.execute(
                HTTPClientRequest(url: "\(path)?watch=1&timeoutSeconds=60"), timeout: .seconds(60))
            var lines = response.body.makeAsyncIterator()
            #expect(try await send(admin, "POST", path, TestServer.configMap("m").compactBytes).status == 201)
            let chunk = try #require(try await lines.next())
            #expect(String(buffer: chunk).hasPrefix("{\"type\":\"ADDED\""))
            try await admin.shutdown()
        }
    }
}
