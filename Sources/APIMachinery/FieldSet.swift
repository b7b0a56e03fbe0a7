package import JSONText

/// One step of a path to a field that has an owner (structured-merge-diff, `fieldsV1`).
package enum PathElement: Hashable, Sendable {
    /// `f:name`
    case field(String)
    /// `k:{"name":"c"}`: an element of a list by its keys.
    case key([String: JSONValue])
    /// `v:"a"`: an element of a set.
    case value(JSONValue)
    /// `i:0`
    case index(Int)

    /// As `fieldsV1` spells it.
    package var text: String {
        switch self {
        case .field(let name): return "f:" + name
        case .key(let keys): return "k:" + plain(.object(keys))
        case .value(let value): return "v:" + plain(value)
        case .index(let index): return "i:\(index)"
        }
    }

    package init?(text: String) {
        let rest = String(text.dropFirst(2))
        switch text.prefix(2) {
        case "f:": self = .field(rest)
        case "k:":
            guard case .object(let keys)? = try? JSONValue(parsing: rest) else { return nil }
            self = .key(keys)
        case "v:":
            guard let value = try? JSONValue(parsing: rest) else { return nil }
            self = .value(value)
        case "i:":
            guard let index = Int(rest) else { return nil }
            self = .index(index)
        default: return nil
        }
    }

    private func plain(_ value: JSONValue) -> String {
        String(decoding: JSONPrinter(escapesHTML: false).bytes(value), as: UTF8.self)
    }

    /// As conflicts show it: `.name`, `[name="c"]`, `[="a"]`, `[0]`.
    package var shown: String {
        switch self {
        case .field(let name): return "." + name
        case .key(let keys):
            return "[" + keys.sorted { $0.key < $1.key }.map { "\($0.key)=\(plain($0.value))" }.joined(separator: ",")
                + "]"
        case .value(let value): return "[=\(plain(value))]"
        case .index(let index): return "[\(index)]"
        }
    }
}

/// A set of paths. A path may be a member and have members below it.
package struct FieldSet: Hashable, Sendable {
    package private(set) var members: Set<PathElement> = []
    package private(set) var children: [PathElement: FieldSet] = [:]

    package init() {}

    package var isEmpty: Bool { members.isEmpty && children.values.allSatisfy(\.isEmpty) }

    package mutating func insert(_ path: some Collection<PathElement>) {
        guard let first = path.first else { return }
        if path.count == 1 {
            members.insert(first)
        } else {
            children[first, default: FieldSet()].insert(path.dropFirst())
        }
    }

    package func contains(_ path: some Collection<PathElement>) -> Bool {
        guard let first = path.first else { return false }
        if path.count == 1 { return members.contains(first) }
        return children[first]?.contains(path.dropFirst()) ?? false
    }

    /// What stands below one step.
    package func below(_ element: PathElement) -> FieldSet { children[element] ?? FieldSet() }

    package func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.members.formUnion(other.members)
        for (element, child) in other.children {
            result.children[element] = result.children[element]?.union(child) ?? child
        }
        return result
    }

    package func subtracting(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.subtracting(other.members)
        for (element, child) in children {
            let left = other.children[element].map { child.subtracting($0) } ?? child
            if !left.isEmpty { result.children[element] = left }
        }
        return result
    }

    /// Without the other's members and all that stands below them.
    package func subtractingTrees(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.subtracting(other.members)
        for (element, child) in children where !other.members.contains(element) {
            let left = other.children[element].map { child.subtractingTrees($0) } ?? child
            if !left.isEmpty { result.children[element] = left }
        }
        return result
    }

    package func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.members = members.intersection(other.members)
        for (element, child) in children {
            guard let theirs = other.children[element] else { continue }
            let both = child.intersection(theirs)
            if !both.isEmpty { result.children[element] = both }
        }
        return result
    }

    /// Every member's path, sorted as `fieldsV1` would list them.
    package var paths: [[PathElement]] {
        let elements = members.union(children.keys).sorted { $0.text < $1.text }
        var result: [[PathElement]] = []
        for element in elements {
            if members.contains(element) { result.append([element]) }
            if let child = children[element] { result += child.paths.map { [element] + $0 } }
        }
        return result
    }

    /// Named fields of a structure become members where only something below them was.
    func withNamedFields(_ schema: Schema, _ shape: FieldShape) -> FieldSet {
        var result = self
        for (element, child) in children {
            let below = shape.below(element, schema)
            if case .field(let name) = element, case .structure(let type) = shape, schema[type].field(name) != nil {
                result.members.insert(element)
            }
            result.children[element] = child.withNamedFields(schema, below)
        }
        return result
    }
}

extension FieldSet {
    /// The tree of `fieldsV1`.
    package var json: JSONValue {
        var tree: [String: JSONValue] = [:]
        for element in members where children[element]?.isEmpty ?? true { tree[element.text] = .object([:]) }
        for (element, child) in children where !child.isEmpty {
            guard case .object(var below) = child.json else { continue }
            if members.contains(element) { below["."] = .object([:]) }
            tree[element.text] = .object(below)
        }
        return .object(tree)
    }

    /// Reads a tree of `fieldsV1`; nil where a key cannot be read.
    package init?(json: JSONValue) {
        guard case .object(let tree) = json else { return nil }
        for (text, below) in tree where text != "." {
            guard let element = PathElement(text: text), let child = FieldSet(json: below) else { return nil }
            if below.members.isEmpty || below["."] != nil { members.insert(element) }
            if !child.isEmpty { children[element] = child }
        }
    }
}
