package import APIClient
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle
import Synchronization

/// Deletes what has lost all its owners, and carries out the two other ways of deleting an owner: `Foreground` (its
/// dependents go first) and `Orphan` (they stay, without it).
///
/// The caches only say where to look. Before anything is deleted the API is asked whether the owner, by its uid, is
/// really gone, and the deletion names the uid of what it means.
///
/// A dependent whose deletion is refused stays, with an Event that says why, and is tried again after a while.
package final class GarbageCollector: ServiceLifecycle.Service, Sendable {
    static let refusedInterval = Duration.seconds(60)

    private let context: ControllerContext
    private let recorder: EventRecorder
    private let resources: [APIResource]
    private let informers: [Informer<OwnedObject>]
    private let feed = ChangeFeed()
    private let graph = Mutex(OwnershipGraph())

    /// `resources` are all kinds that may own or be owned.
    package init(_ context: ControllerContext, resources: [APIResource]) {
        self.context = context
        recorder = EventRecorder(client: context.client, clock: context.clock, component: "martlet-garbage-collector")
        self.resources = resources
        informers = resources.map { resource in
            Informer(
                resource, ListOptions(isMetadataOnly: true), client: context.client, logger: context.logger
            ) { OwnedObject($0) }
        }
    }

    package func run() async throws {
        for informer in informers { informer.report(to: feed) }
        let loop = ControllerLoop<OwnedKey>(
            ControllerLoop.Plan(
                name: "garbage collection",
                waitForSync: { for informer in self.informers { await informer.waitForSync() } },
                keys: { self.keys($0) }, allKeys: { self.graph.withLock { $0.keysOfInterest } },
                work: { try await self.look($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            for informer in informers { group.addTask { try await informer.run() } }
            group.addTask { try await loop.run() }
        }
    }

    private func keys(_ notice: ChangeNotice) -> [OwnedKey] {
        var concerned: Set<OwnedKey> = []
        for informer in informers {
            let names =
                notice.everything.contains(informer.resource)
                ? Set(informer.cache.keys) : notice.names[informer.resource] ?? []
            for name in names {
                let object = informer.get(name)
                let key = OwnedKey(resource: informer.resource, key: name)
                graph.withLock { concerned.formUnion($0.update(key, object)) }
            }
        }
        return Array(concerned)
    }

    private func look(_ key: OwnedKey) async throws(APIError) -> Duration? {
        guard let object = graph.withLock({ $0.object(key) }) else { return nil }
        if object.orphansDependents { return try await orphanDependents(of: object, key) }
        var isDone = true
        if object.waitsForDependents { isDone = try await deleteDependents(of: object, key) }
        if !object.isBeingDeleted { isDone = try await deleteIfOwnerless(object, key) }
        return isDone ? nil : Self.refusedInterval
    }

    /// False where it is refused.
    private func delete(_ key: OwnedKey, uid: String, propagation: String) async throws(APIError) -> Bool {
        do throws(APIError) {
            try await context.client.deleteIfPresent(key.reference, uid: uid, propagation: propagation)
            return true
        } catch {
            guard error.code == 403 else { throw error }
            if let object = try await present(key.reference), object.objectUID == uid {
                await recorder.record(object, isWarning: true, reason: "DeletionRefused", error.message)
            }
            return false
        }
    }

    // MARK: Owners that are gone

    /// False where the deletion is refused.
    private func deleteIfOwnerless(_ object: OwnedObject, _ key: OwnedKey) async throws(APIError) -> Bool {
        guard !object.owners.isEmpty else { return true }
        var gone: Set<String> = []
        for owner in object.owners where !graph.withLock({ $0.isPresent(uid: owner.uid) }) {
            if try await isGone(owner, in: key.key.namespace) { gone.insert(owner.uid) }
        }
        if gone.isEmpty { return true }
        if gone.count == Set(object.owners.map(\.uid)).count {
            return try await delete(key, uid: object.uid, propagation: "Background")
        }
        try await dropOwners(gone, from: key, uid: object.uid)
        return true
    }

    private func isGone(_ owner: OwnedObject.Owner, in namespace: String) async throws(APIError) -> Bool {
        guard let resource = resources.first(where: { $0.kind == owner.kind && $0.apiVersion == owner.apiVersion })
        else {
            // A kind that is not known here may exist elsewhere: rather too much is kept than too little.
            return false
        }
        let reference = ObjectReference(
            resource, namespace: resource.isNamespaced ? namespace : "", name: owner.name)
        return try await present(reference)?.objectUID != owner.uid
    }

    private func present(_ reference: ObjectReference) async throws(APIError) -> JSONValue? {
        do throws(APIError) {
            return try await context.client.get(reference, subresource: "")
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    // MARK: Owners that are going

    /// False where a deletion is refused.
    private func deleteDependents(of object: OwnedObject, _ key: OwnedKey) async throws(APIError) -> Bool {
        var isDone = true
        let dependents = graph.withLock { $0.dependents(of: object.uid) }
        for dependent in dependents where !dependent.object.isBeingDeleted {
            let isGone = try await delete(dependent.key, uid: dependent.object.uid, propagation: "Foreground")
            isDone = isDone && isGone
        }
        let isBlocked = dependents.contains { dependent in
            dependent.object.owners.contains { $0.uid == object.uid && $0.blocksDeletion }
        }
        if !isBlocked { try await remove(OwnedObject.foregroundFinalizer, from: key, uid: object.uid) }
        return isDone
    }

    private func orphanDependents(of object: OwnedObject, _ key: OwnedKey) async throws(APIError) -> Duration? {
        for dependent in graph.withLock({ $0.dependents(of: object.uid) }) {
            try await dropOwners([object.uid], from: dependent.key, uid: dependent.object.uid)
        }
        try await remove(OwnedObject.orphanFinalizer, from: key, uid: object.uid)
        return nil
    }

    private func dropOwners(_ uids: Set<String>, from key: OwnedKey, uid: String) async throws(APIError) {
        guard let object = try await present(key.reference), object.objectUID == uid else { return }
        let owners = object[path: "metadata", "ownerReferences"]?.array ?? []
        let kept = owners.filter { !uids.contains($0["uid"]?.string ?? "") }
        guard kept.count != owners.count else { return }
        try await patch(key, object, ["ownerReferences": kept.isEmpty ? .null : .array(kept)])
    }

    private func remove(_ finalizer: String, from key: OwnedKey, uid: String) async throws(APIError) {
        guard let object = try await present(key.reference), object.objectUID == uid else { return }
        let kept = object.finalizers.filter { $0 != finalizer }
        guard kept.count != object.finalizers.count else { return }
        try await patch(key, object, ["finalizers": kept.isEmpty ? .null : .strings(kept)])
    }

    /// Only onto the version that was read: somebody else's change in between is not undone.
    private func patch(_ key: OwnedKey, _ object: JSONValue, _ metadata: [String: JSONValue]) async throws(APIError) {
        var members = metadata
        members["resourceVersion"] = object[path: "metadata", "resourceVersion"]
        do throws(APIError) {
            _ = try await context.client.mergePatch(key.reference, ["metadata": .object(members)])
        } catch {
            guard error.isNotFound else { throw error }
        }
    }
}
