package import JSONText

/// A table of an answer's `items`.
package enum ListView {
    /// Columns are members of the items; all members of the first where none are named.
    package static func text(_ answer: JSONValue, _ columns: [String] = []) -> String {
        let items = answer["items"]?.array ?? []
        guard let first = items.first else { return "none\n" }
        let shown = columns.isEmpty ? (first.object ?? [:]).keys.sorted() : columns
        var table = TextTable(columns: shown)
        for item in items { table.add(shown.map { cell(item[$0]) }) }
        return table.text
    }

    /// One member as text; empty where absent.
    package static func cell(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null: ""
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): "\(number)"
        case .bool(let flag): flag ? "yes" : "no"
        case .array(let elements): elements.isEmpty ? "none" : elements.map { cell($0) }.joined(separator: ",")
        case .object: ruleText(value) ?? value?.compactText ?? ""
        }
    }

    /// `shop/deny ingress[0]`, `shop/deny ingress isolation`, `ClusterNetworkPolicy guard egress[1] (no-db)`; nil for
    /// what is no rule.
    static func ruleText(_ value: JSONValue?) -> String? {
        guard let policy = value?["policy"]?.string, let direction = value?["direction"]?.string else { return nil }
        let index = value?["index"]?.integer.map { "[\($0)]" } ?? " isolation"
        let name = value?["name"]?.string.flatMap { $0.isEmpty ? nil : " (\($0))" } ?? ""
        return "\(prefix(ofKind: value))\(policy) \(direction)\(index)\(name)"
    }

    /// The kind of a policy, where it is none of the namespaced ones.
    static func prefix(ofKind value: JSONValue?) -> String {
        guard let kind = value?["kind"]?.string, kind != "NetworkPolicy" else { return "" }
        return "\(kind) "
    }
}
