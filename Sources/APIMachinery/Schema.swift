package import JSONText

/// The type of a field, an element or a map's value.
package indirect enum FieldType: Sendable, Hashable {
    case string
    case boolean
    case int32
    case int64
    case double
    /// Base64 in JSON.
    case bytes
    /// Anything.
    case any
    case quantity
    /// RFC 3339, whole seconds.
    case time
    /// RFC 3339, microseconds.
    case microTime
    case intOrString
    /// A tree of owned fields.
    case fieldsV1
    case message(Int)
    case list(FieldType)
    case map(FieldType)
}

/// How server-side apply and OpenAPI see a list.
package enum ListKind: Sendable, Hashable {
    case unspecified
    case atomic
    case set
    case map(keys: [String])
}

/// One member of a type.
package struct SchemaField: Sendable {
    package let name: String
    package let type: FieldType
    package var isRequired = false
    /// A scalar that tells absent from zero (a pointer in Go).
    package var isPointer = false
    /// Written even when empty: `{}` for a structure, null for a time or a list.
    package var isAlwaysWritten = false
    package var list = ListKind.unspecified
    /// Strategic merge: lists and maps are merged.
    package var patchMerges = false
    /// Strategic merge: `$retainKeys` is understood.
    package var patchRetainsKeys = false
    package var mergeKey: String?
    /// A map or structure that has one owner.
    package var isAtomic = false
    package var defaultValue: JSONValue?
    /// Written even when empty.
    var isWritten: Bool { isAlwaysWritten || (isRequired && !isPointer) }
    /// Protobuf field number; more than one is a path through embedded messages that JSON does not show.
    package var protobuf: [Int] = []
}

/// One structure.
package struct SchemaType: Sendable {
    /// `core.v1.Pod`
    package let name: String
    /// `v1/Pod` or `group/version/Kind`; empty where this is no kind of its own.
    package let groupVersionKind: String
    package let isAtomic: Bool
    /// Where this is a name for a type without fields.
    package let alias: FieldType?
    /// In order of their names.
    package let fields: [SchemaField]
    /// Those that are written even when empty.
    let writtenFields: [SchemaField]
    private let byName: [String: Int]

    init(name: String, groupVersionKind: String, isAtomic: Bool, alias: FieldType?, fields: [SchemaField]) {
        self.name = name
        self.groupVersionKind = groupVersionKind
        self.isAtomic = isAtomic
        self.alias = alias
        self.fields = fields
        writtenFields = fields.filter(\.isWritten)
        byName = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
    }

    package func field(_ name: String) -> SchemaField? {
        guard let index = byName[name] else { return nil }
        return fields[index]
    }

    /// `Pod` of `core.v1.Pod`.
    package var shortName: String { name.split(separator: ".").last.map(String.init) ?? name }

    /// As Go names the type in messages: `v1.Pod`.
    package var goName: String { name.split(separator: ".").suffix(2).joined(separator: ".") }
}

/// All types that are known. Types refer to each other by their index.
package struct Schema: Sendable {
    package let types: [SchemaType]
    private let byName: [String: Int]
    private let byKind: [String: Int]

    init(types: [SchemaType]) {
        self.types = types
        byKind = Dictionary(
            types.enumerated().map { ($1.groupVersionKind, $0) }, uniquingKeysWith: { first, _ in first })
        byName = Dictionary(uniqueKeysWithValues: types.enumerated().map { ($1.name, $0) })
    }

    package func index(of name: String) -> Int? { byName[name] }

    /// `kind` of `apiVersion`, where it is a kind of its own.
    package func index(apiVersion: String, kind: String) -> Int? { byKind["\(apiVersion)/\(kind)"] }

    package func type(named name: String) -> SchemaType? { byName[name].map { types[$0] } }

    package subscript(index: Int) -> SchemaType { types[index] }

    /// The types of Kubernetes' kinds that this API serves, and all that they contain; parsed at first use.
    package static let builtin = Schema(
        table: [
            accessSchemaTableText, coreSchemaTableText, machinerySchemaTableText, networkSchemaTableText,
            podSchemaTableText, volumeSchemaTableText, policySchemaTableText, martletSchemaTableText,
        ].map(\.description).joined(separator: "\n"))
}
