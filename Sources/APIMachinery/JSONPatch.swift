import JSONText

/// JSON patch (RFC 6902). A patch that cannot be read is a 400, one that does not fit the object a 422.
enum JSONPatch {
    /// Operations in one patch.
    static let operationsMax = 10_000

    static func apply(_ patch: JSONValue, to target: JSONValue) throws(APIStatus) -> JSONValue {
        guard case .array(let operations) = patch else {
            throw .badRequest(
                "json: cannot unmarshal \(ObjectDecoder.jsonKind(patch)) into Go value of type jsonpatch.Patch")
        }
        guard operations.count <= operationsMax else {
            throw APIStatus(
                code: 413, reason: "RequestEntityTooLarge",
                message: "The allowed maximum operations in a JSON patch is \(operationsMax), got \(operations.count)")
        }
        var result = target
        for operation in operations { try apply(operation, to: &result) }
        return result
    }

    private static func misfit(_ message: String) -> APIStatus {
        APIStatus(
            code: 422, reason: "Invalid",
            message: "the server rejected our request due to an error in our request: \(message)",
            details: APIStatus.Details())
    }

    private static func apply(_ operation: JSONValue, to target: inout JSONValue) throws(APIStatus) {
        guard case .object = operation else {
            throw .badRequest(
                "json: cannot unmarshal \(ObjectDecoder.jsonKind(operation)) into Go value of type jsonpatch.Operation")
        }
        let path = try pointer(operation["path"])
        switch operation["op"]?.string ?? "" {
        case "add": try add(operation["value"] ?? .null, at: path[...], to: &target)
        case "remove": _ = try remove(at: path[...], from: &target)
        case "replace":
            try replace(operation["value"] ?? .null, at: path[...], in: &target)
        case "move":
            let moved = try remove(at: try pointer(operation["from"])[...], from: &target)
            try add(moved, at: path[...], to: &target)
        case "copy":
            let from = try pointer(operation["from"])
            guard value(at: from.dropLast(), in: target) != nil else { throw misfit("nothing to copy from") }
            try add(value(at: from, in: target) ?? .null, at: path[...], to: &target)
        case "test":
            guard value(at: path, in: target) ?? .null == operation["value"] ?? .null else {
                throw misfit("testing value \(operation.text("path")) failed")
            }
        default: throw misfit("unexpected kind: \(operation["op"]?.string ?? "unknown")")
        }
    }

    /// RFC 6901. What stands before the first slash is not looked at, a missing member is copied as null and replaced
    /// as if it were there: clients have come to rely on the reference server's reading.
    private static func pointer(_ value: JSONValue?) throws(APIStatus) -> [String] {
        guard let text = value?.string else { throw misfit("an operation has no path") }
        if text.isEmpty { return [] }
        return text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { step in
            unescaped(unescaped(String(step), "~1", "/"), "~0", "~")
        }
    }

    private static func unescaped(_ text: String, _ code: String, _ with: String) -> String {
        text.contains(code)
            ? text.split(separator: code, omittingEmptySubsequences: false).joined(separator: with) : text
    }

    /// An index below `count`; negative ones count from the end, as the reference implementation takes them.
    private static func index(_ step: String, _ count: Int) -> Int? {
        guard let number = Int(step), step == String(number) else { return nil }
        let index = number < 0 ? number + count : number
        return (0..<count).contains(index) ? index : nil
    }

    private static func value(at path: some Collection<String>, in target: JSONValue) -> JSONValue? {
        var value = target
        for step in path {
            switch value {
            case .object(let members):
                guard let next = members[step] else { return nil }
                value = next
            case .array(let elements):
                guard let index = index(step, elements.count) else { return nil }
                value = elements[index]
            case .null, .bool, .integer, .number, .string: return nil
            }
        }
        return value
    }

    private static func descend(
        _ path: ArraySlice<String>, _ target: inout JSONValue,
        _ change: (String, inout JSONValue) throws(APIStatus) -> Void
    ) throws(APIStatus) {
        guard let step = path.first else { throw misfit("an operation on the whole document") }
        if path.count == 1 { return try change(step, &target) }
        switch target {
        case .object(var members):
            guard var next = members[step] else { throw misfit("missing path: \(step)") }
            target = .null
            defer { target = .object(members) }
            try descend(path.dropFirst(), &next, change)
            members[step] = next
        case .array(var elements):
            guard let index = index(step, elements.count) else { throw misfit("missing path: \(step)") }
            var next = elements[index]
            target = .null
            defer { target = .array(elements) }
            try descend(path.dropFirst(), &next, change)
            elements[index] = next
        case .null, .bool, .integer, .number, .string: throw misfit("missing path: \(step)")
        }
    }

    private static func add(_ value: JSONValue, at path: ArraySlice<String>, to target: inout JSONValue)
        throws(APIStatus)
    {
        if path.isEmpty {
            target = value
            return
        }
        try descend(path, &target) { (step, parent) throws(APIStatus) in
            switch parent {
            case .object: parent[step] = value
            case .array(var elements):
                if step == "-" {
                    elements.append(value)
                } else {
                    guard let index = index(step, elements.count + 1) else {
                        throw misfit("index \(step) out of range")
                    }
                    elements.insert(value, at: index)
                }
                parent = .array(elements)
            case .null, .bool, .integer, .number, .string: throw misfit("nothing to add to at \(step)")
            }
        }
    }

    private static func replace(_ value: JSONValue, at path: ArraySlice<String>, in target: inout JSONValue)
        throws(APIStatus)
    {
        if path.isEmpty {
            target = value
            return
        }
        try descend(path, &target) { (step, parent) throws(APIStatus) in
            switch parent {
            case .object: parent[step] = value
            case .array(var elements):
                guard let index = index(step, elements.count) else { throw misfit("index \(step) out of range") }
                elements[index] = value
                parent = .array(elements)
            case .null, .bool, .integer, .number, .string: throw misfit("nothing to replace at \(step)")
            }
        }
    }

    private static func remove(at path: ArraySlice<String>, from target: inout JSONValue) throws(APIStatus) -> JSONValue
    {
        var removed = JSONValue.null
        try descend(path, &target) { (step, parent) throws(APIStatus) in
            switch parent {
            case .object(let members):
                guard let value = members[step] else { throw misfit("unable to remove nonexistent key: \(step)") }
                removed = value
                parent[step] = nil
            case .array(var elements):
                guard let index = index(step, elements.count) else { throw misfit("index \(step) out of range") }
                removed = elements.remove(at: index)
                parent = .array(elements)
            case .null, .bool, .integer, .number, .string: throw misfit("nothing to remove at \(step)")
            }
        }
        return removed
    }
}
