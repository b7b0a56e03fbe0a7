import JSONText
import Store
import Testing

@testable import APIServer

@Suite struct EndpointsMirrorTests {
    private let server: TestServer

    init() throws { server = try TestServer() }

    private static func put(_ key: String, _ object: JSONValue) -> StoreOperation {
        let form = StoredForm(object)
        return .put(key: key, value: form.bytes, stampAt: form.stampAt)
    }

    private static func service(_ name: String) -> StoreOperation {
        put(
            "\(StorageName.services)/ns/\(name)",
            ["apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name), "namespace": "ns"]])
    }

    private static func slice(_ name: String, of service: String, _ address: String) -> StoreOperation {
        put(
            "discovery.k8s.io/endpointslices/ns/\(name)",
            [
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": [
                    "name": .string(name), "namespace": "ns",
                    "labels": ["kubernetes.io/service-name": .string(service)],
                ],
                "addressType": "IPv4", "endpoints": [["addresses": [.string(address)]]],
            ])
    }

    private func addresses(_ service: String) -> [String] {
        let subsets = server.core.cache.get("core/endpoints", "ns/\(service)")?.tree()["subsets"]?.array ?? []
        return subsets.flatMap { $0["addresses"]?.array ?? [] }.compactMap { $0["ip"]?.string }
    }

    private func running(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await EndpointsMirror(core: server.core).run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    private func until(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(.timeLimit(.minutes(1))) func aSliceThatGoesOverConcernsBothServices() async throws {
        _ = try await server.core.cache.commit([
            Self.service("a"), Self.service("b"), Self.slice("s1", of: "a", "10.0.0.1"),
            Self.slice("s2", of: "a", "10.0.0.2"),
        ])
        try await running {
            try await until { addresses("a") == ["10.0.0.1", "10.0.0.2"] }
            _ = try await server.core.cache.commit([Self.slice("s2", of: "b", "10.0.0.2")])
            try await until { addresses("a") == ["10.0.0.1"] && addresses("b") == ["10.0.0.2"] }
            _ = try await server.core.cache.commit([.delete(key: "discovery.k8s.io/endpointslices/ns/s2")])
            try await until { server.core.cache.get("core/endpoints", "ns/b") == nil }
        }
    }

    /// One Service's turn does not look at the slices of all others: that would take minutes here.
    @Test(.timeLimit(.minutes(1))) func manyServicesOfOneNamespaceAreMirrored() async throws {
        let names = (0..<4_000).map { "s\($0)" }
        _ = try await server.core.cache.commit(names.map { Self.service($0) })
        _ = try await server.core.cache.commit(names.map { Self.slice($0, of: $0, "10.0.0.1") })
        try await running {
            try await until { server.core.cache.counts["core/endpoints"] == names.count }
        }
    }
}
