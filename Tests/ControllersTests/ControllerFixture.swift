import APIClient
import Informers
import JSONText
import Logging
import ServiceLifecycle
import TestKit
import Testing

@testable import Controllers

/// A cluster in memory with one namespace and one ready node, and the informers that controllers share.
struct ControllerFixture: Sendable {
    let cluster = MemoryCluster()
    let context: ControllerContext

    init() {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let informers = ClusterInformers(client: cluster, logger: logger)
        context = ControllerContext(client: cluster, cluster: informers, logger: logger)
        cluster.set(.namespaces, ["metadata": ["name": "default"], "spec": ["finalizers": ["kubernetes"]]])
    }

    /// Runs the informers and the controller beside the body.
    func running(_ controllers: any ServiceLifecycle.Service..., body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await context.cluster.run() }
            for controller in controllers { group.addTask { try await controller.run() } }
            defer { group.cancelAll() }
            try await body()
        }
    }

    /// Looks until it holds, thirty seconds at most: tests share their threads with others that compute for long.
    func until(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "\(what) did not come about")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    func node(_ name: String, cpu: JSONValue = "4", labels: JSONValue = [:], spec: JSONValue = [:]) {
        cluster.set(
            .nodes,
            [
                "metadata": ["name": .string(name), "labels": labels], "spec": spec,
                "status": [
                    "allocatable": ["cpu": cpu, "memory": "8Gi", "pods": "110"],
                    "conditions": [["type": "Ready", "status": "True"]],
                ],
            ])
    }

    @discardableResult
    func pod(
        _ name: String, labels: JSONValue = [:], node: String = "", address: String = "", isReady: Bool = true,
        spec extra: [String: JSONValue] = [:]
    ) -> JSONValue {
        var spec: [String: JSONValue] = ["containers": [["name": "main"]]]
        if !node.isEmpty { spec["nodeName"] = .string(node) }
        spec.merge(extra) { $1 }
        return cluster.set(
            .pods,
            [
                "metadata": ["name": .string(name), "namespace": "default", "labels": labels],
                "spec": .object(spec),
                "status": [
                    "phase": address.isEmpty ? "Pending" : "Running",
                    "podIPs": address.isEmpty ? [] : [["ip": .string(address)]],
                    "conditions": [["type": "Ready", "status": isReady ? "True" : "False"]],
                ],
            ])
    }

    func service(_ name: String, selector: JSONValue = ["app": "web"], port: JSONValue = ["port": 80]) {
        cluster.set(
            .services,
            [
                "metadata": ["name": .string(name), "namespace": "default"],
                "spec": [
                    "selector": selector, "ports": [port], "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
                    "ipFamilies": ["IPv4"],
                ],
            ])
    }

    func slices(_ service: String) -> [JSONValue] {
        cluster.objects(.endpointSlices).filter {
            $0[path: "metadata", "labels", "kubernetes.io/service-name"]?.string == service
        }
    }

    /// Ready addresses of a Service, sorted.
    func addresses(_ service: String) -> [String] {
        slices(service).flatMap { $0["endpoints"]?.array ?? [] }
            .filter { $0[path: "conditions", "ready"]?.bool == true }
            .compactMap { $0["addresses"]?[0]?.string }.sorted()
    }
}
