package import JSONText

/// NodeDataplanes (`martlet.io`): a node's agent reports here what is in force; there is nothing to be wished for, so
/// no `spec`.
package enum NodeDataplaneRules: GeneratedStatusRules {
    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? { nil }

    package static var table: TableColumns {
        TableColumns(["Node", "Revision", "Generation", "Not enforced", "Fullest table", "Age"])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let status = object["status"]
        func number(_ name: String) -> JSONValue {
            .string(status?[name]?.integer.map(String.init) ?? "Unknown")
        }
        return [
            .string(object.name), number("enforcedRevision"), number("generation"), number("notEnforcedCount"),
            .string(fullest(status?["tables"]?.array ?? [])), .string(TableText.age(object, now)),
        ]
    }

    /// `classes 12%`: the table with the greatest share in use.
    private static func fullest(_ tables: [JSONValue]) -> String {
        let shares = tables.compactMap { table -> (name: String, percent: Int64)? in
            guard let name = table["name"]?.string, let used = table["used"]?.integer,
                let limit = table["limit"]?.integer, limit > 0
            else { return nil }
            return (name, used * 100 / limit)
        }
        return shares.max { $0.percent < $1.percent }.map { "\($0.name) \($0.percent)%" } ?? "Unknown"
    }
}
