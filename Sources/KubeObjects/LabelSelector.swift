/// A label selector (`meta/v1`): requirements that all have to hold; without any it selects everything.
/// Kept in canonical form (requirements sorted, values sorted and unique, `matchLabels` as `In` with one value), so
/// that two selectors that are written differently and mean the same are equal.
package struct LabelSelector: Hashable, Sendable, Comparable, CustomStringConvertible {
    package enum Operation: String, Sendable, Hashable {
        case isIn = "In"
        case isNotIn = "NotIn"
        case exists = "Exists"
        case doesNotExist = "DoesNotExist"
    }

    package struct Requirement: Hashable, Sendable, Comparable, CustomStringConvertible {
        package let key: String
        package let operation: Operation
        package let values: [String]

        package init(key: String, operation: Operation, values: [String] = []) {
            self.key = key
            self.operation = operation
            self.values = Set(values).sorted()
        }

        /// `NotIn` holds where the key is absent.
        package func matches(_ labels: [String: String]) -> Bool {
            let value = labels[key]
            switch operation {
            case .isIn: return value.map(values.contains) ?? false
            case .isNotIn: return !(value.map(values.contains) ?? false)
            case .exists: return value != nil
            case .doesNotExist: return value == nil
            }
        }

        package var description: String {
            switch operation {
            case .isIn where values.count == 1: "\(key)=\(values[0])"
            case .isIn: "\(key) in (\(values.joined(separator: ",")))"
            case .isNotIn: "\(key) notin (\(values.joined(separator: ",")))"
            case .exists: key
            case .doesNotExist: "!\(key)"
            }
        }

        package static func < (left: Self, right: Self) -> Bool {
            if left.key != right.key { return left.key < right.key }
            if left.operation != right.operation { return left.operation.rawValue < right.operation.rawValue }
            return left.values.lexicographicallyPrecedes(right.values)
        }
    }

    package let requirements: [Requirement]

    package static let everything = LabelSelector([])

    package init(_ requirements: [Requirement]) {
        self.requirements = Set(requirements).sorted()
    }

    package init(matchLabels: [String: String]) {
        self.init(matchLabels.map { Requirement(key: $0.key, operation: .isIn, values: [$0.value]) })
    }

    package init(_ reader: FieldReader) throws(ObjectError) {
        try reader.allow(only: ["matchLabels", "matchExpressions"])
        var found: [Requirement] = []
        for (key, value) in try reader["matchLabels"].stringMap() {
            found.append(Requirement(key: key, operation: .isIn, values: [value]))
        }
        for expression in try reader["matchExpressions"].elements() {
            try expression.allow(only: ["key", "operator", "values"])
            let key = try expression["key"].requiredString()
            let name = try expression["operator"].requiredString()
            guard let operation = Operation(rawValue: name) else {
                throw expression["operator"].invalid("\"\(name)\" is not one of In, NotIn, Exists, DoesNotExist")
            }
            let values = try expression["values"].strings()
            switch operation {
            case .isIn, .isNotIn:
                if values.isEmpty { throw expression["values"].invalid("\(name) needs at least one value") }
            case .exists, .doesNotExist:
                if !values.isEmpty { throw expression["values"].invalid("\(name) takes no values") }
            }
            found.append(Requirement(key: key, operation: operation, values: values))
        }
        self.init(found)
    }

    package var isEverything: Bool { requirements.isEmpty }

    package func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { $0.matches(labels) }
    }

    /// The first requirement that does not hold; nil where all do. For explanations.
    package func failure(_ labels: [String: String]) -> Requirement? {
        requirements.first { !$0.matches(labels) }
    }

    package var description: String {
        requirements.isEmpty ? "everything" : requirements.map(\.description).joined(separator: ", ")
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.requirements.lexicographicallyPrecedes(right.requirements)
    }
}
