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

    private var steps: [Step] = []
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
        return try message(members, type)
    }

    /// The object of a type that has nothing set, as it is printed.
    package static func zero(_ type: Int, schema: Schema = .builtin) -> JSONValue {
        var decoder = ObjectDecoder(schema: schema)
        return (try? decoder.object(.object([:]), type: type)) ?? .object([:])
    }

    /// The way to the value at hand; texts are made of it only when something is wrong.
    enum Step {
        case member(String, of: Int)
        case element(Int)
        case entry(String)
    }

    private mutating func message(_ members: [String: JSONValue], _ type: Int) throws(APIStatus) -> JSONValue {
        let kind = schema[type]
        var out: [String: JSONValue] = [:]
        out.reserveCapacity(members.count)
        for (name, given) in members {
            guard let field = kind.field(name) else {
                steps.append(.member(name, of: type))
                faults.append("unknown field \"\(path)\"")
                steps.removeLast()
                continue
            }
            if case .null = given { continue }
            steps.append(.member(name, of: type))
            if let value = try member(field, given) { out[name] = value }
            steps.removeLast()
        }
        for field in kind.writtenFields where out[field.name] == nil { out[field.name] = zeroMember(field) }
        return .object(out)
    }

    /// `spec.containers[0].name`, as unknown fields are reported.
    var path: String {
        var text = ""
        for step in steps {
            switch step {
            case .member(let name, _), .entry(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
        return text
    }

    /// `Container.spec.containers.name`, as Go's type errors have it: the innermost structure, and no indices.
    var goPlace: String {
        var owner = ""
        var names: [String] = []
        for step in steps {
            guard case .member(let name, let type) = step else { continue }
            owner = schema[type].shortName
            names.append(name)
        }
        return "\(owner).\(names.joined(separator: "."))"
    }

    /// A member's canonical value; nothing where it is not written. (A bare `nil` would be JSON's null here.)
    private mutating func member(_ field: SchemaField, _ given: JSONValue) throws(APIStatus) -> JSONValue? {
        let value = try self.value(given, field.type)
        if field.isWritten || field.isPointer {
            if isStored, case .array(let elements) = value, elements.isEmpty { return .null }
            return value
        }
        switch value {
        case .null: return nil
        case .bool(let flag): return flag ? value : nil
        case .integer(let number): return isNumber(field.type) && number == 0 ? nil : value
        case .number(let number): return isNumber(field.type) && number == 0 ? nil : value
        case .string(let text): return text.isEmpty ? nil : value
        case .array(let elements): return elements.isEmpty ? nil : value
        case .object(let entries):
            if case .map = field.type { return entries.isEmpty ? nil : value }
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

    private mutating func value(_ value: JSONValue, _ type: FieldType) throws(APIStatus) -> JSONValue {
        switch type {
        case .message(let index):
            guard case .object(let members) = value else {
                if case .null = value { return Self.zero(index, schema: schema) }
                throw mismatch(value, schema[index].goName)
            }
            return try message(members, index)
        case .list(let element):
            guard case .array(let elements) = value else { throw mismatch(value, goName(type)) }
            var out: [JSONValue] = []
            out.reserveCapacity(elements.count)
            for (index, entry) in elements.enumerated() {
                steps.append(.element(index))
                out.append(try self.element(entry, element))
                steps.removeLast()
            }
            return .array(out)
        case .map(let element):
            guard case .object(let members) = value else { throw mismatch(value, goName(type)) }
            var out: [String: JSONValue] = [:]
            out.reserveCapacity(members.count)
            for (key, entry) in members {
                steps.append(.entry(key))
                out[key] = try self.element(entry, element)
                steps.removeLast()
            }
            return .object(out)
        case .any, .fieldsV1: return value
        case .string, .boolean, .int32, .int64, .double, .bytes, .quantity, .time, .microTime, .intOrString:
            return try scalar(value, type)
        }
    }

    /// An element of a list or map: null stands for the zero value.
    private mutating func element(_ value: JSONValue, _ type: FieldType) throws(APIStatus) -> JSONValue {
        guard case .null = value else { return try self.value(value, type) }
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

    func mismatch(_ value: JSONValue, _ type: String) -> APIStatus {
        .badRequest("json: cannot unmarshal \(Self.jsonKind(value)) into Go struct field \(goPlace) of type \(type)")
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
