package import JSONText

/// The columns of a kind's table, as `kubectl get` shows them.
package struct TableColumns: Sendable {
    package struct Column: Sendable, Hashable {
        package let name: String
        package let type: String
        package let format: String
        /// 1 is shown with `-o wide` only.
        package let priority: Int
        package let description: String
    }

    package let columns: [Column]
    /// Where the rows of an empty list are null, not empty: kinds without columns of their own.
    package var isPlain = false

    init(_ columns: [Column]) { self.columns = columns }

    /// `names` are shown always, `wide` with `-o wide`; the first is the name.
    init(_ names: [String], wide: [String] = []) {
        columns =
            names.enumerated().map { Self.column($1, $0 == 0 ? "name" : "", 0) } + wide.map { Self.column($0, "", 1) }
    }

    static func column(_ name: String, _ format: String, _ priority: Int, type: String = "string") -> Column {
        Column(
            name: name, type: type, format: format, priority: priority,
            description: format == "name" ? "The object's name, unique in its namespace" : "\(name) of the object")
    }

    static let nameAndAge = TableColumns(["Name", "Age"])

    /// Kinds that have no printer of their own.
    static let nameAndCreation: TableColumns = {
        var table = TableColumns([column("Name", "name", 0), column("Created At", "", 0, type: "date")])
        table.isPlain = true
        return table
    }()

    /// `columnDefinitions`.
    var json: JSONValue {
        .array(
            columns.map {
                [
                    "name": .string($0.name), "type": .string($0.type), "format": .string($0.format),
                    "priority": .integer(Int64($0.priority)), "description": .string($0.description),
                ]
            })
    }
}

/// `Table` and `PartialObjectMetadata` (`meta.k8s.io`).
package enum ObjectTables {
    /// What a row carries beside its cells (`includeObject`).
    package enum RowObject: String, Sendable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    /// A list, or one object, as a table. `version` is `v1` or `v1beta1`; `listMetadata` holds resourceVersion,
    /// continue and remainingItemCount. `withColumns` is false for all but the first event of a watch.
    package static func table(
        _ objects: [JSONValue], of resource: ResourceDefinition, version: String = "v1", listMetadata: JSONValue,
        rowObject: RowObject, now: Timestamp, withColumns: Bool = true
    ) -> JSONValue {
        let rows = objects.map { row($0, resource, version, rowObject, now) }
        let isEmptyPlain = rows.isEmpty && resource.rules.table.isPlain
        return [
            "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": listMetadata,
            "columnDefinitions": withColumns ? resource.rules.table.json : .null,
            "rows": isEmptyPlain ? .null : .array(rows),
        ]
    }

    private static func row(
        _ object: JSONValue, _ resource: ResourceDefinition, _ version: String, _ rowObject: RowObject,
        _ now: Timestamp
    ) -> JSONValue {
        var row: [String: JSONValue] = ["cells": .array(resource.rules.tableCells(object, now: now))]
        let conditions = resource.rules.tableConditions(object)
        if !conditions.isEmpty { row["conditions"] = .array(conditions) }
        switch rowObject {
        case .none: row["object"] = .null
        case .metadata: row["object"] = partial(object, version: version)
        case .object: row["object"] = object
        }
        return .object(row)
    }

    /// An object's metadata alone.
    package static func partial(_ object: JSONValue, version: String = "v1") -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": .string("meta.k8s.io/\(version)"),
            "metadata": object["metadata"] ?? .object([:]),
        ]
    }

    package static func partialList(_ objects: [JSONValue], version: String = "v1", listMetadata: JSONValue)
        -> JSONValue
    {
        [
            "kind": "PartialObjectMetadataList", "apiVersion": .string("meta.k8s.io/\(version)"),
            "metadata": listMetadata, "items": .array(objects.map { partial($0, version: version) }),
        ]
    }
}

/// Texts that several tables share.
enum TableText {
    /// `5m`, `3d4h`, `<unknown>`
    static func age(_ object: JSONValue, _ now: Timestamp) -> String {
        since(object["metadata"]?["creationTimestamp"], now)
    }

    /// The time that has passed since a moment.
    static func since(_ time: JSONValue?, _ now: Timestamp) -> String {
        guard let text = time?.string, let then = Timestamp(text) else { return "<unknown>" }
        return duration(now.secondsSince1970 - then.secondsSince1970)
    }

    /// A duration in its two largest units, as kubectl writes it.
    static func duration(_ seconds: Int64) -> String {
        if seconds < -1 { return "<invalid>" }
        if seconds < 0 { return "0s" }
        let minutes = seconds / 60
        let hours = minutes / 60
        let days = hours / 24
        func pair(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
            small == 0 ? "\(large)\(largeUnit)" : "\(large)\(largeUnit)\(small)\(smallUnit)"
        }
        if seconds < 120 { return "\(seconds)s" }
        if minutes < 10 { return pair(minutes, "m", seconds % 60, "s") }
        if hours < 3 { return "\(minutes)m" }
        if hours < 8 { return pair(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        if hours < 192 { return pair(days, "d", hours % 24, "h") }
        if days < 730 { return "\(days)d" }
        if days < 2920 { return pair(days / 365, "y", days % 365, "d") }
        return "\(days / 365)y"
    }

    static func orNone(_ text: String?) -> JSONValue {
        guard let text, !text.isEmpty else { return "<none>" }
        return .string(text)
    }

    /// `a=b,c=d`, sorted.
    static func labels(_ map: JSONValue?) -> String {
        (map?.members ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.string ?? "")" }.joined(separator: ",")
    }
}
