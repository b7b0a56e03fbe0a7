import APIMachinery
import JSONText
import NetTypes
import Store

/// Replacing an object or a part of it: PUT, and where every patch ends.
extension APICore {
    func update(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "UpdateOptions")
        let body = try parseBody(context.request, typeName: context.kind.kind.kind, kind: context.kind.kind)
        var writer = ObjectWriter(writeRequest(context, options))
        let decoded = try writer.decode(body.value, duplicates: body.duplicates)
        let name = context.info.name
        let isNew = cache.get(context.storage, context.key(name)) == nil
        if isNew, context.info.subresource.isEmpty, context.kind.createsOnUpdate, decoded.resourceVersion.isEmpty {
            try requireCreate(context)
            let made = try await create(decoded, &writer, context, options)
            return try render(made, context, status: 201, warnings: writer.warnings)
        }
        let given = decoded.resourceVersion
        if given.isEmpty || given == "0", context.kind.needsVersionToUpdate {
            throw .invalid(
                group: context.kind.group, kind: context.kind.kind.kind, name: name,
                [.invalid("metadata.resourceVersion", 0, "must be specified for an update")])
        }
        let stored = try await replace(context, options, version: given, &writer) {
            (writer, old) throws(APIStatus) in try writer.beginUpdate(decoded, old: old)
        }
        return try render(stored, context, warnings: writer.warnings)
    }

    /// A PUT or an apply that makes an object needs the right to create it.
    func requireCreate(_ context: RequestContext) throws(APIStatus) {
        try authorizer.require(
            AccessAttributes(
                user: context.user, verb: "create", group: context.info.group, resource: context.info.resource,
                namespace: context.info.namespace))
    }

    /// Reads the present object, makes a new one of it, checks and stores that; again where another writer came
    /// between, unless the client named the version that it changes.
    /// - Parameter version: the resourceVersion that the client gave; empty when none.
    func replace(
        _ context: RequestContext, _ options: WriteOptions, version: String, _ writer: inout ObjectWriter,
        _ change: (inout ObjectWriter, JSONValue) throws(APIStatus) -> JSONValue
    ) async throws(APIStatus) -> JSONValue {
        let name = context.info.name
        for _ in 0..<Limits.conflictRetries {
            guard let present = cache.get(context.storage, context.key(name)) else { throw context.notFound(name) }
            let old = context.kind.fromStorage(present.tree())
            writer = ObjectWriter(writer.request)
            let new = try change(&writer, old)
            do {
                return try await replaceOnce(new, old, present, context, options, &writer)
            } catch {
                // Only a lost race is worth another try, and only where the client named no version.
                guard error.isLostRace, version.isEmpty || version == "0" else { throw error }
            }
        }
        throw context.lostRace(name)
    }

    private func replaceOnce(
        _ given: JSONValue, _ old: JSONValue, _ present: CachedObject, _ context: RequestContext,
        _ options: WriteOptions, _ writer: inout ObjectWriter
    ) async throws(APIStatus) -> JSONValue {
        var new = given
        try await admit(&new, old: old, context, options)
        new = try writer.finishUpdate(new, old: old)
        try authorizer.checkEscalation(new, old: old, info: context.info, user: context.user)
        let reserved = try reserve(for: &new, old: old, context)
        let changed = new
        do {
            return try await judged(
                old: old, new: isFinished(changed, old, context) ? nil : changed, context, isDryRun: options.isDryRun
            ) { () async throws(APIStatus) -> JSONValue in
                guard !options.isDryRun, changed != old else {
                    try await settle(present.revision)
                    release(reserved)
                    return changed
                }
                return try await put(changed, old, present, context)
            }
        } catch {
            release(reserved)
            throw error
        }
    }

    /// Before an answer without a write of its own: nobody outside hears of a revision that is not on the disk.
    func settle(_ revision: Int64) async throws(APIStatus) {
        do { try await cache.settle(revision) } catch { throw Self.status(error) }
    }

    /// The same for an answer that may tell of anything in the present state; who is inside may know it.
    func settle(for viewer: Viewer) async throws(APIStatus) {
        if viewer == .outside { try await settle(cache.revision) }
    }

    /// Whether nothing keeps an object that is being deleted.
    private func isFinished(_ new: JSONValue, _ old: JSONValue, _ context: RequestContext) -> Bool {
        old.isBeingDeleted && new.isFinalized(context.kind) && context.kind.graceIsOver(new)
    }

    private func put(_ new: JSONValue, _ old: JSONValue, _ present: CachedObject, _ context: RequestContext)
        async throws(APIStatus) -> JSONValue
    {
        let key = "\(context.storage)/\(present.key)"
        let isFinished = isFinished(new, old, context)
        let form = StoredForm(context.kind.toStorage(new))
        let operation: StoreOperation =
            isFinished
            ? .delete(key: key, expected: .revision(present.revision))
            : .put(
                key: key, value: form.bytes, stampAt: form.stampAt, expected: .revision(present.revision))
        if let transaction = context.transaction {
            try transaction.stage(new, [operation], context, replacing: old)
            return new
        }
        do {
            let revision = try await cache.commit([operation]).revision
            releaseLeft(old: old, new: isFinished ? nil : new, context)
            var stored = new
            stored["metadata"]?["resourceVersion"] = .string(String(revision))
            return stored
        } catch {
            guard error.code == .conflict else { throw Self.status(error) }
            guard error.current != nil else { throw context.notFound(new.name) }
            throw context.lostRace(new.name)
        }
    }
}

extension JSONValue {
    /// No finalizer keeps the object: neither in its metadata nor, for namespaces, in its spec.
    func isFinalized(_ kind: ResourceDefinition) -> Bool {
        guard finalizers.isEmpty else { return false }
        guard kind.plural == "namespaces" else { return true }
        return (self[path: "spec", "finalizers"]?.array ?? []).isEmpty
    }
}

extension ResourceDefinition {
    /// A PUT of an object that is not there makes it.
    var createsOnUpdate: Bool {
        group == "rbac.authorization.k8s.io" || ["events", "leases", "services"].contains(plural)
    }

    /// A PUT has to say which version it replaces.
    var needsVersionToUpdate: Bool { plural == "leases" }

    /// A pod stays until its grace period is over, other kinds have none.
    func graceIsOver(_ object: JSONValue) -> Bool {
        guard plural == "pods" else { return true }
        return object[path: "metadata", "deletionGracePeriodSeconds"]?.integer ?? 0 == 0
    }
}
