import JSONText

/// Objects to bytes. Objects are canonical, so each value has the shape that its type says; what has not is left out.
extension ProtobufCodec {
    func encode(_ object: JSONValue, _ type: Int) -> [UInt8] {
        encode(object.members, type, prefix: [])
    }

    private func encode(_ members: [String: JSONValue], _ type: Int, prefix: [Int]) -> [UInt8] {
        var direct: [(number: Int, field: SchemaField)] = []
        var nested: Set<Int> = []
        for field in schemaFields(type) where field.protobuf.count > prefix.count {
            guard field.protobuf.prefix(prefix.count).elementsEqual(prefix) else { continue }
            let number = field.protobuf[prefix.count]
            if field.protobuf.count == prefix.count + 1 {
                direct.append((number, field))
            } else if members[field.name] != nil {
                nested.insert(number)
            }
        }
        var writer = ProtobufWriter()
        for number in Set(direct.map(\.number)).union(nested).sorted() {
            if nested.contains(number) { writer.field(number, encode(members, type, prefix: prefix + [number])) }
            for (own, field) in direct where own == number {
                guard let value = members[field.name], !value.isNull else { continue }
                write(value, field.type, number, to: &writer)
            }
        }
        return writer.bytes
    }

    private func write(_ value: JSONValue, _ type: FieldType, _ number: Int, to writer: inout ProtobufWriter) {
        switch (type, value) {
        case (.boolean, .bool(let flag)): writer.integer(number, flag ? 1 : 0)
        case (.int32, .integer(let integer)), (.int64, .integer(let integer)): writer.integer(number, integer)
        case (.double, .number(let fraction)): writer.double(number, fraction)
        case (.double, .integer(let integer)): writer.double(number, Double(integer))
        case (.string, .string(let text)): writer.field(number, Array(text.utf8))
        case (.bytes, .string(let text)): writer.field(number, Base64.decode(text).bytes)
        case (.message(let index), .object): writer.field(number, encode(value, index))
        case (.list(let element), .array(let elements)):
            for entry in elements { write(entry, element, number, to: &writer) }
        case (.map(let element), .object(let entries)):
            for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
                var pair = ProtobufWriter()
                pair.field(1, Array(key.utf8))
                writeEntry(entry, element, to: &pair)
                writer.field(number, pair.bytes)
            }
        default: writeSpecial(value, type, number, to: &writer)
        }
    }

    /// A list as a map's value is a message of its own.
    private func writeEntry(_ value: JSONValue, _ type: FieldType, to writer: inout ProtobufWriter) {
        guard case .list(let element) = type, case .array(let elements) = value else {
            return write(value, type, 2, to: &writer)
        }
        var list = ProtobufWriter()
        for entry in elements { write(entry, element, 1, to: &list) }
        writer.field(2, list.bytes)
    }

    private func writeSpecial(_ value: JSONValue, _ type: FieldType, _ number: Int, to writer: inout ProtobufWriter) {
        var content = ProtobufWriter()
        switch (type, value) {
        case (.time, .string(let text)), (.microTime, .string(let text)):
            guard let time = Timestamp(text) else { return }
            content.integer(1, time.secondsSince1970)
            content.integer(2, Int64(time.microseconds) * 1000)
        case (.quantity, .string(let text)): content.field(1, Array(text.utf8))
        case (.intOrString, .integer(let integer)):
            content.integer(1, 0)
            content.integer(2, integer)
            content.field(3, [])
        case (.intOrString, .string(let text)):
            content.integer(1, 1)
            content.integer(2, 0)
            content.field(3, Array(text.utf8))
        case (.fieldsV1, _), (.any, _): content.field(1, value.compactBytes)
        default: return
        }
        writer.field(number, content.bytes)
    }
}
