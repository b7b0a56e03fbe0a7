import JSONText

extension JSONValue {
    /// An object of the members that are there: neither nil nor null.
    static func members(_ members: [String: JSONValue?]) -> JSONValue {
        var result: [String: JSONValue] = [:]
        for (name, member) in members {
            if let member, !member.isNull { result[name] = member }
        }
        return .object(result)
    }

    static func strings(_ values: some Sequence<String>) -> JSONValue { .array(values.map { .string($0) }) }

    static func stringMap(_ values: [String: String]) -> JSONValue { .object(values.mapValues { .string($0) }) }

    /// A string, or nothing where it is empty.
    static func nonEmpty(_ text: String) -> JSONValue? { text.isEmpty ? nil : .string(text) }

    static func nonEmpty(_ elements: [JSONValue]) -> JSONValue? { elements.isEmpty ? nil : .array(elements) }

    var stringMap: [String: String] { (object ?? [:]).compactMapValues(\.string) }

    var strings: [String] { (array ?? []).compactMap(\.string) }

    /// `metadata.name` and its neighbours, of a whole object.
    var objectName: String { self["metadata"]?["name"]?.string ?? "" }
    var objectNamespace: String { self["metadata"]?["namespace"]?.string ?? "" }
    var objectUID: String { self["metadata"]?["uid"]?.string ?? "" }
    var isBeingDeleted: Bool { self["metadata"]?["deletionTimestamp"]?.string != nil }
    var finalizers: [String] { self["metadata"]?["finalizers"]?.strings ?? [] }
}
