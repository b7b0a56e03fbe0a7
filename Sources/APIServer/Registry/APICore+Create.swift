import APIMachinery
import JSONText
import NetTypes
import Store

/// Creates.
extension APICore {
    func create(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "CreateOptions")
        let body = try parseBody(context.request, typeName: context.kind.kind.kind, kind: context.kind.kind)
        var writer = ObjectWriter(writeRequest(context, options))
        let decoded = try writer.decode(body.value, duplicates: body.duplicates)
        let made = try await create(decoded, &writer, context, options)
        return try render(made, context, status: 201, warnings: writer.warnings)
    }

    func writeRequest(_ context: RequestContext, _ options: WriteOptions) -> WriteRequest {
        var request = WriteRequest(
            context.kind, subresource: context.info.subresource,
            namespace: context.kind.isNamespaced ? context.info.namespace : "", name: context.info.name,
            manager: options.fieldManager, now: clock.now, uid: Self.uuid(), nameSuffix: Self.nameSuffix())
        request.isForced = options.isForced
        request.fieldValidation = options.fieldValidation
        request.context.services = ranges
        return request
    }

    /// Makes an object of a decoded tree, and answers it as it was stored (or would have been).
    func create(
        _ decoded: JSONValue, _ writer: inout ObjectWriter, _ context: RequestContext, _ options: WriteOptions
    ) async throws(APIStatus) -> JSONValue {
        let object = try writer.beginCreate(decoded)
        return try await store(object, &writer, context, options)
    }

    /// The rest of a create, from admission on.
    func store(
        _ given: JSONValue, _ writer: inout ObjectWriter, _ context: RequestContext, _ options: WriteOptions
    ) async throws(APIStatus) -> JSONValue {
        let namespaceKey = try checkNamespaceAccepts(context)
        var object = given
        try await admit(&object, old: nil, context, options)
        let isGenerated = object.name.isEmpty
        for attempt in 0..<Limits.conflictRetries {
            var fresh = try writer.finishCreate(object)
            try authorizer.checkEscalation(fresh, old: nil, info: context.info, user: context.user)
            let reserved = try reserve(for: &fresh, old: nil, context)
            do {
                let made = fresh
                return try await judged(old: nil, new: made, context, isDryRun: options.isDryRun) {
                    () async throws(APIStatus) -> JSONValue in
                    guard options.isDryRun, context.transaction == nil else {
                        return try await insert(made, context, namespaceKey: namespaceKey)
                    }
                    try checkAbsent(made.name, context)
                    try await settle(for: context.request.viewer)
                    release(reserved)
                    return made
                }
            } catch {
                release(reserved)
                guard isGenerated, attempt + 1 < Limits.conflictRetries, error.reason == "AlreadyExists" else {
                    throw error
                }
                writer = ObjectWriter(writeRequest(context, options))
            }
        }
        throw .internalError("no free name was found for \(object.generateName)")
    }

    private func checkAbsent(_ name: String, _ context: RequestContext) throws(APIStatus) {
        if cache.get(context.storage, context.key(name)) != nil {
            throw .alreadyExists(group: context.kind.group, resource: context.kind.plural, name: name)
        }
    }

    private func insert(_ object: JSONValue, _ context: RequestContext, namespaceKey: String?)
        async throws(APIStatus) -> JSONValue
    {
        let form = StoredForm(context.kind.toStorage(object))
        var operations: [StoreOperation] = [
            .put(
                key: "\(context.storage)/\(context.key(object.name))", value: form.bytes, stampAt: form.stampAt,
                expected: .absent)
        ]
        if let namespaceKey { operations.append(.check(key: namespaceKey, expected: .present)) }
        if let transaction = context.transaction {
            try transaction.stage(object, operations, context)
            return object
        }
        let revision: Int64
        do {
            revision = try await cache.commit(operations).revision
        } catch {
            if error.code == .conflict {
                if error.current == nil, namespaceKey != nil {
                    throw .notFound(group: "", resource: "namespaces", name: context.info.namespace)
                }
                throw .alreadyExists(group: context.kind.group, resource: context.kind.plural, name: object.name)
            }
            throw Self.status(error)
        }
        var stored = object
        stored["metadata"]?["resourceVersion"] = .string(String(revision))
        return stored
    }

    /// The namespace has to be there and not on its way out.
    /// - Returns: its key, which the write checks again.
    func checkNamespaceAccepts(_ context: RequestContext) throws(APIStatus) -> String? {
        guard context.kind.isNamespaced else { return nil }
        let name = context.info.namespace
        if context.transaction?.staged(StorageName.namespaces, name) != nil { return nil }
        guard let namespace = cache.get(StorageName.namespaces, name) else {
            throw .notFound(group: "", resource: "namespaces", name: name)
        }
        if namespace.tree().isBeingDeleted {
            throw APIStatus(
                code: 403, reason: "Forbidden",
                message: "\(context.kind.plural) is forbidden: unable to create new content in namespace \(name) "
                    + "because it is being terminated",
                details: .init(
                    group: context.kind.group, kind: context.kind.plural,
                    causes: [
                        .init(
                            reason: "NamespaceTerminating", message: "namespace \(name) is being terminated",
                            field: "metadata.namespace")
                    ]))
        }
        return "\(StorageName.namespaces)/\(name)"
    }

    private static let nameLetters = Array("bcdfghjklmnpqrstvwxz2456789")

    /// Five random letters; vowels and look-alikes are left out.
    static func nameSuffix() -> String {
        String((0..<5).map { _ in nameLetters[Int.random(in: 0..<nameLetters.count)] })
    }

    /// A random UUID (RFC 9562, version 4).
    static func uuid() -> String {
        let high = UInt64.random(in: 0...UInt64.max) & 0xffff_ffff_ffff_0fff | 0x4000
        let low = UInt64.random(in: 0...UInt64.max) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        func digits(_ value: UInt64, _ count: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: count - text.count) + text
        }
        return "\(digits(high >> 32, 8))-\(digits(high >> 16 & 0xffff, 4))-\(digits(high & 0xffff, 4))-"
            + "\(digits(low >> 48, 4))-\(digits(low & 0xffff_ffff_ffff, 12))"
    }

    /// The store's refusals as the API tells them.
    static func status(_ error: StoreError) -> APIStatus {
        switch error.code {
        case .conflict: .internalError("a conflict in the store: \(error.message)")
        case .diskFull, .stateFull:
            APIStatus(
                code: 507, reason: "InsufficientStorage", message: "the store takes no more: \(error.message)",
                details: .init())
        case .overloaded: .tooManyRequests
        case .closed: .unavailable(error.message)
        case .tooOld: .expired(error.message)
        case .future, .invalid, .corrupt, .inUse, .system: .internalError(error.message)
        }
    }
}

extension JSONValue {
    var generateName: String { self[path: "metadata", "generateName"]?.string ?? "" }
}
