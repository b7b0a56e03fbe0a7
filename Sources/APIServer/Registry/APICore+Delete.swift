import APIMachinery
import JSONText
import NetTypes
import Store

/// Deletes: at once, after a grace period (pods), or when the finalizers are gone.
extension APICore {
    func delete(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try DeleteOptions(context.request, body: try deleteBody(context))
        let name = context.info.name
        let (object, isGone) = try await delete(name, context, options)
        guard isGone, !context.kind.showsDeleted else { return try render(object, context) }
        let details = APIStatus.Details(
            name: name, group: context.kind.group, kind: context.kind.plural, uid: object.uid)
        return try encode(APIStatus.success(details: details), context.negotiation)
    }

    private func deleteBody(_ context: RequestContext) throws(APIStatus) -> JSONValue? {
        if context.request.body.isEmpty { return nil }
        return try actionBody(context.request, .deleteOptions, .ignore).object
    }

    func deleteCollection(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try DeleteOptions(context.request, body: try deleteBody(context))
        let query = try ListRequest(context.request, context.kind, isWatch: false)
        var page = try select(query, context)
        var deleted: [CachedObject] = []
        for object in page.objects {
            do {
                let (_, _) = try await delete(String(object.name), context, options)
                deleted.append(object)
            } catch {
                // Gone already is as good, once that is on the disk.
                guard error.code == 404 else { throw error }
                try await settle(for: context.request.viewer)
            }
        }
        page.objects = deleted
        return try render(page, context)
    }

    /// Deletes one object, or marks it.
    /// - Returns: the object as it was left, and whether it is gone.
    func delete(_ name: String, _ context: RequestContext, _ options: DeleteOptions) async throws(APIStatus)
        -> (object: JSONValue, isGone: Bool)
    {
        for _ in 0..<Limits.conflictRetries {
            guard let present = cache.get(context.storage, context.key(name)) else { throw context.notFound(name) }
            let old = context.kind.fromStorage(present.tree())
            try checkPreconditions(options, old, context)
            var new = old
            let isGone = try prepareDelete(&new, old, context, options)
            try await admitDelete(old, context, options)
            let left = new
            do {
                let done = try await judged(old: old, new: isGone ? nil : left, context, isDryRun: options.isDryRun) {
                    () async throws(APIStatus) -> JSONValue in
                    if options.isDryRun || (!isGone && left == old) {
                        try await settle(present.revision)
                        return left
                    }
                    return try await leave(left, old, present, context, isGone: isGone)
                }
                return (done, isGone)
            } catch {
                guard error.isLostRace else { throw error }
            }
        }
        throw context.lostRace(name)
    }

    /// Writes what a deletion leaves, or takes the object away.
    private func leave(
        _ left: JSONValue, _ old: JSONValue, _ present: CachedObject, _ context: RequestContext, isGone: Bool
    ) async throws(APIStatus) -> JSONValue {
        let key = "\(context.storage)/\(present.key)"
        let form = StoredForm(context.kind.toStorage(left))
        let operation: StoreOperation =
            isGone
            ? .delete(key: key, expected: .revision(present.revision))
            : .put(key: key, value: form.bytes, stampAt: form.stampAt, expected: .revision(present.revision))
        do {
            let revision = try await cache.commit([operation]).revision
            if isGone { releaseLeft(old: old, new: nil, context) }
            var stored = left
            stored["metadata"]?["resourceVersion"] = .string(String(revision))
            return stored
        } catch {
            guard error.code == .conflict else { throw Self.status(error) }
            throw context.lostRace(old.name)
        }
    }

