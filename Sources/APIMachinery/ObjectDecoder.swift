package import JSONText

/// What to do with members that a type does not have and with names that stand twice (`fieldValidation`).
package enum FieldValidation: String, Sendable {
    case ignore = "Ignore"
    case warn = "Warn"
    case strict = "Strict"
}

/// An object in canonical form and what a client should be told about its text.
package struct DecodedObject: Sendable {
    package var object: JSONValue
    /// `unknown field "spec.foo"`, `duplicate field "data"`
    package var faults: [String]
}

/// Reads a tree as a type and writes it as Go's typed client would print it: members of the wrong type are refused,
/// unknown ones dropped and reported, empty ones left out unless the type always writes them, quantities, times and
/// numbers brought to their canonical text. Two objects that mean the same are equal afterwards.
package struct ObjectDecoder {
    private let schema: Schema
    /// `unknown field "…"` in order of their paths.
    package private(set) var faults: [String] = []

    /// As read back from storage, where an empty list and none are the same.
    private let isStored: Bool

    package init(schema: Schema = .builtin, isStored: Bool = false) {
        self.schema = schema
        self.isStored = isStored
    }

    /// An object as it is read back from storage.
    package static func stored(_ object: JSONValue, type: Int, schema: Schema = .builtin) -> JSONValue {
        var decoder = ObjectDecoder(schema: schema, isStored: true)
        return (try? decoder.object(object, type: type)) ?? object
    }

    /// A whole object of a type.
    package mutating func object(_ value: JSONValue, type: Int) throws(APIStatus) -> JSONValue {
        guard case .object(let members) = value else {
            throw .badRequest(
                "json: cannot unmarshal \(Self.jsonKind(value)) into Go value of type "
                    + schema[type].goName)
        }
        return try message(members, type, Place())
    }

    /// The object of a type that has nothing set, as it is printed.
    package static func zero(_ type: Int, schema: Schema = .builtin) -> JSONValue {
        var decoder = ObjectDecoder(schema: schema)
        return (try? decoder.object(.object([:]), type: type)) ?? .object([:])
    }

    /// Where a value stands: for `unknown field` with indices, for Go's type errors without, and with the struct.
    struct Place {
        var path = ""
        var goPath = ""
        var structName = ""

        func member(_ name: String, of type: SchemaType) -> Place {
            Place(
                path: path.isEmpty ? name : "\(path).\(name)", goPath: goPath.isEmpty ? name : "\(goPath).\(name)",
                structName: type.shortName)
        }
        func element(_ index: Int) -> Place {
            Place(path: "\(path)[\(index)]", goPath: goPath, structName: structName)
        }
        func entry(_ key: String) -> Place {
            Place(path: "\(path).\(key)", goPath: goPath, structName: structName)
        }
    }

    private mutating func message(_ members: [String: JSONValue], _ type: Int, _ place: Place) throws(APIStatus)
        -> JSONValue
    {
        let kind = schema[type]
        var out: [String: JSONValue] = [:]
        var known = 0
        for field in kind.fields {
            let given = members[field.name]
            if given != nil { known += 1 }
            if let value = try member(field, given ?? .null, place.member(field.name, of: kind)) {
                out[field.name] = value
            }
        }
        if known < members.count {
            for name in members.keys.sorted() where kind.field(name) == nil {
                faults.append("unknown field \"\(place.path.isEmpty ? name : "\(place.path).\(name)")\"")
            }
        }
        return .object(out)
    }

    /// A member's canonical value; nothing where it is not written. (A bare `nil` would be JSON's null here.)
    private mutating func member(_ field: SchemaField, _ given: JSONValue, _ place: Place) throws(APIStatus)
        -> JSONValue?
    {
        let isWritten = field.isAlwaysWritten || field.isRequired
        if case .null = given {
            guard isWritten, field.name != "apiVersion", field.name != "kind" || field.isRequired else { return nil }
            return zeroMember(field)
        }
        let value = try self.value(given, field.type, place)
        if isWritten || field.isPointer {
            if isStored, case .array(let elements) = value, elements.isEmpty { return .null }
            return value
        }
        switch value {
        case .null: return nil
        case .bool(let flag): return flag ? value : Optional.none
        case .integer(let number): return isNumber(field.type) && number == 0 ? Optional.none : value
        case .number(let number): return isNumber(field.type) && number == 0 ? Optional.none : value
        case .string(let text): return text.isEmpty ? Optional.none : value
        case .array(let elements): return elements.isEmpty ? Optional.none : value
        case .object(let entries):
            if case .map = field.type { return entries.isEmpty ? Optional.none : value }
            return value
        }
    }

    private func isNumber(_ type: FieldType) -> Bool {
        switch type {
        case .int32, .int64, .double: return true
        case .string, .boolean, .bytes, .any, .quantity, .time, .microTime, .intOrString, .fieldsV1, .message, .list,
            .map:
            return false
        }
    }

    private func zeroMember(_ field: SchemaField) -> JSONValue? {
        switch field.type {
        case .string: return ""
        case .boolean: return false
        case .int32, .int64, .intOrString: return 0
        case .double: return .number(0)
        case .quantity: return "0"
        case .message(let type): return Self.zero(type, schema: schema)
        case .bytes, .any, .time, .microTime, .fieldsV1, .list, .map: return .null
        }
    }

    private mutating func value(_ value: JSONValue, _ type: FieldType, _ place: Place) throws(APIStatus) -> JSONValue {
        switch type {
        case .message(let index):
            guard case .object(let members) = value else {
                if case .null = value { return Self.zero(index, schema: schema) }
                throw mismatch(value, schema[index].goName, place)
            }
            return try message(members, index, place)
        case .list(let element):
            guard case .array(let elements) = value else {
                throw mismatch(value, goName(type), place)
            }
            var out: [JSONValue] = []
            out.reserveCapacity(elements.count)
            for (index, entry) in elements.enumerated() {
                out.append(try self.element(entry, element, place.element(index)))
            }
            return .array(out)
        case .map(let element):
            guard case .object(let members) = value else {
                throw mismatch(value, goName(type), place)
            }
            var out: [String: JSONValue] = [:]
            out.reserveCapacity(members.count)
            for (key, entry) in members { out[key] = try self.element(entry, element, place.entry(key)) }
            return .object(out)
        case .any, .fieldsV1: return value
        case .string, .boolean, .int32, .int64, .double, .bytes, .quantity, .time, .microTime, .intOrString:
            return try scalar(value, type, place)
        }
    }

    /// An element of a list or map: null stands for the zero value.
    private mutating func element(_ value: JSONValue, _ type: FieldType, _ place: Place) throws(APIStatus) -> JSONValue
    {
        guard case .null = value else { return try self.value(value, type, place) }
        let field = SchemaField(name: "", type: type)
        return zeroMember(field) ?? .null
    }

    func goName(_ type: FieldType) -> String {
        switch type {
        case .string: return "string"
        case .boolean: return "bool"
        case .int32: return "int32"
        case .int64: return "int64"
        case .double: return "float64"
        case .bytes: return "[]uint8"
        case .any, .fieldsV1: return "interface {}"
        case .quantity: return "resource.Quantity"
        case .time: return "v1.Time"
        case .microTime: return "v1.MicroTime"
        case .intOrString: return "intstr.IntOrString"
        case .message(let index): return schema[index].goName
        case .list(let element): return "[]\(goName(element))"
        case .map(let element): return "map[string]\(goName(element))"
        }
    }

    func mismatch(_ value: JSONValue, _ type: String, _ place: Place) -> APIStatus {
        .badRequest(
            "json: cannot unmarshal \(Self.jsonKind(value)) into Go struct field \(place.structName).\(place.goPath) "
                + "of type \(type)")
    }

    static func jsonKind(_ value: JSONValue) -> String {
        switch value {
        case .null: return "null"
        case .bool: return "bool"
        case .integer: return "number"
        case .number(let number): return "number \(JSONPrinter.goText(number))"
        case .string: return "string"
        case .array: return "array"
        case .object: return "object"
        }
    }
}
