package import JSONText

/// A label selector as a query gives it: `a=b,c!=d,e in (f,g),!h,i`.
package struct LabelQuery: Sendable, Hashable {
    package enum Operator: Sendable, Hashable {
        case isIn(Set<String>)
        case isNotIn(Set<String>)
        case exists
        case absent
        case greater(Int64)
        case less(Int64)
    }

    package struct Requirement: Sendable, Hashable {
        package let key: String
        package let operation: Operator
    }

    package let requirements: [Requirement]

    package var isEmpty: Bool { requirements.isEmpty }

    /// Refuses with 400 what cannot be read.
    package init(_ text: String) throws(APIStatus) {
        var parser = LabelQueryParser(text)
        requirements = try parser.requirements()
    }

    package func matches(_ object: JSONValue) -> Bool {
        guard !requirements.isEmpty else { return true }
        let labels = object["metadata"]?["labels"]?.object ?? [:]
        return requirements.allSatisfy { requirement in
            let value = labels[requirement.key]?.string
            switch requirement.operation {
            case .isIn(let values): return value.map(values.contains) ?? false
            case .isNotIn(let values): return value.map { !values.contains($0) } ?? true
            case .exists: return value != nil
            case .absent: return value == nil
            case .greater(let bound): return value.flatMap { Int64($0) }.map { $0 > bound } ?? false
            case .less(let bound): return value.flatMap { Int64($0) }.map { $0 < bound } ?? false
            }
        }
    }
}

/// Tokens: words and the signs `( ) , ! = == != > <`.
struct LabelQueryParser {
    private var tokens: [String]
    private var at = 0
    private static let signs: Set<Character> = ["(", ")", ",", "!", "=", ">", "<"]

    init(_ text: String) {
        tokens = []
        var rest = text[...]
        while let next = rest.first {
            if next.isWhitespace {
                rest.removeFirst()
            } else if Self.signs.contains(next) {
                let two = String(rest.prefix(2))
                let sign = two == "==" || two == "!=" ? two : String(next)
                tokens.append(sign)
                rest.removeFirst(sign.count)
            } else {
                let word = rest.prefix { !$0.isWhitespace && !Self.signs.contains($0) }
                tokens.append(String(word))
                rest.removeFirst(word.count)
            }
        }
    }

    private var token: String? { at < tokens.count ? tokens[at] : nil }
    private var isWord: Bool { token.map { $0.first.map { !Self.signs.contains($0) } ?? false } ?? false }
    private func found(_ expected: String) -> APIStatus {
        .badRequest("unable to parse requirement: found '\(token ?? "")', expected: \(expected)")
    }

    mutating func requirements() throws(APIStatus) -> [LabelQuery.Requirement] {
        var list: [LabelQuery.Requirement] = []
        guard token != nil else { return list }
        while true {
            list.append(try requirement())
            guard let next = token else { return list }
            guard next == "," else { throw found("',' or 'end of string'") }
            at += 1
            guard isWord || token == "!" else { throw found("identifier after ','") }
        }
    }

    private mutating func requirement() throws(APIStatus) -> LabelQuery.Requirement {
        let isAbsent = token == "!"
        if isAbsent { at += 1 }
        guard isWord, let key = token else { throw found("!, identifier, or 'end of string'") }
        at += 1
        let faults = Names.qualifiedNameFaults(key)
        if !faults.isEmpty {
            throw .badRequest(
                "unable to parse requirement: Invalid value: \"\(key)\": \(faults.joined(separator: "; "))")
        }
        if isAbsent { return LabelQuery.Requirement(key: key, operation: .absent) }
        return LabelQuery.Requirement(key: key, operation: try operation(key))
    }

    private mutating func operation(_ key: String) throws(APIStatus) -> LabelQuery.Operator {
        guard let sign = token, sign != "," else { return .exists }
        at += 1
        switch sign {
        case "=", "==": return .isIn([try value()])
        case "!=": return .isNotIn([try value()])
        case "in": return .isIn(try values())
        case "notin": return .isNotIn(try values())
        case ">", "gt": return .greater(try number())
        case "<", "lt": return .less(try number())
        default:
            at -= 1
            throw found("in, notin, =, ==, !=, gt, lt")
        }
    }

    private mutating func value() throws(APIStatus) -> String {
        guard isWord, let word = token else {
            guard token == nil || token == "," else { throw found("identifier") }
            return ""
        }
        at += 1
        return try checked(word)
    }

    private func checked(_ value: String) throws(APIStatus) -> String {
        let faults = Names.labelValueFaults(value)
        guard faults.isEmpty else {
            throw .badRequest(
                "unable to parse requirement: Invalid value: \"\(value)\": \(faults.joined(separator: "; "))")
        }
        return value
    }

    private mutating func number() throws(APIStatus) -> Int64 {
        guard isWord, let word = token, let number = Int64(word) else { throw found("an integer") }
        at += 1
        return number
    }

    private mutating func values() throws(APIStatus) -> Set<String> {
        guard token == "(" else { throw found("'('") }
        at += 1
        var values: Set<String> = []
        if token == ")" {
            at += 1
            return [""]
        }
        while true {
            if isWord, let word = token {
                values.insert(try checked(word))
                at += 1
            } else {
                values.insert("")
            }
            switch token {
            case ",": at += 1
            case ")":
                at += 1
                return values
            default: throw found("',' or ')'")
            }
        }
    }
}
