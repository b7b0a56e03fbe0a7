import JSONText

/// The table is text, a line each for a type and its fields:
///
///     @NAME [G=GROUP/VERSION/KIND] [M] [I=ALIAS]
///     FIELD TYPE [#NUMBER[.NUMBER]] [r] [*] [!] [L=a|s|m:KEY,KEY] [P=STRATEGY] [K=MERGEKEY] [M] [D=JSON]
///
/// `M` atomic, `I` a type without fields, `r` required, `*` pointer (absent is no zero), `!` always written, `L` list
/// kind, `P` and `K` strategic merge, `D` default.
extension Schema {
    /// Reads a table; lines that cannot be read are left out, which a test of the built-in table would see.
    package init(table: String) {
        var blocks: [(head: [Substring], fields: [[Substring]])] = []
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let first = words.first else { continue }
            if first.hasPrefix("@") {
                blocks.append((words, []))
            } else if !blocks.isEmpty {
                blocks[blocks.count - 1].fields.append(words)
            }
        }
        let names = blocks.map { String($0.head[0].dropFirst()) }
        let indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let aliases = Self.aliases(blocks.map(\.head), indices)
        var types: [SchemaType] = []
        for (block, name) in zip(blocks, names) {
            let flags = block.head.dropFirst()
            types.append(
                SchemaType(
                    name: name, groupVersionKind: Self.flag("G=", flags) ?? "", isAtomic: flags.contains("M"),
                    alias: aliases[name],
                    fields: block.fields.compactMap { Self.field($0, indices, aliases) }))
        }
        self.init(types: types)
    }

    private static func flag(_ prefix: String, _ words: ArraySlice<Substring>) -> String? {
        words.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    private static func aliases(_ heads: [[Substring]], _ indices: [String: Int]) -> [String: FieldType] {
        var aliases: [String: FieldType] = [:]
        for head in heads {
            guard let text = flag("I=", head.dropFirst()) else { continue }
            let name = String(head[0].dropFirst())
            switch name {
            case "meta.v1.Time": aliases[name] = .time
            case "meta.v1.MicroTime": aliases[name] = .microTime
            case "meta.v1.FieldsV1": aliases[name] = .fieldsV1
            case "api.resource.Quantity": aliases[name] = .quantity
            case "util.intstr.IntOrString": aliases[name] = .intOrString
            default: aliases[name] = text == "string:date-time" ? .time : .any
            }
        }
        return aliases
    }

    private static func type(_ text: Substring, _ indices: [String: Int], _ aliases: [String: FieldType]) -> FieldType {
        if text.hasPrefix("[]") { return .list(type(text.dropFirst(2), indices, aliases)) }
        if text.hasPrefix("map:") { return .map(type(text.dropFirst(4), indices, aliases)) }
        switch text {
        case "string": return .string
        case "string:byte": return .bytes
        case "boolean": return .boolean
        case "integer:int32": return .int32
        case "integer:int64": return .int64
        case "number:double": return .double
        default:
            if let alias = aliases[String(text)] { return alias }
            return indices[String(text)].map { .message($0) } ?? .any
        }
    }

    private static func field(
        _ words: [Substring], _ indices: [String: Int], _ aliases: [String: FieldType]
    ) -> SchemaField? {
        guard words.count >= 2 else { return nil }
        var field = SchemaField(name: String(words[0]), type: type(words[1], indices, aliases))
        for word in words.dropFirst(2) {
            switch word {
            case "r": field.isRequired = true
            case "*": field.isPointer = true
            case "!": field.isAlwaysWritten = true
            case "M": field.isAtomic = true
            default: flagged(&field, word)
            }
        }
        return field
    }

    private static func flagged(_ field: inout SchemaField, _ word: Substring) {
        if word.hasPrefix("#") {
            field.protobuf = word.dropFirst().split(separator: ".").compactMap { Int($0) }
            return
        }
        let text = word.dropFirst(2)
        switch word.prefix(2) {
        case "L=": field.list = listKind(text)
        case "P=":
            field.patchMerges = text.contains("merge")
            field.patchRetainsKeys = text.contains("retainKeys")
        case "K=": field.mergeKey = String(text)
        case "D=": field.defaultValue = try? JSONValue(parsing: String(text))
        default: break
        }
    }

    private static func listKind(_ text: Substring) -> ListKind {
        if text.hasPrefix("m:") { return .map(keys: text.dropFirst(2).split(separator: ",").map(String.init)) }
        return text == "s" ? .set : .atomic
    }
}
