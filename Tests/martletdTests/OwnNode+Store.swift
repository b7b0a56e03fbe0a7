import APIServer
import JSONText
import Logging
import Store
import TestKit
import Testing

extension OwnNode {
    /// Writes policies as they are into the store of a node whose daemon has just ended, or been told to.
    func write(_ policies: [JSONValue]) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var opened: Store?
        try await until("the daemon has left its store") {
            opened = try? Store(directory: directory + "/state/store", options: APICore.storeOptions, logger: logger)
            return opened != nil
        }
        let store = try #require(opened)
        defer { store.close() }
        for policy in policies {
            let form = StoredForm(policy)
            let name = policy[path: "metadata", "name"]?.string ?? ""
            let place =
                policy["kind"] == "NetworkPolicy"
                ? "networking.k8s.io/networkpolicies/default/"
                : "policy.networking.k8s.io/clusternetworkpolicies/"
            _ = try await store.commit([
                .put(key: place + name, value: form.bytes, stampAt: form.stampAt)
            ])
        }
    }
}
