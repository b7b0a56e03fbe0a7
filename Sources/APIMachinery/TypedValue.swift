import JSONText

/// An object seen by the shape of its type: what it holds, what differs from another, merged and pruned
/// (structured-merge-diff's rules).
struct TypedValue {
    let schema: Schema
    let shape: FieldShape
    var value: JSONValue

    init(_ value: JSONValue, type: Int, schema: Schema) {
        self.value = value
        self.schema = schema
        shape = .structure(type)
    }

    private init(_ value: JSONValue, _ shape: FieldShape, _ schema: Schema) {
        self.value = value
        self.shape = shape
        self.schema = schema
    }

    // MARK: What it holds

    /// All fields that are set.
    var fields: FieldSet {
        var set = FieldSet()
        Self.collect(value, shape, schema, [], &set)
        return set
    }

    private static func collect(
        _ value: JSONValue, _ shape: FieldShape, _ schema: Schema, _ path: [PathElement], _ set: inout FieldSet
    ) {
        switch shape {
        case .scalar, .atomic: set.insert(path)
        case .structure, .map:
            guard case .object(let members) = value else {
                if !path.isEmpty { set.insert(path) }
                return
            }
            for (name, member) in members {
                let element = PathElement.field(name)
                let below = shape.below(element, schema)
                collect(member, below, schema, path + [element], &set)
                if member.isNull || member.object?.isEmpty == true { set.insert(path + [element]) }
                if case .map = shape { set.insert(path + [element]) }
            }
        case .set, .list:
            for (element, entries) in named(value, shape, schema) {
                if entries.count == 1 {
                    collect(entries[0], shape.below(element, schema), schema, path + [element], &set)
                }
                set.insert(path + [element])
            }
        }
    }

    // MARK: What differs

    struct Difference {
        var added = FieldSet()
        var modified = FieldSet()
        var removed = FieldSet()
    }

    func difference(to new: TypedValue) -> Difference {
        var difference = Difference()
        Self.compare(value, new.value, shape, schema, [], &difference)
        return difference
    }

    private static func leaf(
        _ old: JSONValue?, _ new: JSONValue?, _ path: [PathElement], _ difference: inout Difference
    ) {
        if old == nil {
            difference.added.insert(path)
        } else if new == nil {
            difference.removed.insert(path)
        } else if old != new {
            difference.modified.insert(path)
        }
    }

    private static func compare(
        _ old: JSONValue?, _ new: JSONValue?, _ shape: FieldShape, _ schema: Schema, _ path: [PathElement],
        _ difference: inout Difference
    ) {
        let oldCount = old?.object?.count ?? old?.array?.count ?? 0
        let newCount = new?.object?.count ?? new?.array?.count ?? 0
        switch shape {
        case .scalar, .atomic: return leaf(old, new, path, &difference)
        case .structure, .map:
            if oldCount == 0 && newCount == 0 { return leaf(old, new, path, &difference) }
            let olds = old?.object ?? [:]
            let news = new?.object ?? [:]
            for name in Set(olds.keys).union(news.keys) {
                let element = PathElement.field(name)
                compare(
                    olds[name], news[name], shape.below(element, schema), schema, path + [element], &difference)
            }
        case .set, .list:
            if oldCount == 0 && newCount == 0 { return leaf(old, new, path, &difference) }
            let olds = named(old, shape, schema)
            let news = named(new, shape, schema)
            for element in Set(olds.keys).union(news.keys) {
                let (before, after) = (olds[element], news[element])
                if before?.count ?? 0 > 1 || after?.count ?? 0 > 1 {
                    leaf(before.map { .array($0) }, after.map { .array($0) }, path + [element], &difference)
                    continue
                }
                let below = shape.below(element, schema)
                compare(before?.first, after?.first, below, schema, path + [element], &difference)
            }
        }
        if old == nil { difference.added.insert(path) }
        if new == nil { difference.removed.insert(path) }
    }

