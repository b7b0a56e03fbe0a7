import JSONText
import KubeObjects

/// Keeps `metadata.managedFields` through every write, and applies configurations (server-side apply).
struct FieldOwnership {
    let schema: Schema
    let type: Int
    let apiVersion: String
    let manager: String
    let subresource: String
    let now: Timestamp
    /// Paths that this writer never owns.
    let ignored: FieldSet

    init(
        type: Int, apiVersion: String, manager: String, subresource: String, now: Timestamp, resetFields: [[String]],
        schema: Schema = .builtin
    ) {
        self.type = type
        self.apiVersion = apiVersion
        self.manager = manager
        self.subresource = subresource
        self.now = now
        self.schema = schema
        var ignored = FieldSet()
        for path in resetFields { ignored.insert(path.map { PathElement.field($0) }) }
        self.ignored = ignored
    }

    /// `managedFields` of a client that wants no owners.
    static let reset: JSONValue = [.object([:])]

    /// What the server sets itself and nobody owns.
    private static let unowned: FieldSet = {
        var set = FieldSet()
        set.insert([.field("apiVersion")])
        set.insert([.field("kind")])
        set.insert([.field("metadata")])
        let names = [
            "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
            "resourceVersion",
        ]
        for name in names { set.insert([.field("metadata"), .field(name)]) }
        return set
    }()

    private func typed(_ object: JSONValue) -> TypedValue {
        var object = object
        object["metadata"]?["managedFields"] = nil
        return TypedValue(object, type: type, schema: schema)
    }

    private func id(_ operation: ManagedFields.Operation) -> ManagedFields.Manager {
        ManagedFields.Manager(
            name: manager, operation: operation, apiVersion: operation == .apply ? "" : apiVersion,
            subresource: subresource)
    }

    /// The object with the fields that an ordinary write changed now owned by its writer. `old` is nil for a new one.
    func updated(_ object: JSONValue, old: JSONValue?) -> JSONValue {
        let given = object["metadata"]?["managedFields"]
        let kept = old?["metadata"]?["managedFields"]
        var managed = ManagedFields(json: given) ?? ManagedFields()
        let isReset = given == Self.reset
        if managed.entries.isEmpty, !isReset { managed = ManagedFields(json: kept) ?? ManagedFields() }
        let before = typed(old ?? ObjectDecoder.zero(type, schema: schema))
        let difference = before.difference(to: typed(object))
        let me = id(.update)
        managed.take(difference, by: me)
        var set = difference.modified.union(difference.added).subtracting(Self.unowned)
        set = set.subtractingTrees(ignored)
        if !set.isEmpty {
            let own = managed.entries[me]?.set ?? FieldSet()
            managed.entries[me] = ManagedFields.Entry(set: own.union(set), time: now.text, apiVersion: apiVersion)
        }
        managed.capUpdates()
        return with(managed, object)
    }

    private func with(_ managed: ManagedFields, _ object: JSONValue) -> JSONValue {
        var object = object
        object["metadata"]?["managedFields"] = managed.entries.isEmpty ? nil : managed.json
        return object
    }

    /// The object after a configuration was applied, with owners. `object` is what is stored (or the empty object of
    /// the type); `configuration` holds only what the applier wants.
    func applied(_ configuration: JSONValue, to object: JSONValue, force: Bool) throws(APIStatus) -> JSONValue {
        var managed = ManagedFields(json: object["metadata"]?["managedFields"]) ?? ManagedFields()
        let live = typed(object)
        let config = typed(configuration)
        let me = id(.apply)
        let last = managed.entries[me]
        if managed.entries.isEmpty, !object.resourceVersion.isEmpty { adoptUnmanaged(live, &managed) }
        var merged = live.merged(with: config)
        let set = config.fields.subtracting(Self.unowned).subtractingTrees(ignored)
        // The configuration's name and namespace count here though nobody owns them: they hold `metadata` in place when
        // the last field that the applier had set below it goes.
        let kept = config.fields.subtractingTrees(ignored)
        managed.entries[me] = ManagedFields.Entry(set: kept, time: last?.time, apiVersion: apiVersion)
        if let last, !last.set.isEmpty { merged = prune(merged, managed, last.set) }
        managed.entries[me]?.set = set
        let result = merged.value
        let difference = live.difference(to: merged)
        if !force {
            let allowed = manager == LastApplied.manager ? allowedByLastApplied(object) : FieldSet()
            let conflicts = managed.conflicts(withoutIgnored(difference), for: me).map { other in
                (other.0, other.1, other.2.subtracting(allowed))
            }
            try refuseConflicts(conflicts.filter { !$0.2.isEmpty })
        }
        managed.take(withoutIgnored(difference), by: me)
        if !set.isEmpty {
            managed.entries[me] = ManagedFields.Entry(set: set, time: last?.time, apiVersion: apiVersion)
        }
        if live.value != result || (last != nil && last?.set != set) { managed.entries[me]?.time = now.text }
        return with(managed, result)
    }

