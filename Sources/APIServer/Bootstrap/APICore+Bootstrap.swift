import APIMachinery
import JSONText
import NetTypes

/// The objects that a cluster has before anybody wrote any.
extension APICore {
    private static let writer = UserInfo.master("system:apiserver")

    /// Makes what is missing: namespaces, default roles and bindings, the Service `kubernetes` and where it leads.
    /// - Parameters:
    ///   - endpoints: addresses at which this server is reached.
    ///   - port: its port there.
    package func bootstrap(endpoints: [String], port: Int) async throws(ServerError) {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            try await ensure(
                "/api/v1/namespaces", ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
        }
        for role in DefaultRoles.roles {
            try await ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", role.object, restores: "rules")
        }
        for binding in DefaultRoles.bindings {
            try await ensure(
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding.object, restores: "subjects")
        }
        try await ensureService(endpoints: endpoints, port: port)
    }

    private func ensureService(endpoints: [String], port: Int) async throws(ServerError) {
        guard let primary = addresses.ranges.first else { return }
        let first = IPAddress(high: primary.address.high, low: primary.address.low + 1)
        try await ensure(
            "/api/v1/namespaces/default/services",
            [
                "apiVersion": "v1", "kind": "Service",
                "metadata": [
                    "name": "kubernetes", "namespace": "default",
                    "labels": ["component": "apiserver", "provider": "kubernetes"],
                ],
                "spec": [
                    "type": "ClusterIP", "clusterIP": .string(first.description), "ipFamilyPolicy": "SingleStack",
                    "ports": [
                        ["name": "https", "protocol": "TCP", "port": 443, "targetPort": .integer(Int64(port))]
                    ],
                ],
            ])
        let reachable = endpoints.compactMap { IPAddress($0) }
            .filter { $0.family == primary.family && !Self.isLoopback($0) }
        guard !reachable.isEmpty else { return }
        let slice: JSONValue = [
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": [
                "name": "kubernetes", "namespace": "default",
                "labels": ["kubernetes.io/service-name": "kubernetes"],
            ],
            "addressType": .string(primary.family.kubernetesName),
            "endpoints": .array(
                reachable.map { ["addresses": [.string($0.description)], "conditions": ["ready": true]] }),
            "ports": [["name": "https", "protocol": "TCP", "port": .integer(Int64(port))]],
        ]
        let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        if cache.get("discovery.k8s.io/endpointslices", "default/kubernetes") == nil {
            try await ensure(path, slice)
        } else {
            let answer = await send("PUT", "\(path)/kubernetes", slice)
            try check(answer, "the EndpointSlice default/kubernetes")
        }
    }

    /// An endpoint in the loopback range leads nowhere from a pod, and validation refuses it.
    private static func isLoopback(_ address: IPAddress) -> Bool {
        if let bits = address.v4Bits { return bits >> 24 == 127 }
        return address.high == 0 && address.low == 1
    }

    /// Creates an object unless it is there. With `restores` an older one gets back the entries of that list that it
    /// lacks.
    private func ensure(_ path: String, _ object: JSONValue, restores field: String? = nil) async throws(ServerError) {
        let name = object.name
        let present = await send("GET", "\(path)/\(name)", nil)
        if present.status == 404 {
            let made = await send("POST", path, object)
            if made.status != 409 { try check(made, "\(object["kind"]?.string ?? "") \(name)") }
            return
        }
        guard let field, case .bytes(let bytes) = present.body, var stored = try? JSONValue(parsing: bytes) else {
            return
        }
        let annotation = stored[path: "metadata", "annotations", "rbac.authorization.kubernetes.io/autoupdate"]
        guard annotation?.string == "true" else { return }
        let had = stored[field]?.array ?? []
        let missing = (object[field]?.array ?? []).filter { !had.contains($0) }
        if missing.isEmpty { return }
        stored[field] = .array(had + missing)
        try check(await send("PUT", "\(path)/\(name)", stored), "\(object["kind"]?.string ?? "") \(name)")
    }

    private func send(_ method: String, _ path: String, _ body: JSONValue?) async -> APIResponse {
        await respond(
            APIRequest(
                method: method, path: path,
                headers: [("content-type", "application/json"), ("user-agent", "martlet-apiserver")],
                body: body?.compactBytes ?? [], user: Self.writer))
    }

    private func check(_ response: APIResponse, _ what: String) throws(ServerError) {
        guard response.status >= 400 else { return }
        var text = "HTTP \(response.status)"
        if case .bytes(let bytes) = response.body { text = String(decoding: bytes, as: UTF8.self) }
        throw ServerError(.store, "\(what) cannot be made at start: \(text)")
    }
}
