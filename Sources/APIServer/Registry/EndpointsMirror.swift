import APIMachinery
import JSONText
import KubeObjects
import Logging
import Store

/// Keeps an Endpoints object for each Service that has EndpointSlices: what clients read that do not know slices yet.
///
/// Level-triggered: a change only names a Service, whose Endpoints are then made anew from what the cache holds.
struct EndpointsMirror: Sendable {
    private static let slices = "discovery.k8s.io/endpointslices"
    private static let endpoints = "core/endpoints"
    private static let serviceLabel = "kubernetes.io/service-name"
    /// An Endpoints object lists at most this many addresses, as in Kubernetes.
    private static let addressesMax = 1000

    let core: APICore

    /// Until cancelled.
    func run() async {
        // Slices by Service, as the cache has their keys.
        var index = Grouping<String, String>()
        while !Task.isCancelled {
            let queue = WatchQueue(
                viewer: .inside, keyPrefix: nil, deadline: .now + .seconds(86_400), firstBookmark: nil,
                marksInitialEnd: true)
            guard core.cache.watch(Self.slices, queue, from: .present) != nil else { return }
            // Of slices that went while nobody watched nothing else tells.
            var touched = Set(index.groups)
            while let items = await queue.next() {
                for case .event(let event) in items {
                    touched.formUnion(index.file(event.key, under: event.new.flatMap { Self.service(of: $0) }))
                }
                for key in touched { await mirror(key, index) }
                touched = []
            }
            core.cache.unwatch(Self.slices, queue)
        }
    }

    /// `namespace/name` of the Service that a slice belongs to.
    private static func service(of slice: CachedObject) -> String? {
        guard let name = slice.tree()[path: "metadata", "labels", serviceLabel]?.string, !name.isEmpty else {
            return nil
        }
        return "\(slice.namespace)/\(name)"
    }

    private func mirror(_ key: String, _ index: Grouping<String, String>) async {
        let parts = key.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return }
        let slices = index.members(of: key).compactMap { core.cache.get(Self.slices, $0)?.tree() }
        let present = core.cache.get(Self.endpoints, key)
        let storeKey = "\(Self.endpoints)/\(key)"
        let operation: StoreOperation
        if slices.isEmpty || core.cache.get(StorageName.services, key) == nil {
            guard present != nil else { return }
            operation = .delete(key: storeKey, expected: .anything)
        } else {
            let before = present?.tree()
            var object = Self.object(parts[0], parts[1], slices)
            object["metadata"]?["uid"] = .string(before?.uid ?? APICore.uuid())
            object["metadata"]?["creationTimestamp"] =
                before?[path: "metadata", "creationTimestamp"] ?? .string(core.clock.now.text)
            if let before, before["subsets"] == object["subsets"] { return }
            let form = StoredForm(object)
            operation = .put(
                key: storeKey, value: form.bytes, stampAt: form.stampAt,
                expected: present.map { .revision($0.revision) } ?? .absent)
        }
        do { _ = try await core.cache.commit([operation]) } catch {
            core.logger.warning("Endpoints \(key) are not mirrored: \(error)")
        }
    }

    private static func object(_ namespace: String, _ name: String, _ slices: [JSONValue]) -> JSONValue {
        var subsets: [JSONValue] = []
        var count = 0
        for slice in slices.sorted(by: { $0.name < $1.name }) where slice["addressType"]?.string != "FQDN" {
            var ready: [JSONValue] = []
            var notReady: [JSONValue] = []
            for endpoint in slice["endpoints"]?.array ?? [] where count < addressesMax {
                for address in (endpoint["addresses"]?.array ?? []).prefix(1) {
                    var entry: [String: JSONValue] = ["ip": address]
                    entry["nodeName"] = endpoint["nodeName"]
                    entry["targetRef"] = endpoint["targetRef"]
                    entry["hostname"] = endpoint["hostname"]
                    let isReady = endpoint[path: "conditions", "ready"]?.bool ?? true
                    if isReady { ready.append(.object(entry)) } else { notReady.append(.object(entry)) }
                    count += 1
                }
            }
            if ready.isEmpty, notReady.isEmpty { continue }
            var subset: [String: JSONValue] = [:]
            if !ready.isEmpty { subset["addresses"] = .array(ready) }
            if !notReady.isEmpty { subset["notReadyAddresses"] = .array(notReady) }
            let ports = (slice["ports"]?.array ?? []).map { port -> JSONValue in
                var port = port
                if port["name"]?.string == "" { port["name"] = nil }
                return port
            }
            if !ports.isEmpty { subset["ports"] = .array(ports) }
            subsets.append(.object(subset))
        }
        var object: [String: JSONValue] = [
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": [
                "name": .string(name), "namespace": .string(namespace),
                "labels": ["endpoints.kubernetes.io/managed-by": "martlet"],
            ],
        ]
        if !subsets.isEmpty { object["subsets"] = .array(subsets) }
        return .object(object)
    }
}
