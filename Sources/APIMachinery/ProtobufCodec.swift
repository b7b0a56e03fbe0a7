package import JSONText

/// Objects as `application/vnd.kubernetes.protobuf`, by the numbers in the schema: four bytes `k8s\0`, then an
/// envelope (`runtime.Unknown`) with the type and the object's own message.
package struct ProtobufCodec {
    private let schema: Schema
    static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]
    /// How deep messages may be nested.
    static let depthMax = 100

    package init(schema: Schema = .builtin) { self.schema = schema }

    // MARK: Envelope

    /// The object as a JSON tree with `apiVersion` and `kind`. Refuses with 400 what cannot be read and kinds that
    /// are not in the schema.
    package func decode(_ bytes: [UInt8]) throws(APIStatus) -> JSONValue {
        guard bytes.starts(with: Self.magic) else {
            throw .badRequest("the body does not start with the protobuf mark of Kubernetes")
        }
        var apiVersion = ""
        var kind = ""
        var raw: ArraySlice<UInt8> = []
        var reader = ProtobufReader(bytes.dropFirst(4))
        while let (number, value) = try reader.next() {
            guard case .bytes(let content) = value else { continue }
            switch number {
            case 1:
                var meta = ProtobufReader(content)
                while let (number, value) = try meta.next() {
                    guard case .bytes(let text) = value else { continue }
                    if number == 1 { apiVersion = try string(text) }
                    if number == 2 { kind = try string(text) }
                }
            case 2: raw = content
            case 3 where !content.isEmpty: throw .badRequest("the body has a content encoding, which is not supported")
            default: break
            }
        }
        guard let type = type(apiVersion: apiVersion, kind: kind) else {
            throw .badRequest("no kind \"\(kind)\" is registered for version \"\(apiVersion)\"")
        }
        guard case .object(var members) = try message(raw, type, depth: 0) else { return .null }
        members["apiVersion"] = .string(apiVersion)
        members["kind"] = .string(kind)
        return .object(members)
    }

    /// The object as bytes; nil for kinds that are not in the schema (tables, partial metadata) and for those that have
    /// no protobuf form, which stand there without numbers.
    package func encode(_ object: JSONValue) -> [UInt8]? {
        let apiVersion = object.text("apiVersion")
        let kind = object.text("kind")
        guard let type = type(apiVersion: apiVersion, kind: kind),
            schema[type].fields.contains(where: { !$0.protobuf.isEmpty })
        else { return nil }
        var meta = ProtobufWriter()
        meta.field(1, Array(apiVersion.utf8))
        meta.field(2, Array(kind.utf8))
        var envelope = ProtobufWriter()
        envelope.field(1, meta.bytes)
        envelope.field(2, encode(object, type))
        envelope.field(3, [])
        envelope.field(4, [])
        return Self.magic + envelope.bytes
    }

    /// One event of a watch in its frame: four bytes of length, most significant first, then a `meta.v1.WatchEvent`
    /// whose object is a whole enveloped one.
    /// - Parameter object: as `encode` gives it.
    package static func watchFrame(_ type: String, _ object: [UInt8]) -> [UInt8] {
        var raw = ProtobufWriter()
        raw.field(1, object)
        var event = ProtobufWriter()
        event.field(1, Array(type.utf8))
        event.field(2, raw.bytes)
        let count = UInt32(event.bytes.count)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + event.bytes
    }

    func schemaFields(_ type: Int) -> [SchemaField] { schema[type].fields }

    private func type(apiVersion: String, kind: String) -> Int? {
        if let index = schema.index(apiVersion: apiVersion, kind: kind) { return index }
        guard kind == "DeleteOptions" || kind == "Status" else { return nil }
        return schema.index(of: "meta.v1.\(kind)")
    }

    // MARK: Decode

    private func string(_ bytes: ArraySlice<UInt8>) throws(APIStatus) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .badRequest("proto: a string is not valid UTF-8")
        }
        return text
    }

    /// Fields by their number at a depth of a path through embedded messages.
    private func fields(_ type: Int, at prefix: [Int]) -> [Int: [SchemaField]] {
        var found: [Int: [SchemaField]] = [:]
        for field in schema[type].fields where field.protobuf.count > prefix.count {
            guard Array(field.protobuf.prefix(prefix.count)) == prefix else { continue }
            found[field.protobuf[prefix.count], default: []].append(field)
        }
        return found
    }

    private func message(_ bytes: ArraySlice<UInt8>, _ type: Int, depth: Int) throws(APIStatus) -> JSONValue {
        var members: [String: JSONValue] = [:]
        try read(bytes, type, prefix: [], into: &members, depth: depth)
        return .object(members)
    }

    private func read(
        _ bytes: ArraySlice<UInt8>, _ type: Int, prefix: [Int], into members: inout [String: JSONValue], depth: Int
    ) throws(APIStatus) {
        guard depth < Self.depthMax else { throw .badRequest("proto: messages are nested too deep") }
        let known = fields(type, at: prefix)
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            guard let candidates = known[number] else { continue }
            guard candidates.count == 1, candidates[0].protobuf.count == prefix.count + 1 else {
                guard case .bytes(let content) = value else { continue }
                try read(content, type, prefix: prefix + [number], into: &members, depth: depth + 1)
                continue
            }
            try member(candidates[0], value, into: &members, depth: depth)
        }
    }

    private func member(
        _ field: SchemaField, _ value: ProtobufReader.Value, into members: inout [String: JSONValue], depth: Int
    ) throws(APIStatus) {
        switch field.type {
        case .list(let element):
            var list = members[field.name]?.array ?? []
            list += try elements(value, element, depth: depth)
            members[field.name] = .array(list)
        case .map(let element):
            guard case .bytes(let content) = value else { return }
            var map = members[field.name]?.object ?? [:]
            let (key, entry) = try self.entry(content, element, depth: depth)
            map[key] = entry
            members[field.name] = .object(map)
        case .string, .boolean, .int32, .int64, .double, .bytes, .any, .quantity, .time, .microTime, .intOrString,
            .fieldsV1, .message:
            if let decoded = try single(value, field.type, depth: depth) { members[field.name] = decoded }
        }
    }

    /// One element, or several packed numbers.
    private func elements(_ value: ProtobufReader.Value, _ type: FieldType, depth: Int) throws(APIStatus) -> [JSONValue]
    {
        if case .bytes(let content) = value, type == .int32 || type == .int64 || type == .boolean {
            throw .badRequest("proto: packed numbers are not expected (\(content.count) bytes)")
        }
        if case .list(let inner) = type, case .bytes(let content) = value {
            var reader = ProtobufReader(content)
            var list: [JSONValue] = []
            while let (number, value) = try reader.next() {
                if number == 1 { list += try elements(value, inner, depth: depth + 1) }
            }
            return [.array(list)]
        }
        return [try single(value, type, depth: depth) ?? .null]
    }

    private func entry(_ bytes: ArraySlice<UInt8>, _ type: FieldType, depth: Int) throws(APIStatus) -> (
        String, JSONValue
    ) {
        var key = ""
        var entry: JSONValue?
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            if number == 1, case .bytes(let text) = value { key = try string(text) }
            if number == 2 { entry = try elements(value, type, depth: depth)[0] }
        }
        if let entry { return (key, entry) }
        switch type {
        case .string, .bytes: return (key, "")
        case .quantity: return (key, "0")
        default: return (key, .null)
        }
    }

    /// nil where nothing stands for the value (a time that is not set).
    private func single(_ value: ProtobufReader.Value, _ type: FieldType, depth: Int) throws(APIStatus) -> JSONValue? {
        switch (type, value) {
        case (.boolean, .varint(let word)): return .bool(word != 0)
        case (.int32, .varint(let word)): return .integer(Int64(Int32(truncatingIfNeeded: word)))
        case (.int64, .varint(let word)): return .integer(Int64(bitPattern: word))
        case (.double, .fixed64(let word)): return .number(Double(bitPattern: word))
        case (.string, .bytes(let content)): return .string(try string(content))
        case (.bytes, .bytes(let content)): return .string(Base64.encode(Array(content)))
        case (.message(let index), .bytes(let content)): return try message(content, index, depth: depth + 1)
        case (.time, .bytes(let content)), (.microTime, .bytes(let content)): return try time(content, type)
        case (.quantity, .bytes(let content)): return .string(try quantity(content))
        case (.intOrString, .bytes(let content)): return try intOrString(content)
        case (.fieldsV1, .bytes(let content)): return try tree(content)
        case (.any, .bytes(let content)): return try tree(content)
        default: throw .badRequest("proto: a field has the wrong wire type")
        }
    }

    private func time(_ bytes: ArraySlice<UInt8>, _ type: FieldType) throws(APIStatus) -> JSONValue? {
        var reader = ProtobufReader(bytes)
        var seconds: Int64?
        var nanoseconds: Int32 = 0
        while let (number, value) = try reader.next() {
            guard case .varint(let word) = value else { continue }
            if number == 1 { seconds = Int64(bitPattern: word) }
            if number == 2 { nanoseconds = Int32(truncatingIfNeeded: word) }
        }
        guard let seconds, (-62_135_596_800..<253_402_300_800).contains(seconds), nanoseconds >= 0 else { return nil }
        let time = Timestamp(secondsSince1970: seconds, microseconds: min(999_999, nanoseconds / 1000))
        return .string(type == .time ? time.text : time.microText)
    }

    private func quantity(_ bytes: ArraySlice<UInt8>) throws(APIStatus) -> String {
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            if number == 1, case .bytes(let text) = value { return try string(text) }
        }
        return "0"
    }

    private func intOrString(_ bytes: ArraySlice<UInt8>) throws(APIStatus) -> JSONValue {
        var reader = ProtobufReader(bytes)
        var isText = false
        var number: Int64 = 0
        var text = ""
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let word)): isText = word == 1
            case (2, .varint(let word)): number = Int64(Int32(truncatingIfNeeded: word))
            case (3, .bytes(let content)): text = try string(content)
            default: break
            }
        }
        return isText ? .string(text) : .integer(number)
    }

    /// JSON inside of a message with one field.
    private func tree(_ bytes: ArraySlice<UInt8>) throws(APIStatus) -> JSONValue? {
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            guard number == 1, case .bytes(let content) = value, !content.isEmpty else { continue }
            guard let tree = try? JSONValue(parsing: Array(content)) else {
                throw .badRequest("proto: a field does not hold JSON")
            }
            return tree
        }
        return nil
    }
}
