import JSONText

/// Strategic merge patch: lists with a merge key are merged by it; `$patch`, `$retainKeys`,
/// `$deleteFromPrimitiveList` and `$setElementOrder` direct the rest.
struct StrategicMerge {
    let schema: Schema

    func apply(_ patch: JSONValue, to target: JSONValue, type: Int) throws(APIStatus) -> JSONValue {
        let members = try merge(patch.members, into: target.members, type: type)
        return .object(members)
    }

    private static let directive = "$patch"
    private static let retainKeys = "$retainKeys"
    private static let deletePrefix = "$deleteFromPrimitiveList/"
    private static let orderPrefix = "$setElementOrder/"

    /// `type` is nil inside of maps and free trees: then everything merges like JSON merge patch, lists are replaced.
    private func merge(_ patch: [String: JSONValue], into target: [String: JSONValue], type: Int?) throws(APIStatus)
        -> [String: JSONValue]
    {
        var patch = patch
        if let directive = patch.removeValue(forKey: Self.directive) {
            switch directive.string {
            case "replace": return patch
            case "delete": return [:]
            case "merge": break
            default: throw .badRequest("Unknown patch type found: \(directive.compactText)")
            }
        }
        var result = target
        if case .array(let kept)? = patch.removeValue(forKey: Self.retainKeys) {
            let names = Set(kept.compactMap(\.string))
            for name in patch.keys where !names.contains(name) && !name.hasPrefix("$") {
                throw .badRequest("invalid map: all fields of a patch must be present in $retainKeys")
            }
            result = result.filter { names.contains($0.key) }
        }
        var lists = Set<String>()
        for name in patch.keys {
            if name.hasPrefix(Self.deletePrefix) {
                lists.insert(String(name.dropFirst(Self.deletePrefix.count)))
            } else if name.hasPrefix(Self.orderPrefix) {
                lists.insert(String(name.dropFirst(Self.orderPrefix.count)))
            }
        }
        for name in lists {
            try mergeList(
                name, patch[name], into: &result, field: type.flatMap { schema[$0].field(name) },
                deleted: patch[Self.deletePrefix + name]?.array, order: patch[Self.orderPrefix + name]?.array)
        }
        for (name, value) in patch where !lists.contains(name) && !isDirective(name) {
            try mergeMember(name, value, into: &result, field: type.flatMap { schema[$0].field(name) })
        }
        return result
    }

    private func isDirective(_ name: String) -> Bool {
        name.hasPrefix(Self.deletePrefix) || name.hasPrefix(Self.orderPrefix)
    }

    private func mergeMember(
        _ name: String, _ value: JSONValue, into result: inout [String: JSONValue], field: SchemaField?
    ) throws(APIStatus) {
        switch value {
        case .null: result[name] = nil
        case .object(let members):
            var below: Int?
            if case .message(let index)? = field?.type { below = index }
            if members[Self.directive] == "replace", result[name] == nil {
                // The reference server leaves out what it should replace and cannot find.
                return
            }
            if members[Self.directive] == "replace" {
                result[name] = .object(members.filter { $0.key != Self.directive })
                return
            }
            if members[Self.directive] == "delete" {
                result[name] = nil
                return
            }
            result[name] = .object(try merge(members, into: result[name]?.members ?? [:], type: below))
        case .array: try mergeList(name, value, into: &result, field: field, deleted: nil, order: nil)
        case .bool, .integer, .number, .string: result[name] = value
        }
    }

    private func mergeList(
        _ name: String, _ value: JSONValue?, into result: inout [String: JSONValue], field: SchemaField?,
        deleted: [JSONValue]?, order: [JSONValue]?
    ) throws(APIStatus) {
        if let value, value.isNull {
            result[name] = nil
            return
        }
        let changes = value?.array ?? []
        guard let field, field.patchMerges, case .list(let element) = field.type else {
            if value != nil { result[name] = .array(changes) }
            return
        }
        let current = result[name]?.array ?? []
        var merged: [JSONValue]
        let key = field.mergeKey
        if let key, case .message(let type) = element {
            merged = try mergeKeyed(changes, into: current, key: key, type: type, name: name)
        } else {
            let gone = Set(deleted ?? [])
            merged = current.filter { !gone.contains($0) }
            for item in changes where !merged.contains(item) { merged.append(item) }
        }
        merged = Self.ordered(merged, by: order ?? changes, key: key, before: current)
        result[name] = .array(merged)
    }

    private func mergeKeyed(
        _ changes: [JSONValue], into current: [JSONValue], key: String, type: Int, name: String
    ) throws(APIStatus) -> [JSONValue] {
        if changes.contains(where: { $0[Self.directive] == "replace" && $0.members.count == 1 }) {
            return changes.filter { $0[Self.directive] == nil }
        }
        var result = current
        for change in changes {
            guard case .object(let members) = change else {
                throw .badRequest("expected an object in the list \(name)")
            }
            guard let id = members[key] else {
                throw .badRequest("map: \(change.compactText) does not contain declared merge key: \(key)")
            }
            if members[Self.directive] == "delete" {
                result.removeAll { $0[key] == id }
                continue
            }
            if let index = result.firstIndex(where: { $0[key] == id }) {
                result[index] = .object(try merge(members, into: result[index].members, type: type))
            } else {
                result.append(.object(try merge(members.filter { $0.key != Self.directive }, into: [:], type: type)))
            }
        }
        return result
    }

    /// Listed elements in the given order, new ones first; the others keep their place among what stood before.
    private static func ordered(_ list: [JSONValue], by order: [JSONValue], key: String?, before: [JSONValue])
        -> [JSONValue]
    {
        func id(_ value: JSONValue) -> JSONValue { key.flatMap { value[$0] } ?? value }
        var rank: [JSONValue: Int] = [:]
        for (index, item) in order.enumerated() { rank[id(item)] = index }
        let listed = list.filter { rank[id($0)] != nil }.sorted { rank[id($0), default: 0] < rank[id($1), default: 0] }
        let others = list.filter { rank[id($0)] == nil }
        var place: [JSONValue: Int] = [:]
        for (index, item) in before.enumerated() { place[id(item)] = index }
        var result: [JSONValue] = []
        var rest = others[...]
        for item in listed {
            while let other = rest.first, let at = place[id(other)], let mine = place[id(item)], at < mine {
                result.append(other)
                rest.removeFirst()
            }
            result.append(item)
        }
        return result + rest
    }
}
