import JSONText

/// Who owns which fields of an object: `metadata.managedFields`.
struct ManagedFields {
    enum Operation: String {
        case apply = "Apply"
        case update = "Update"
    }

    struct Manager: Hashable {
        let name: String
        let operation: Operation
        let apiVersion: String
        let subresource: String
    }

    struct Entry {
        var set: FieldSet
        var time: String?
        /// An applied entry keeps the version it was applied with.
        var apiVersion: String
    }

    /// Entries of writers that did not apply; the oldest beyond are folded into one.
    static let updateEntriesMax = 10

    var entries: [Manager: Entry] = [:]

    init() {}

    /// Reads `metadata.managedFields`; nil where it cannot be read.
    init?(json: JSONValue?) {
        for item in json?.array ?? [] {
            guard let operation = Operation(rawValue: item.text("operation")), item.text("fieldsType") == "FieldsV1",
                let set = FieldSet(json: item["fieldsV1"] ?? .object([:]))
            else { return nil }
            let version = item.text("apiVersion")
            let manager = Manager(
                name: item.text("manager"), operation: operation, apiVersion: operation == .apply ? "" : version,
                subresource: item.text("subresource"))
            entries[manager] = Entry(set: set, time: item["time"]?.string, apiVersion: version)
        }
    }

    /// Sorted by operation, time, name.
    var json: JSONValue {
        let sorted = entries.sorted { left, right in
            let a = left.key
            let b = right.key
            if a.operation != b.operation { return a.operation == .apply }
            let times = (left.value.time ?? "", right.value.time ?? "")
            if times.0 != times.1 { return times.0 < times.1 }
            if a.name != b.name { return a.name < b.name }
            if left.value.apiVersion != right.value.apiVersion { return left.value.apiVersion < right.value.apiVersion }
            return a.subresource < b.subresource
        }
        return .array(sorted.map { Self.json($0.key, $0.value) })
    }

    private static func json(_ manager: Manager, _ entry: Entry) -> JSONValue {
        var item: [String: JSONValue] = [
            "operation": .string(manager.operation.rawValue), "apiVersion": .string(entry.apiVersion),
            "fieldsType": "FieldsV1", "fieldsV1": entry.set.json,
        ]
        if !manager.name.isEmpty { item["manager"] = .string(manager.name) }
        if let time = entry.time { item["time"] = .string(time) }
        if !manager.subresource.isEmpty { item["subresource"] = .string(manager.subresource) }
        return .object(item)
    }

    /// Takes from all others what `manager` now sets, and from everybody what is gone.
    mutating func take(_ difference: TypedValue.Difference, by manager: Manager) {
        let touched = difference.modified.union(difference.added)
        for (other, entry) in entries {
            let left = other == manager ? entry.set : entry.set.subtracting(touched)
            entries[other]?.set = left.subtracting(difference.removed)
        }
        entries = entries.filter { !$0.value.set.isEmpty }
    }

    /// Fields that others own and that the difference would change.
    func conflicts(_ difference: TypedValue.Difference, for manager: Manager) -> [(Manager, Entry, FieldSet)] {
        let touched = difference.modified.union(difference.added)
        var found: [(Manager, Entry, FieldSet)] = []
        for (other, entry) in entries where other != manager {
            let both = entry.set.intersection(touched)
            if !both.isEmpty { found.append((other, entry, both)) }
        }
        return found.sorted { ($0.0.name, $0.1.apiVersion) < ($1.0.name, $1.1.apiVersion) }
    }

    /// Folds the oldest update entries into one, so that an object does not grow with its writers.
    mutating func capUpdates() {
        let updates = entries.filter { $0.key.operation == .update }
        guard updates.count > Self.updateEntriesMax else { return }
        let oldest = updates.sorted {
            ($0.value.time ?? "", $0.key.name) < ($1.value.time ?? "", $1.key.name)
        }.prefix(updates.count - Self.updateEntriesMax + 1)
        for (manager, entry) in oldest {
            entries[manager] = nil
            let bucket = Manager(
                name: "ancient-changes", operation: .update, apiVersion: manager.apiVersion, subresource: "")
            let before = entries[bucket]?.set ?? FieldSet()
            entries[bucket] = Entry(set: before.union(entry.set), time: entry.time, apiVersion: entry.apiVersion)
        }
    }
}
