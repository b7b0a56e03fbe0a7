import JSONText

/// How server-side apply sees a value of some type.
indirect enum FieldShape: Hashable {
    case scalar
    /// One owner for all of it.
    case atomic
    case structure(Int)
    case map(FieldType)
    case set(FieldType)
    case list(keys: [String], FieldType)

    init(_ type: FieldType, _ field: SchemaField?, _ schema: Schema) {
        switch type {
        case .string, .boolean, .int32, .int64, .double, .bytes, .quantity, .time, .microTime, .intOrString:
            self = .scalar
        case .any, .fieldsV1: self = .atomic
        case .message(let index):
            self = schema[index].isAtomic || field?.isAtomic == true ? .atomic : .structure(index)
        case .map(let element): self = field?.isAtomic == true ? .atomic : .map(element)
        case .list(let element):
            switch field?.list ?? .unspecified {
            case .unspecified, .atomic: self = .atomic
            case .set: self = .set(element)
            case .map(let keys): self = .list(keys: keys, element)
            }
        }
    }

    /// The shape of a member of a structure or an element of a list or map.
    func below(_ element: PathElement, _ schema: Schema) -> FieldShape {
        switch self {
        case .scalar, .atomic: return .atomic
        case .structure(let type):
            guard case .field(let name) = element, let field = schema[type].field(name) else { return .atomic }
            return FieldShape(field.type, field, schema)
        case .map(let value), .set(let value), .list(_, let value): return FieldShape(value, nil, schema)
        }
    }

    /// How an element of a list is named: by its keys (defaults filled), its value, or its place.
    func element(_ value: JSONValue, at index: Int, _ schema: Schema) -> PathElement {
        switch self {
        case .set: return .value(value)
        case .list(let keys, let type):
            var found: [String: JSONValue] = [:]
            for key in keys {
                if let given = value[key], given != .null {
                    found[key] = given
                } else if case .message(let type) = type, let field = schema[type].field(key) {
                    if let preset = field.defaultValue {
                        found[key] = preset
                    } else if field.type == .string, !field.isRequired {
                        found[key] = ""
                    }
                }
            }
            return .key(found)
        case .scalar, .atomic, .structure, .map: return .index(index)
        }
    }
}
