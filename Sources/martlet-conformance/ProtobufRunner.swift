import APIMachinery
import JSONText

/// `protobuf/protobuf-bodies.json`: bodies of clients in protobuf, read as the JSON that they stand for.
enum ProtobufRunner {
    /// - Parameter reference: a table of all types, for kinds that the server does not have; nil: those are not run.
    static func run(_ file: JSONValue, reference: JSONValue?) -> FileResult {
        let everything = reference.map(schema)
        var result = FileResult()
        for entry in file["cases"]?.array ?? [] {
            let id = entry["id"]?.string ?? "?"
            guard let expected = entry["expectedJSON"] else {
                result.count(id, ["no expectedJSON"])
                continue
            }
            let isServed = Schema.builtin.types.contains { $0.groupVersionKind == kind(expected) }
            guard let schema = isServed ? Schema.builtin : everything else {
                result.notes.append("\(id): not run, \(kind(expected)) is not served and there is no table of types")
                continue
            }
            result.count(id, check(entry, expected, schema))
        }
        return result
    }

    private static func kind(_ object: JSONValue) -> String {
        "\(object["apiVersion"]?.string ?? "")/\(object["kind"]?.string ?? "")"
    }

    private static func check(_ entry: JSONValue, _ expected: JSONValue, _ schema: Schema) -> [String] {
        do throws(APIStatus) {
            let bytes = Base64.decode(entry["bodyBase64"]?.string ?? "").bytes
            let decoded = try canonical(try ProtobufCodec(schema: schema).decode(bytes), schema)
            if entry["expectedNote"] != nil {
                return holds(decoded, expected) ? [] : ["\(decoded.compactText) lacks some of \(expected.compactText)"]
            }
            return ExchangeComparison.differences(decoded, try canonical(expected, schema))
        } catch {
            return [error.message]
        }
    }

    private static func canonical(_ object: JSONValue, _ schema: Schema) throws(APIStatus) -> JSONValue {
        guard let type = schema.types.firstIndex(where: { $0.groupVersionKind == kind(object) }) else {
            throw .badRequest("no type \(kind(object))")
        }
        var decoder = ObjectDecoder(schema: schema)
        return try decoder.object(object, type: type)
    }

    /// Whether the object holds all that another one holds.
    private static func holds(_ object: JSONValue, _ part: JSONValue) -> Bool {
        guard case .object(let members) = part else { return object == part }
        return members.allSatisfy { name, value in object[name].map { holds($0, value) } ?? false }
    }

    /// The reference's types in the grammar of the server's own table.
    private static func schema(_ facts: JSONValue) -> Schema {
        var lines: [String] = []
        for (name, fact) in (facts["types"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            var head = "@\(name)"
            if let kind = fact["gvk"]?.string { head += " G=\(kind)" }
            if let alias = fact["is"]?.string { head += " I=\(alias)" }
            lines.append(head)
            for (field, value) in (fact["fields"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
                let numbers = (value["proto"].map { $0.array ?? [$0] } ?? []).compactMap(\.integer).map(String.init)
                let path = numbers.isEmpty ? "" : " #\(numbers.joined(separator: "."))"
                lines.append("\(field) \(value["t"]?.string ?? "any")\(path)")
            }
        }
        return Schema(table: lines.joined(separator: "\n"))
    }
}
