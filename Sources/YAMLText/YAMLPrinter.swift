package import JSONText

/// JSON as YAML: block style, names sorted.
package enum YAMLPrinter {
    package static func print(_ value: JSONValue) -> String {
        var out = ""
        write(value, to: &out, indent: 0, isElement: false)
        return out
    }

    private static func write(_ value: JSONValue, to out: inout String, indent: Int, isElement: Bool) {
        let pad = String(repeating: " ", count: indent)
        switch value {
        case .object(let members) where !members.isEmpty:
            var isFirst = isElement
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                out += (isFirst ? "" : pad) + text(name) + ":"
                isFirst = false
                nested(member, to: &out, indent: indent)
            }
        case .array(let elements) where !elements.isEmpty:
            var isFirst = isElement
            for element in elements {
                out += (isFirst ? "" : pad) + "- "
                isFirst = false
                write(element, to: &out, indent: indent + 2, isElement: true)
            }
        case .string(let content): out += text(content) + "\n"
        case .null, .bool, .integer, .number, .object, .array: out += value.compactText + "\n"
        }
    }

    private static func nested(_ member: JSONValue, to out: inout String, indent: Int) {
        switch member {
        case .object(let inner) where !inner.isEmpty:
            out += "\n"
            write(member, to: &out, indent: indent + 2, isElement: false)
        case .array(let inner) where !inner.isEmpty:
            out += "\n"
            write(member, to: &out, indent: indent, isElement: false)
        case .null, .bool, .integer, .number, .string, .object, .array:
            out += " "
            write(member, to: &out, indent: indent, isElement: false)
        }
    }

    /// Plain where that reads back as the same string, else quoted as JSON is.
    private static func text(_ content: String) -> String {
        let isPlain = content.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "-._/".utf8.contains(byte)
        }
        guard isPlain, !content.hasPrefix("-"), YAMLScalar.plain(content) == .string(content) else {
            return JSONValue.string(content).compactText
        }
        return content
    }
}