    /// Fields that kubectl had applied on the client's side and that still are as it left them: they are its own.
    private func allowedByLastApplied(_ object: JSONValue) -> FieldSet {
        guard let text = LastApplied.text(object), let config = try? JSONValue(parsing: text) else { return FieldSet() }
        let before = typed(config)
        let difference = before.difference(to: typed(object))
        return before.fields.subtracting(difference.modified).subtracting(difference.added)
            .subtracting(difference.removed)
    }

    private func withoutIgnored(_ difference: TypedValue.Difference) -> TypedValue.Difference {
        guard !ignored.isEmpty else { return difference }
        var left = difference
        left.added = left.added.subtractingTrees(ignored)
        left.modified = left.modified.subtractingTrees(ignored)
        left.removed = left.removed.subtractingTrees(ignored)
        return left
    }

    /// An object that nobody wrote by the API keeps what it had under one name.
    private func adoptUnmanaged(_ live: TypedValue, _ managed: inout ManagedFields) {
        let set = live.fields.subtracting(Self.unowned)
        guard !set.isEmpty else { return }
        let manager = ManagedFields.Manager(
            name: "before-first-apply", operation: .update, apiVersion: apiVersion, subresource: "")
        managed.entries[manager] = ManagedFields.Entry(set: set, time: now.text, apiVersion: apiVersion)
    }

    /// Takes away what this applier had set and no longer sets, unless somebody else owns it.
    private func prune(_ merged: TypedValue, _ managed: ManagedFields, _ last: FieldSet) -> TypedValue {
        func named(_ set: FieldSet) -> FieldSet { set.withNamedFields(schema, merged.shape) }
        var owned = FieldSet()
        for entry in managed.entries.values { owned = owned.union(entry.set) }
        var pruned = merged.removing(named(last))
        let all = named(merged.fields)
        pruned = merged.removing(all.subtracting(named(pruned.fields).union(named(owned))))
        let left = named(pruned.fields)
        return merged.removing(all.subtracting(left).intersection(named(last)))
    }

    private func refuseConflicts(_ conflicts: [(ManagedFields.Manager, ManagedFields.Entry, FieldSet)])
        throws(APIStatus)
    {
        guard !conflicts.isEmpty else { return }
        var causes: [APIStatus.Cause] = []
        var groups: [(who: String, fields: [String])] = []
        for (manager, entry, set) in conflicts {
            var who = "\"\(manager.name)\""
            if !manager.subresource.isEmpty { who += " with subresource \"\(manager.subresource)\"" }
            if manager.operation == .update {
                who += " using \(entry.apiVersion)"
            }
            let fields = set.paths.map { $0.map(\.shown).joined() }
            groups.append((who, fields))
            causes += fields.map {
                APIStatus.Cause(reason: "FieldManagerConflict", message: "conflict with \(who)", field: $0)
            }
        }
        let count = causes.count
        var message = "Apply failed with \(count.counted("conflict")): "
        if count == 1 {
            message += "conflict with \(groups[0].who): \(groups[0].fields[0])"
        } else {
            message += groups.map { group in
                "conflicts with \(group.who):\n" + group.fields.map { "- \($0)" }.joined(separator: "\n")
            }.joined(separator: "\n")
        }
        throw APIStatus(
            code: 409, reason: "Conflict", message: message, details: APIStatus.Details(causes: causes))
    }
}