    private func checkPreconditions(_ options: DeleteOptions, _ old: JSONValue, _ context: RequestContext)
        throws(APIStatus)
    {
        func refusal(_ what: String, _ given: String, _ found: String) -> APIStatus {
            .conflict(
                group: context.kind.group, resource: context.kind.kind.kind, name: old.name,
                "the \(what) in the precondition (\(given)) does not match the \(what) in record (\(found)). "
                    + "The object might have been deleted and then recreated")
        }
        if let uid = options.expectedUID, uid != old.uid { throw refusal("UID", uid, old.uid) }
        if let version = options.expectedVersion, version != old.resourceVersion {
            throw refusal("ResourceVersion", version, old.resourceVersion)
        }
    }

    /// Writes into `object` what its deletion does to it.
    /// - Returns: whether nothing keeps it.
    private func prepareDelete(
        _ object: inout JSONValue, _ old: JSONValue, _ context: RequestContext, _ options: DeleteOptions
    ) throws(APIStatus) -> Bool {
        let isPod = context.kind.plural == "pods"
        if isPod { markPod(&object, old, options) }
        var finalizers = old.finalizers
        if let propagation = options.propagation {
            finalizers.removeAll { $0 == "orphan" || $0 == "foregroundDeletion" }
            switch propagation {
            case .orphan: finalizers.append("orphan")
            case .foreground: finalizers.append("foregroundDeletion")
            case .background: break
            }
        }
        object["metadata"]?["finalizers"] = finalizers.isEmpty ? nil : .array(finalizers.map { .string($0) })
        let graceSeconds = isPod ? object[path: "metadata", "deletionGracePeriodSeconds"]?.integer ?? 0 : 0
        let isFinal = object.isFinalized(context.kind)
        if isFinal, graceSeconds == 0 { return true }
        if !object.isBeingDeleted {
            object["metadata"]?["deletionTimestamp"] = .string(clock.now.text)
            if context.kind.plural != "namespaces" { object["metadata"]?["deletionGracePeriodSeconds"] = 0 }
            bumpGeneration(&object)
        }
        if context.kind.plural == "namespaces" {
            if object["status"] == nil { object["status"] = [:] }
            object["status"]?["phase"] = "Terminating"
        }
        return false
    }

    private func bumpGeneration(_ object: inout JSONValue) {
        if let generation = object[path: "metadata", "generation"]?.integer, generation > 0 {
            object["metadata"]?["generation"] = .integer(generation + 1)
        }
    }

    /// A pod on a node that has not ended gets its grace period; a later delete can only shorten it.
    private func markPod(_ object: inout JSONValue, _ old: JSONValue, _ options: DeleteOptions) {
        let phase = old[path: "status", "phase"]?.string ?? ""
        let isBound = !(old[path: "spec", "nodeName"]?.string ?? "").isEmpty
        var seconds =
            options.gracePeriodSeconds ?? old[path: "spec", "terminationGracePeriodSeconds"]?.integer ?? 30
        if seconds < 0 { seconds = 1 }
        if !isBound || phase == "Succeeded" || phase == "Failed" { seconds = 0 }
        if old.isBeingDeleted {
            let running = old[path: "metadata", "deletionGracePeriodSeconds"]?.integer ?? 0
            guard options.gracePeriodSeconds != nil, seconds < running,
                let text = old[path: "metadata", "deletionTimestamp"]?.string, let ends = Timestamp(text)
            else { return }
            let moved = Timestamp(secondsSince1970: ends.secondsSince1970 - running + seconds)
            object["metadata"]?["deletionTimestamp"] = .string(moved.text)
            object["metadata"]?["deletionGracePeriodSeconds"] = .integer(seconds)
            return
        }
        let ends = Timestamp(secondsSince1970: clock.unixSeconds + seconds)
        object["metadata"]?["deletionTimestamp"] = .string(ends.text)
        object["metadata"]?["deletionGracePeriodSeconds"] = .integer(seconds)
        bumpGeneration(&object)
    }
}

extension ResourceDefinition {
    /// A delete answers the object rather than a Status.
    var showsDeleted: Bool { ["pods", "services", "serviceaccounts"].contains(plural) && group.isEmpty }
}
