package import JSONText
import Yams

/// A text that is no YAML that we take, with the parser's reason: `yaml: line 3: …`. The one error of this target.
package struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// YAML read as JSON, by the rules of YAML 1.1 that Kubernetes' parser follows.
package enum YAMLReader {

    private static let depthMax = 200
    private static let nodesMax = 1 << 20
    /// Duplicated keys beyond these are an error even where duplicates are let pass.
    private static let duplicatesMax = 64
    /// Stands in front of the number that an overruled key is renamed to.
    private static let overruledMark = "\u{1}"

    /// The first document, and the duplicated keys in it: `line 8: key "a" already set in map`.
    package static func parse(_ bytes: [UInt8]) throws(YAMLError) -> (value: JSONValue, duplicates: [String]) {
        guard let given = String(validating: bytes, as: UTF8.self) else {
            throw YAMLError(message: "yaml: invalid UTF-8")
        }
        try checkDepth(given)
        var text = given
        var duplicates: [String] = []
        while true {
            do {
                guard let node = try Yams.compose(yaml: text) else { return (.null, duplicates) }
                var converter = Converter()
                return (try converter.value(node, depth: 0), duplicates)
            } catch let error as YAMLError {
                throw error
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let line = context.mark.line
                guard duplicates.count < duplicatesMax, let key = keys.first,
                    let (changed, later) = overrule(key, in: text, from: line, serial: duplicates.count)
                else { throw YAMLError(message: "yaml: line \(line): a key is already set in map") }
                text = changed
                duplicates.append("line \(later): key \"\(key)\" already set in map")
            } catch {
                throw YAMLError(message: "yaml: \(error)")
            }
        }
    }

    /// All documents of a text, empty ones left out. A key that stands twice in a mapping is an error.
    package static func parseAll(_ text: String) throws(YAMLError) -> [JSONValue] {
        try checkDepth(text)
        do {
            var converter = Converter()
            // A value: only the sequence that is itself walked knows the error that ended it.
            var nodes = try Yams.compose_all(yaml: text)
            var documents: [JSONValue] = []
            while let node = nodes.next() {
                let document = try converter.value(node, depth: 0)
                if !document.isNull { documents.append(document) }
            }
            if let error = nodes.error { throw error }
            return documents
        } catch let error as YAMLError {
            throw error
        } catch {
            throw YAMLError(message: "yaml: \(error)")
        }
    }

    /// Nesting is refused before the parser meets it: its recursion follows the depth.
    private static func checkDepth(_ text: String) throws(YAMLError) {
        var flow = 0
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            var dashes = 0
            var column = 0
            for byte in line {
                if byte == UInt8(ascii: "-") { dashes += 1 } else if byte != UInt8(ascii: " ") { break }
                column += 1
            }
            guard dashes <= depthMax, column - dashes <= 8 * depthMax else {
                throw YAMLError(message: "yaml: exceeded max depth of \(depthMax)")
            }
            for byte in line {
                if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { flow += 1 }
                if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { flow = max(0, flow - 1) }
            }
            guard flow <= 4 * depthMax else { throw YAMLError(message: "yaml: exceeded max depth of \(depthMax)") }
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

        mutating func value(_ node: Node, depth: Int) throws(YAMLError) -> JSONValue {
            nodes += 1
            guard depth < depthMax else { throw YAMLError(message: "yaml: exceeded max depth of \(depthMax)") }
            guard nodes < nodesMax else { throw YAMLError(message: "yaml: document contains excessive aliasing") }
            switch node {
            case .scalar(let scalar): return YAMLScalar.value(scalar)
            case .sequence(let sequence):
                var elements: [JSONValue] = []
                for element in sequence { elements.append(try value(element, depth: depth + 1)) }
                return .array(elements)
            case .mapping(let mapping):
                var members: [String: JSONValue] = [:]
                for (key, entry) in mapping {
                    guard case .scalar(let name) = key else { throw YAMLError(message: "yaml: a key is no scalar") }
                    if name.string.hasPrefix(overruledMark) { continue }
                    let converted = try value(entry, depth: depth + 1)
                    if name.string == "<<", case .object(let merged) = converted {
                        members.merge(merged) { own, _ in own }
                    } else {
                        members[name.string] = converted
                    }
                }
                return .object(members)
            case .alias: throw YAMLError(message: "yaml: unknown anchor")
            }
        }
    }
}
