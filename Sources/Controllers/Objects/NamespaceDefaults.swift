import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Gives every namespace its ServiceAccount `default` and the ConfigMap `kube-root-ca.crt` with the cluster's CA.
package final class NamespaceDefaults: ServiceLifecycle.Service, Sendable {
    static let serviceAccountName = "default"
    static let rootCAName = "kube-root-ca.crt"

    private let context: ControllerContext
    private let rootCAPEM: String
    private let serviceAccounts: Informer<String>
    /// By name: the certificate that stands there.
    private let configMaps: Informer<String>
    private let feed = ChangeFeed()

    package init(_ context: ControllerContext, rootCAPEM: String) {
        self.context = context
        self.rootCAPEM = rootCAPEM
        serviceAccounts = Informer(
            .serviceAccounts, ListOptions(fieldSelector: "metadata.name=\(Self.serviceAccountName)"),
            client: context.client, logger: context.logger
        ) { $0.isBeingDeleted ? nil : $0.objectName }
        configMaps = Informer(
            .configMaps, ListOptions(fieldSelector: "metadata.name=\(Self.rootCAName)"), client: context.client,
            logger: context.logger
        ) { $0["data"]?["ca.crt"]?.string ?? "" }
    }

    package func run() async throws {
        let namespaces = context.cluster.namespaces
        namespaces.report(to: feed)
        serviceAccounts.report(to: feed)
        configMaps.report(to: feed)
        let loop = ControllerLoop<String>(
            ControllerLoop.Plan(
                name: "namespace defaults",
                waitForSync: {
                    await namespaces.waitForSync()
                    await self.serviceAccounts.waitForSync()
                    await self.configMaps.waitForSync()
                },
                keys: { notice in
                    let own = (notice.names[.namespaces] ?? []).map(\.name)
                    let owned = [APIResource.serviceAccounts, .configMaps].flatMap { notice.names[$0] ?? [] }
                    return own + owned.map(\.namespace)
                },
                allKeys: { namespaces.cache.keys.map(\.name) }, work: { try await self.complete($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.serviceAccounts.run() }
            group.addTask { try await self.configMaps.run() }
            group.addTask { try await loop.run() }
        }
    }

    private func complete(_ name: String) async throws -> Duration? {
        guard let namespace = context.cluster.namespaces.get(ObjectKey("", name)), !namespace.metadata.isDeleting else {
            return nil
        }
        if serviceAccounts.get(ObjectKey(name, Self.serviceAccountName)) == nil {
            let reference = ObjectReference(.serviceAccounts, namespace: name, name: Self.serviceAccountName)
            try await create(
                reference,
                [
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": ["name": .string(reference.name), "namespace": .string(name)],
                ])
        }
        let reference = ObjectReference(.configMaps, namespace: name, name: Self.rootCAName)
        switch configMaps.get(ObjectKey(name, Self.rootCAName)) {
        case rootCAPEM: break
        case nil:
            try await create(
                reference,
                [
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": [
                        "name": .string(reference.name), "namespace": .string(name),
                        "annotations": [
                            "kubernetes.io/description":
                                "Holds the CA that signs the certificate of the cluster's API server."
                        ],
                    ],
                    "data": ["ca.crt": .string(rootCAPEM)],
                ])
        case .some:
            _ = try await context.client.mergePatch(reference, ["data": ["ca.crt": .string(rootCAPEM)]])
        }
        return nil
    }

    private func create(_ reference: ObjectReference, _ body: JSONValue) async throws(APIError) {
        do throws(APIError) {
            _ = try await context.client.createUnlessPresent(reference, body)
        } catch  where error.code == 403 || error.isNotFound {
            // The namespace is going.
            return
        }
    }
}
