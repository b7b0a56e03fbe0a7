import JSONText

/// How an answer is held against the one that was recorded.
enum ExchangeComparison {
    private static let shownBytesMax = 160

    /// Cuts an answer to the shape in which the recorded one was kept: names for items, tables without ages and
    /// descriptions, the members that are there.
    static func shaped(_ answer: JSONValue, like wanted: JSONValue) -> JSONValue {
        guard let members = wanted.object, answer.object != nil else { return answer }
        var answer = answer
        if members["itemNames"] != nil, let items = answer["items"]?.array {
            answer["items"] = nil
            answer["itemNames"] = .array(items.map { $0[path: "metadata", "name"] ?? .null })
        }
        if answer["kind"] == "Table", wanted["kind"] == "Table" { answer = table(answer) }
        if answer["metadata"]?.object != nil, wanted[path: "metadata", "name"] == "<generated>" {
            answer["metadata"]?["name"] = "<generated>"
        }
        let present = Set((answer.object ?? [:]).keys)
        if members["metadata"] == nil, present.isStrictSuperset(of: members.keys) {
            answer = .object((answer.object ?? [:]).filter { members[$0.key] != nil })
        }
        return answer
    }

    private static func table(_ table: JSONValue) -> JSONValue {
        var table = table
        let columns = table["columnDefinitions"]?.array ?? []
        let ages = columns.indices.filter {
            ["Age", "Last Seen", "First Seen"].contains(columns[$0]["name"]?.string ?? "")
        }
        table["columnDefinitions"] = .array(
            columns.map { column in
                var column = column
                column["description"] = nil
                return column
            })
        guard let rows = table["rows"]?.array else { return table }
        table["rows"] = .array(
            rows.map { row in
                var row = row
                var cells = row["cells"]?.array ?? []
                for age in ages where cells.indices.contains(age) { cells[age] = "<age>" }
                row["cells"] = .array(cells)
                if let object = row["object"], !object.isNull { row["object"] = ["kind": object["kind"] ?? .null] }
                return row
            })
        return table
    }

    /// A failure is what a program reads of it: code, reason, what it is about, and its causes' reasons and fields. The
    /// order of rules in a review says nothing.
    static func softened(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(softened))
        case .object(let members):
            if members["kind"] == "Status", members["status"] == "Failure" { return failure(value) }
            var result: [String: JSONValue] = [:]
            for (key, member) in members {
                let soft = softened(member)
                if key == "resourceRules" || key == "nonResourceRules", let rules = soft.array {
                    result[key] = .array(rules.sorted { $0.compactText < $1.compactText })
                } else {
                    result[key] = soft
                }
            }
            return .object(result)
        case .string(let text): return .string(withoutElapsedTime(text))
        case .null, .bool, .integer, .number: return value
        }
    }

    /// `2 (3d4h ago)` as `2 (<age> ago)`: how long ago a fixed time was depends on the day of the run.
    private static func withoutElapsedTime(_ text: String) -> String {
        guard text.hasSuffix(" ago)"), let open = text.lastIndex(of: "(") else { return text }
        let age = text[text.index(after: open)...].dropLast(" ago)".count)
        let isAge = age.utf8.allSatisfy { TextPattern.isDigit($0) || "smhdy".utf8.contains($0) }
        return isAge && !age.isEmpty ? "\(text[...open])<age> ago)" : text
    }

    private static func failure(_ status: JSONValue) -> JSONValue {
        let details = status["details"]
        let causes = Set(
            (details?["causes"]?.array ?? []).map { cause in
                [cause["reason"]?.string ?? "", cause["field"]?.string ?? ""]
            })
        return [
            "code": status["code"] ?? .null, "reason": status["reason"] ?? .null,
            "details": [
                "kind": details?["kind"] ?? .null, "name": details?["name"] ?? .null,
                "group": details?["group"] ?? .null,
            ],
            "causes": .array(
                causes.sorted { $0.lexicographicallyPrecedes($1) }.map { .array($0.map { .string($0) }) }),
        ]
    }

    /// Where two values differ, one line a place.
    static func differences(_ answer: JSONValue, _ wanted: JSONValue, at path: String = "") -> [String] {
        if let has = answer.object, let wants = wanted.object {
            return Set(has.keys).union(wants.keys).sorted().flatMap { key -> [String] in
                guard let value = has[key] else { return ["\(path)/\(key) missing, expected \(shown(wants[key]))"] }
                guard let other = wants[key] else { return ["\(path)/\(key) unexpected: \(shown(value))"] }
                return differences(value, other, at: "\(path)/\(key)")
            }
        }
        if let has = answer.array, let wants = wanted.array, has.count == wants.count {
            return has.indices.flatMap { differences(has[$0], wants[$0], at: "\(path)/\($0)") }
        }
        return answer == wanted ? [] : ["\(path): \(shown(answer)), expected \(shown(wanted))"]
    }

    static func shown(_ value: JSONValue?) -> String {
        String((value ?? .null).compactText.prefix(shownBytesMax))
    }
}
