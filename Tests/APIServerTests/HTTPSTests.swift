import APIMachinery
import AsyncHTTPClient
import JSONText
import NIOCore
import Testing

@testable import APIServer

/// The server over real sockets, in HTTP/1.1 and HTTP/2.
@Suite struct HTTPSTests {
    @Test(arguments: [true, false]) func aCertificateIsAnIdentity(isHTTP1: Bool) async throws {
        try await HTTPSServer.run { server in
            let admin = try server.client(isHTTP1: isHTTP1)
            let nobody = try server.client(isAdmin: false, isHTTP1: isHTTP1)
            let namespaces = try await server.send(admin, "GET", "\(server.url)/api/v1/namespaces")
            #expect(namespaces.status == 200)
            #expect(namespaces.version == (isHTTP1 ? 1 : 2))
            #expect((namespaces.json["items"]?.array ?? []).count == 4)
            #expect(try await server.send(nobody, "GET", "\(server.url)/api/v1/namespaces").status == 401)
            #expect(try await server.send(nobody, "GET", "\(server.url)/version").json["minor"] == "32")
            try await admin.shutdown()
            try await nobody.shutdown()
        }
    }

    @Test(arguments: [true, false]) func aBodyOverTheLimitIsRefused(isHTTP1: Bool) async throws {
        try await HTTPSServer.run { server in
            let admin = try server.client(isHTTP1: isHTTP1)
            let path = "\(server.url)/api/v1/namespaces/default/configmaps"
            let large = TestServer.configMap("m", ["a": String(repeating: "x", count: 3 << 20)]).compactBytes
            let answer = try await server.send(admin, "POST", path, large)
            #expect(answer.status == 413)
            #expect(answer.json["kind"] == "Status")
            #expect(try await server.send(admin, "POST", path, TestServer.configMap("m").compactBytes).status == 201)
            try await admin.shutdown()
        }
    }

    @Test(arguments: [true, false]) func aWatchStreamsWhileItIsOpen(isHTTP1: Bool) async throws {
        try await HTTPSServer.run { server in
            let admin = try server.client(isHTTP1: isHTTP1)
            let path = "\(server.url)/api/v1/namespaces/default/configmaps"
            let response = try await admin.execute(
                HTTPClientRequest(url: "\(path)?watch=1&timeoutSeconds=60"), timeout: .seconds(60))
            var lines = response.body.makeAsyncIterator()
            #expect(try await server.send(admin, "POST", path, TestServer.configMap("m").compactBytes).status == 201)
            let chunk = try #require(try await lines.next())
            #expect(String(buffer: chunk).hasPrefix("{\"type\":\"ADDED\""))
            try await admin.shutdown()
        }
    }
}
