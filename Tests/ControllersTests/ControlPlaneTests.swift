import APIClient
import APIServer
import FoundationEssentials
import Glibc
import Informers
import JSONText
import KubeObjects
import Logging
import NetTypes
import Store
import Testing

@testable import Controllers

/// All controllers against the real API server, in one process: store, admission, watches and all.
@Suite struct ControlPlaneTests {
    private struct Plane {
        let client: LocalClient
        let core: APICore

        func object(_ reference: ObjectReference) async -> JSONValue? {
            try? await client.get(reference, subresource: "")
        }

        func until(_ what: String, _ condition: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(30)
            while try await !condition() {
                try #require(ContinuousClock.now < deadline, "\(what) did not come about")
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// Runs a control plane with one ready node beside the body.
    private func with(_ body: (Plane) async throws -> Void) async throws {
        var template = Array("/tmp/mt-plane-XXXXXX".utf8CString)
        let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let store = try Store(directory: "\(directory)/store", options: APICore.storeOptions, logger: logger)
        var options = APICoreOptions()
        options.logger = logger
        let core = try APICore(store: store, keyDirectory: "\(directory)/keys", options: options)
        try await core.bootstrap(endpoints: ["192.0.2.1"], port: 6_443)
        let client = LocalClient(core: core, user: UserInfo(name: "system:martlet", groups: [UserInfo.mastersGroup]))
        let informers = ClusterInformers(client: client, logger: logger)
        var setOptions = ControllerSet.Options(rootCAPEM: "PEM")
        setOptions.clusterCIDRs = try [#require(CIDR("10.244.0.0/16"))]
        let controllers = ControllerSet(
            ControllerContext(client: client, cluster: informers, logger: logger), options: setOptions)
        let registration = NodeRegistration(
            client: client, description: NodeDescription(name: "n1", cpuMillis: 4_000, memoryBytes: 8 << 30),
            logger: logger
        ) { NodeReadiness(isReady: true, reason: "KubeletReady", message: "all is well") }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await core.run() }
                group.addTask { try await informers.run() }
                group.addTask { try await controllers.run() }
                group.addTask { try await registration.run() }
                defer { group.cancelAll() }
                try await body(Plane(client: client, core: core))
            }
        } catch {
            Issue.record(error)
        }
        store.close()
    }

    private func slices(_ plane: Plane, of service: String) async throws -> [JSONValue] {
        try await plane.client.list(
            .endpointSlices,
            ListOptions(namespace: "shop", labelSelector: "kubernetes.io/service-name=\(service)")
        ).items
    }

    @Test(.timeLimit(.minutes(3))) func aPodIsPlacedServedAndCleanedUpAfter() async throws {
        try await with { plane in
            let client = plane.client
            try await plane.until("the node") {
                let node = await plane.object(ObjectReference(.nodes, name: "n1"))
                return node?[path: "spec", "podCIDR"] == "10.244.0.0/24"
            }
            try await plane.until("its lease") {
                await plane.object(ObjectReference(.leases, namespace: "kube-node-lease", name: "n1")) != nil
            }
            _ = try await client.create(
                ObjectReference(.namespaces, name: "shop"), subresource: "",
                ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "shop"]])
            try await plane.until("the namespace's account and certificate") {
                let account = ObjectReference(.serviceAccounts, namespace: "shop", name: "default")
                let map = ObjectReference(.configMaps, namespace: "shop", name: "kube-root-ca.crt")
                let data = await plane.object(map)?["data"]
                return await plane.object(account) != nil && data?["ca.crt"] == "PEM"
            }
            try await serve(plane)
            try await remove(plane)
        }
    }

    private func serve(_ plane: Plane) async throws {
        let client = plane.client
        _ = try await client.create(
            ObjectReference(.services, namespace: "shop", name: "web"), subresource: "",
            [
                "apiVersion": "v1", "kind": "Service", "metadata": ["name": "web", "namespace": "shop"],
                "spec": ["selector": ["app": "web"], "ports": [["port": 80, "targetPort": 8080]]],
            ])
        let pod = ObjectReference(.pods, namespace: "shop", name: "web-1")
        _ = try await client.create(
            pod, subresource: "",
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["name": "web-1", "namespace": "shop", "labels": ["app": "web"]],
                "spec": ["containers": [["name": "main", "image": "example.com/web:1"]]],
            ])
        try await plane.until("the binding") {
            await plane.object(pod)?[path: "spec", "nodeName"] == "n1"
        }
        _ = try await client.patch(
            pod, subresource: "status", type: .merge, fieldManager: "kubelet", force: false,
            [
                "status": [
                    "phase": "Running", "podIP": "10.244.0.7", "podIPs": [["ip": "10.244.0.7"]],
                    "conditions": [["type": "Ready", "status": "True"]],
                ]
            ])
        try await plane.until("the endpoint") {
            try await slices(plane, of: "web").contains { slice in
                slice["endpoints"]?[0]?["addresses"] == ["10.244.0.7"]
                    && slice["endpoints"]?[0]?[path: "conditions", "ready"] == true
                    && slice["ports"]?[0]?["port"] == 8080
            }
        }
    }

    private func remove(_ plane: Plane) async throws {
        let client = plane.client
        _ = try await client.delete(ObjectReference(.services, namespace: "shop", name: "web"), options: nil)
        try await plane.until("the slices' end") { try await slices(plane, of: "web").isEmpty }
        _ = try await client.delete(
            ObjectReference(.pods, namespace: "shop", name: "web-1"), options: ["gracePeriodSeconds": 0])
        _ = try await client.delete(ObjectReference(.namespaces, name: "shop"), options: nil)
        try await plane.until("the namespace's end") {
            await plane.object(ObjectReference(.namespaces, name: "shop")) == nil
        }
        let left = try await client.list(.configMaps, ListOptions(namespace: "shop")).items
        #expect(left.isEmpty)
    }
}
