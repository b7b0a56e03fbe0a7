import JSONText
import Yams

/// YAML as clients send it, read as JSON (the rules of YAML 1.1 that Kubernetes' parser follows).
enum YAMLBody {
    /// A body that cannot be read, with the parser's reason.
    struct Fault: Error {
        let message: String
    }

    private static let depthMax = 200
    private static let nodesMax = 1 << 20
    /// Duplicated keys beyond these are an error even where duplicates are let pass.
    private static let duplicatesMax = 64
    /// Stands in front of the number that an overruled key is renamed to.
    private static let overruledMark = "\u{1}"

    /// The first document, and the duplicated keys in it: `line 8: key "a" already set in map`.
    static func parse(_ bytes: [UInt8]) throws(Fault) -> (value: JSONValue, duplicates: [String]) {
        guard let given = String(validating: bytes, as: UTF8.self) else {
            throw Fault(message: "yaml: invalid UTF-8")
        }
        try checkDepth(given)
        var text = given
        var duplicates: [String] = []
        while true {
            do {
                guard let node = try Yams.compose(yaml: text) else { return (.null, duplicates) }
                var converter = Converter()
                return (try converter.value(node, depth: 0), duplicates)
            } catch let fault as Fault {
                throw fault
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let line = context.mark.line
                guard duplicates.count < duplicatesMax, let key = keys.first,
                    let (changed, later) = overrule(key, in: text, from: line, serial: duplicates.count)
                else { throw Fault(message: "yaml: line \(line): a key is already set in map") }
                text = changed
                duplicates.append("line \(later): key \"\(key)\" already set in map")
            } catch {
                throw Fault(message: "yaml: \(error)")
            }
        }
    }

    /// Nesting is refused before the parser meets it: its recursion follows the depth.
    private static func checkDepth(_ text: String) throws(Fault) {
        var flow = 0
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            var dashes = 0
            var column = 0
            for byte in line {
                if byte == UInt8(ascii: "-") { dashes += 1 } else if byte != UInt8(ascii: " ") { break }
                column += 1
            }
            guard dashes <= depthMax, column - dashes <= 8 * depthMax else {
                throw Fault(message: "yaml: exceeded max depth of \(depthMax)")
            }
            for byte in line {
                if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { flow += 1 }
                if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { flow = max(0, flow - 1) }
            }
            guard flow <= 4 * depthMax else { throw Fault(message: "yaml: exceeded max depth of \(depthMax)") }
        }
    }

    /// The last of several equal keys counts. Renames the first one of a block mapping.
    /// - Returns: the changed text and the line of the next equal key.
    private static func overrule(_ key: String, in text: String, from line: Int, serial: Int) -> (String, Int)? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        func indentation(_ index: Int) -> Int? {
            let spaces = lines[index].prefix { $0 == " " }.count
            let rest = lines[index].dropFirst(spaces)
            return rest.hasPrefix("\(key):") || rest.hasPrefix("\"\(key)\":") || rest.hasPrefix("'\(key)':")
                ? spaces : nil
        }
        var index = max(0, line - 1)
        while index < lines.count {
            if let spaces = indentation(index) {
                let next = ((index + 1)..<max(index + 1, lines.count)).first { indentation($0) == spaces }
                if let next {
                    let rest = lines[index].dropFirst(spaces)
                    guard let colon = rest.firstIndex(of: ":") else { return nil }
                    let name = "\"\\x01\(serial)\""
                    lines[index] = String(repeating: " ", count: spaces) + name + rest[colon...]
                    return (lines.joined(separator: "\n"), next + 1)
                }
            }
            index += 1
        }
        return nil
    }

    private struct Converter {
        var nodes = 0

        mutating func value(_ node: Node, depth: Int) throws(Fault) -> JSONValue {
            nodes += 1
            guard depth < depthMax else { throw Fault(message: "yaml: exceeded max depth of \(depthMax)") }
            guard nodes < nodesMax else { throw Fault(message: "yaml: document contains excessive aliasing") }
            switch node {
            case .scalar(let scalar): return YAMLScalar.value(scalar)
            case .sequence(let sequence):
                var elements: [JSONValue] = []
                for element in sequence { elements.append(try value(element, depth: depth + 1)) }
                return .array(elements)
            case .mapping(let mapping):
                var members: [String: JSONValue] = [:]
                for (key, entry) in mapping {
                    guard case .scalar(let name) = key else { throw Fault(message: "yaml: a key is no scalar") }
                    if name.string.hasPrefix(overruledMark) { continue }
                    let converted = try value(entry, depth: depth + 1)
                    if name.string == "<<", case .object(let merged) = converted {
                        members.merge(merged) { own, _ in own }
                    } else {
                        members[name.string] = converted
                    }
                }
                return .object(members)
            case .alias: throw Fault(message: "yaml: unknown anchor")
            }
        }
    }
}

/// What a YAML scalar means.
enum YAMLScalar {
    static func value(_ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        return plain(scalar.string)
    }

    static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y": return true
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N": return false
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> JSONValue? {
        guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first) else {
            return nil
        }
        let digits = text.replacing("_", with: "")
        let isNegative = digits.hasPrefix("-")
        let bare = isNegative || digits.hasPrefix("+") ? String(digits.dropFirst()) : digits
        let sign: Int64 = isNegative ? -1 : 1
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] where bare.hasPrefix(prefix) {
            return Int64(bare.dropFirst(2), radix: radix).map { .integer(sign * $0) }
        }
        if bare.count > 1, bare.hasPrefix("0"), let octal = Int64(bare, radix: 8) { return .integer(sign * octal) }
        if let integer = Int64(digits) { return .integer(integer) }
        let isNumeric = bare.utf8.allSatisfy { (0x30...0x39).contains($0) || ".eE+-".utf8.contains($0) }
        guard isNumeric, let fraction = Double(digits), fraction.isFinite else { return nil }
        return .number(fraction)
    }
}

/// JSON as YAML, for clients that ask for it: block style, names sorted.
enum YAMLText {
    static func print(_ value: JSONValue) -> String {
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
