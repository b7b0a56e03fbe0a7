import APIMachinery
import JSONText

/// The query of a create, update or patch, checked.
struct WriteOptions: Sendable {
    var isDryRun = false
    var fieldValidation = FieldValidation.warn
    /// Who owns the fields that the request sets: the parameter, else the user agent up to the slash.
    var fieldManager = ""
    /// Server-side apply takes fields over from others.
    var isForced = false

    /// - Parameter kind: `CreateOptions`, `UpdateOptions`, `PatchOptions`; stands in refusals.
    init(_ request: APIRequest, kind: String) throws(APIStatus) {
        isDryRun = try Self.dryRun(request.parameters("dryRun"), kind: kind)
        if let text = request.parameter("fieldValidation"), !text.isEmpty {
            guard let known = FieldValidation(rawValue: text) else {
                throw .invalidOptions(kind, .notSupported("fieldValidation", text, ["", "Ignore", "Strict", "Warn"]))
            }
            fieldValidation = known
        }
        isForced = request.flag("force")
        let manager = request.parameter("fieldManager") ?? ""
        if manager.utf8.count > 128 { throw .invalidOptions(kind, .tooLong("fieldManager", bytesMax: 128)) }
        if let wrong = manager.unicodeScalars.first(where: { !$0.properties.isPrintable }) {
            throw .invalidOptions(
                kind, .invalid("fieldManager", .string(manager), "should only contain printable characters: \(wrong)"))
        }
        fieldManager = manager.isEmpty ? Self.manager(userAgent: request.header("user-agent") ?? "") : manager
    }

    static func dryRun(_ values: [String], kind: String) throws(APIStatus) -> Bool {
        for value in values where value != "All" {
            throw .invalidOptions(kind, .notSupported("dryRun", value, ["All"]))
        }
        return !values.isEmpty
    }

    private static func manager(userAgent: String) -> String {
        let head = userAgent.prefix { $0 != "/" }
        return head.isEmpty ? "unknown" : String(head.prefix(128))
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isPrintable: Bool {
        switch generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

/// A `DeleteOptions` object together with the query, checked.
struct DeleteOptions: Sendable {
    enum Propagation: String, Sendable {
        case foreground = "Foreground"
        case background = "Background"
        case orphan = "Orphan"
    }

    var isDryRun = false
    var gracePeriodSeconds: Int64?
    var propagation: Propagation?
    var expectedUID: String?
    var expectedVersion: String?

    init() {}

    init(_ request: APIRequest, body: JSONValue?) throws(APIStatus) {
        let body = body ?? [:]
        let kind = "DeleteOptions"
        let listed = (body["dryRun"]?.array ?? []).compactMap(\.string)
        isDryRun = try WriteOptions.dryRun(listed + request.parameters("dryRun"), kind: kind)
        gracePeriodSeconds = body["gracePeriodSeconds"]?.integer
        if let text = request.parameter("gracePeriodSeconds") {
            guard let seconds = Int64(text) else {
                throw .badRequest("invalid value \"\(text)\" of gracePeriodSeconds: want an integer")
            }
            gracePeriodSeconds = seconds
        }
        let orphans = body["orphanDependents"]?.bool ?? request.parameter("orphanDependents").map { $0 != "false" }
        if let text = body["propagationPolicy"]?.string ?? request.parameter("propagationPolicy"), !text.isEmpty {
            if orphans != nil {
                throw .invalidOptions(
                    kind,
                    .invalid(
                        "propagationPolicy", .string(text),
                        "orphanDependents and deletionPropagation cannot be both set"))
            }
            guard let known = Propagation(rawValue: text) else {
                throw .invalidOptions(
                    kind, .notSupported("propagationPolicy", text, ["Foreground", "Background", "Orphan", "nil"]))
            }
            propagation = known
        } else if let orphans {
            propagation = orphans ? .orphan : .background
        }
        expectedUID = body[path: "preconditions", "uid"]?.string
        expectedVersion = body[path: "preconditions", "resourceVersion"]?.string
    }
}
