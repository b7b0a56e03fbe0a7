package import JSONText

/// A field selector as a query gives it: `metadata.name=a,status.phase!=Failed`.
package struct FieldQuery: Sendable {
    package struct Requirement: Sendable, Hashable {
        package let field: String
        package let value: String
        package let isEqual: Bool
    }

    package let requirements: [Requirement]
    private let rules: any KindRules.Type

    package var isEmpty: Bool { requirements.isEmpty }

    /// The value that `metadata.name` has to have, where the selector says so.
    package var name: String? { requirements.first { $0.field == "metadata.name" && $0.isEqual }?.value }

    /// Refuses with 400 what cannot be read and fields that the kind does not offer.
    package init(_ text: String, for resource: ResourceDefinition) throws(APIStatus) {
        rules = resource.rules
        var list: [Requirement] = []
        for part in Self.split(text) where !part.isEmpty {
            list.append(try Self.requirement(part, text))
        }
        let known = ["metadata.name", "metadata.namespace"] + rules.selectableFieldNames
        for requirement in list where !known.contains(requirement.field) {
            let names = known.map { "\"\($0)\"" }.joined(separator: ", ")
            throw .badRequest("\"\(requirement.field)\" is not a known field selector: only \(names)")
        }
        requirements = list
    }

    /// At commas that are not escaped.
    private static func split(_ text: String) -> [String] {
        var parts = [""]
        var isEscaped = false
        for character in text {
            if isEscaped {
                parts[parts.count - 1].append(contentsOf: "\\\(character)")
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }

    private static func requirement(_ part: String, _ whole: String) throws(APIStatus) -> Requirement {
        guard let sign = part.firstIndex(where: { $0 == "=" || $0 == "!" }) else {
            throw .badRequest("invalid selector: '\(whole)'; can't understand '\(part)'")
        }
        let field = String(part[..<sign])
        let rest = part[sign...]
        for mark in ["!=", "==", "="] where rest.hasPrefix(mark) {
            let value = unescaped(String(rest.dropFirst(mark.count)))
            return Requirement(field: field, value: value, isEqual: mark != "!=")
        }
        throw .badRequest("invalid selector: '\(whole)'; can't understand '\(part)'")
    }

    private static func unescaped(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var result = ""
        var isEscaped = false
        for character in text {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                result.append(character)
                isEscaped = false
            }
        }
        return result
    }

    package func matches(_ object: JSONValue) -> Bool {
        guard !requirements.isEmpty else { return true }
        let fields = requirements.contains { !$0.field.hasPrefix("metadata.") } ? rules.selectableFields(object) : [:]
        return requirements.allSatisfy { requirement in
            let value: String
            switch requirement.field {
            case "metadata.name": value = object.name
            case "metadata.namespace": value = object.namespace
            default: value = fields[requirement.field] ?? ""
            }
            return (value == requirement.value) == requirement.isEqual
        }
    }
}