    /// A list's elements by name; several where a name stands twice: these are seen as one.
    private static func named(_ list: JSONValue?, _ shape: FieldShape, _ schema: Schema) -> [PathElement: [JSONValue]] {
        var found: [PathElement: [JSONValue]] = [:]
        for (index, entry) in (list?.array ?? []).enumerated() {
            found[shape.element(entry, at: index, schema), default: []].append(entry)
        }
        return found
    }

    // MARK: Merge

    /// This object with the other's fields laid over it.
    func merged(with other: TypedValue) -> TypedValue {
        TypedValue(Self.merge(value, other.value, shape, schema), shape, schema)
    }

    private static func merge(_ old: JSONValue?, _ new: JSONValue?, _ shape: FieldShape, _ schema: Schema) -> JSONValue
    {
        guard let new else { return old ?? .null }
        guard let old else { return new }
        switch shape {
        case .scalar, .atomic: return new
        case .structure, .map:
            guard case .object(var members) = old, case .object(let over) = new else { return new }
            for (name, member) in over {
                members[name] = merge(members[name], member, shape.below(.field(name), schema), schema)
            }
            return .object(members)
        case .set, .list:
            guard case .array(let olds) = old, case .array(let news) = new else { return new }
            return .array(mergeLists(olds, news, shape, schema))
        }
    }

    /// Elements of only the old list keep their place; the others follow the new list's order.
    private static func mergeLists(
        _ olds: [JSONValue], _ news: [JSONValue], _ shape: FieldShape, _ schema: Schema
    ) -> [JSONValue] {
        let oldNames = olds.enumerated().map { shape.element($1, at: $0, schema) }
        let newNames = news.enumerated().map { shape.element($1, at: $0, schema) }
        let oldByName = Dictionary(zip(oldNames, olds), uniquingKeysWith: { first, _ in first })
        let newSet = Set(newNames)
        let shared = newNames.filter { oldByName[$0] != nil }
        var nextShared = 0
        var result: [JSONValue] = []
        var oldAt = 0
        var newAt = 0
        while oldAt < olds.count || newAt < news.count {
            if oldAt < olds.count {
                let name = oldNames[oldAt]
                if !newSet.contains(name) {
                    result.append(olds[oldAt])
                    oldAt += 1
                    continue
                }
                if nextShared >= shared.count || shared[nextShared] != name || newAt >= news.count {
                    oldAt += 1
                    continue
                }
            }
            guard newAt < news.count else { continue }
            let name = newNames[newAt]
            result.append(merge(oldByName[name], news[newAt], shape.below(name, schema), schema))
            if oldAt < olds.count, oldNames[oldAt] == name { oldAt += 1 }
            if nextShared < shared.count, shared[nextShared] == name { nextShared += 1 }
            newAt += 1
        }
        return result
    }

    // MARK: Prune

    /// Without the paths of a set.
    func removing(_ set: FieldSet) -> TypedValue {
        TypedValue(Self.remove(set, from: value, shape, schema), shape, schema)
    }

    private static func remove(_ set: FieldSet, from value: JSONValue, _ shape: FieldShape, _ schema: Schema)
        -> JSONValue
    {
        switch shape {
        case .scalar, .atomic: return value
        case .structure, .map:
            guard case .object(let members) = value, !members.isEmpty else { return value }
            var left: [String: JSONValue] = [:]
            for (name, member) in members {
                let element = PathElement.field(name)
                guard !set.members.contains(element) else { continue }
                let below = set.below(element)
                left[name] = below.isEmpty ? member : remove(below, from: member, shape.below(element, schema), schema)
            }
            return left.isEmpty ? .null : .object(left)
        case .set, .list:
            guard case .array(let elements) = value, !elements.isEmpty else { return value }
            var left: [JSONValue] = []
            for (index, entry) in elements.enumerated() {
                let element = shape.element(entry, at: index, schema)
                guard !set.members.contains(element) else { continue }
                let below = set.below(element)
                left.append(below.isEmpty ? entry : remove(below, from: entry, shape.below(element, schema), schema))
            }
            return left.isEmpty ? .null : .array(left)
        }
    }
}
