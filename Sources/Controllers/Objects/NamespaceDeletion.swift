package import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Empties a namespace that is being deleted, says in its conditions what is left, and lets it go by `finalize`. The
/// pods go first, and nothing else before the last of them has gone: they live as long with what policies say of them.
package final class NamespaceDeletion: ServiceLifecycle.Service, Sendable {
    /// The mark that this controller takes off.
    static let finalizer = "kubernetes"
    static let lookAgain = Duration.milliseconds(500)

    private let context: ControllerContext
    private let resources: [APIResource]
    private let feed = ChangeFeed()

    /// `resources` are all kinds that live in namespaces.
    package init(_ context: ControllerContext, resources: [APIResource]) {
        self.context = context
        self.resources = [.pods] + resources.filter { $0.isNamespaced && $0 != .pods }
    }

    package func run() async throws {
        let namespaces = context.cluster.namespaces
        namespaces.report(to: feed)
        let loop = ControllerLoop<String>(
            ControllerLoop.Plan(
                name: "namespace deletion", waitForSync: { await namespaces.waitForSync() },
                keys: { ($0.names[.namespaces] ?? []).map(\.name) },
                allKeys: { namespaces.cache.keys.map(\.name) }, work: { try await self.empty($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await loop.run()
    }

    private func empty(_ name: String) async throws(APIError) -> Duration? {
        guard context.cluster.namespaces.get(ObjectKey("", name))?.metadata.isDeleting == true else { return nil }
        let reference = ObjectReference(.namespaces, name: name)
        let namespace: JSONValue
        do throws(APIError) {
            namespace = try await context.client.get(reference, subresource: "")
        } catch  where error.isNotFound {
            return nil
        }
        guard namespace.isBeingDeleted else { return nil }
        let finalizers = namespace[path: "spec", "finalizers"]?.strings ?? []
        guard finalizers.contains(Self.finalizer) else { return nil }

        let rest = try await deleteContents(of: name)
        guard rest.isEmpty else {
            try await report(rest, namespace)
            return Self.lookAgain
        }
        var final = namespace
        final["spec"]?["finalizers"] = .strings(finalizers.filter { $0 != Self.finalizer })
        _ = try await context.client.update(reference, subresource: "finalize", final)
        return nil
    }

    /// Deletes what is there: pods, and what else there is once they have gone. Returns what is left, by resource.
    private func deleteContents(of namespace: String) async throws(APIError) -> [(
        resource: APIResource, objects: [JSONValue]
    )] {
        var rest: [(resource: APIResource, objects: [JSONValue])] = []
        for resource in resources {
            let objects: [JSONValue]
            do throws(APIError) {
                objects = try await context.client.list(resource, ListOptions(namespace: namespace)).items
            } catch  where error.isNotFound || error.code == 405 {
                continue
            }
            guard try await delete(objects, resource, namespace) else { continue }
            if objects.isEmpty { continue }
            let left = try await context.client.list(resource, ListOptions(namespace: namespace)).items
            if !left.isEmpty { rest.append((resource, left)) }
            if resource == .pods, !left.isEmpty { return rest }
        }
        return rest
    }

    /// False for a kind that cannot be deleted: it is derived from others, and goes with them.
    private func delete(_ objects: [JSONValue], _ resource: APIResource, _ namespace: String) async throws(APIError)
        -> Bool
    {
        for object in objects where !object.isBeingDeleted {
            let reference = ObjectReference(resource, namespace: namespace, name: object.objectName)
            do throws(APIError) {
                try await context.client.deleteIfPresent(reference, uid: object.objectUID, propagation: "Background")
            } catch {
                guard error.code == 405 else { throw error }
                return false
            }
        }
        return true
    }

    private func report(_ rest: [(resource: APIResource, objects: [JSONValue])], _ namespace: JSONValue)
        async throws(APIError)
    {
        let contents = rest.map { "\($0.resource.name) has \($0.objects.count) resource instances" }
        let finalizers = Dictionary(grouping: rest.flatMap(\.objects).flatMap(\.finalizers)) { $0 }
        let holding = finalizers.sorted { $0.key < $1.key }.map { "\($0.key) in \($0.value.count) resource instances" }
        let old = namespace[path: "status", "conditions"]?.array ?? []
        let wanted = [
            ("NamespaceContentRemaining", "SomeResourcesRemain", "Some resources are remaining: ", contents),
            (
                "NamespaceFinalizersRemaining", "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: ", holding
            ),
        ]
        let ours = Set(wanted.map(\.0))
        var conditions = old.filter { !ours.contains($0["type"]?.string ?? "") }
        for (type, reason, prefix, items) in wanted where !items.isEmpty {
            let message = prefix + items.joined(separator: ", ")
            let before = old.first { $0["type"]?.string == type && $0["status"]?.string == "True" }
            conditions.append([
                "type": .string(type), "status": "True", "reason": .string(reason), "message": .string(message),
                "lastTransitionTime": before?["lastTransitionTime"] ?? .string(context.clock.timestamp),
            ])
        }
        guard conditions != old else { return }
        _ = try await context.client.mergePatch(
            ObjectReference(.namespaces, name: namespace.objectName), subresource: "status",
            ["status": ["conditions": .array(conditions)]])
    }
}
