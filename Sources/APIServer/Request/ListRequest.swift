import APIMachinery
import JSONText

/// The query of a list, watch or deletecollection, checked.
struct ListRequest: Sendable {
    enum Match: Sendable {
        case unset
        case exact
        case notOlderThan
    }

    var selector: ObjectSelector
    var limit = 0
    var continuation: Continuation?
    /// As given; empty when not.
    var resourceVersion = ""
    var match = Match.unset
    var allowsBookmarks = false
    var sendsInitialEvents: Bool?
    var timeoutSeconds: Int64?

    /// The revision of `resourceVersion`; nil where it is empty or `0`.
    var revision: Int64? { resourceVersion == "0" ? nil : Int64(resourceVersion) }

    init(_ request: APIRequest, _ kind: ResourceDefinition, isWatch: Bool) throws(APIStatus) {
        selector = try ObjectSelector(
            labelText: request.parameter("labelSelector") ?? "", fieldText: request.parameter("fieldSelector") ?? "",
            kind)
        limit = max(0, try Self.number(request, "limit").map(Int.init) ?? 0)
        timeoutSeconds = try Self.number(request, "timeoutSeconds")
        resourceVersion = request.parameter("resourceVersion") ?? ""
        allowsBookmarks = request.flag("allowWatchBookmarks")
        if request.parameter("sendInitialEvents") != nil { sendsInitialEvents = request.flag("sendInitialEvents") }
        try readMatch(request.parameter("resourceVersionMatch") ?? "", isWatch: isWatch)
        if !resourceVersion.isEmpty, Int64(resourceVersion).map({ $0 >= 0 }) != true {
            throw .invalidOptions(
                "ListOptions", .invalid("resourceVersion", .string(resourceVersion), "must be a number, or empty"))
        }
        if let text = request.parameter("continue"), !text.isEmpty {
            guard resourceVersion.isEmpty || resourceVersion == "0" else {
                throw .badRequest("specifying resource version is not allowed when using continue")
            }
            continuation = try Continuation(parsing: text)
        }
    }

    private mutating func readMatch(_ text: String, isWatch: Bool) throws(APIStatus) {
        switch text {
        case "": match = .unset
        case "Exact": match = .exact
        case "NotOlderThan": match = .notOlderThan
        default:
            throw .invalidOptions(
                "ListOptions", .notSupported("resourceVersionMatch", text, ["", "Exact", "NotOlderThan"]))
        }
        if isWatch { return try checkWatchMatch() }
        if sendsInitialEvents != nil {
            throw Self.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")
        }
        switch match {
        case .unset: return
        case .exact, .notOlderThan: break
        }
        if resourceVersion.isEmpty {
            throw Self.forbidden(
                "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        if case .exact = match, resourceVersion == "0" {
            throw Self.forbidden(
                "resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
    }

    private func checkWatchMatch() throws(APIStatus) {
        switch (sendsInitialEvents, match) {
        case (nil, .unset), (.some, .notOlderThan): return
        case (.some, .unset), (.some, .exact):
            throw Self.forbidden(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
        case (nil, .exact), (nil, .notOlderThan):
            throw Self.forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
    }

    private static func number(_ request: APIRequest, _ name: String) throws(APIStatus) -> Int64? {
        guard let text = request.parameter(name), !text.isEmpty else { return nil }
        guard let number = Int64(text) else {
            throw .badRequest("invalid value \"\(text)\" of the query parameter \(name): want an integer")
        }
        return number
    }

    private static func forbidden(_ field: FieldPath, _ why: String) -> APIStatus {
        .invalidOptions("ListOptions", .forbidden(field, why))
    }
}

/// Where a list in pages goes on: the revision of its first page and the last key given out.
struct Continuation: Hashable, Sendable {
    /// The revision of a list that goes on with what is there now, because its first page's state is gone.
    static let present: Int64 = 0

    var revision: Int64
    var lastKey: String

    /// URL-safe base64 of `REVISION:KEY`.
    var text: String { Base64URL.encode(Array("\(revision):\(lastKey)".utf8)) }

    init(revision: Int64, lastKey: String) {
        self.revision = revision
        self.lastKey = lastKey
    }

    init(parsing text: String) throws(APIStatus) {
        guard let bytes = Base64URL.decode(text) else {
            throw .badRequest("invalid continue token: continue key is not valid: illegal base64 data")
        }
        let plain = String(decoding: bytes, as: UTF8.self)
        let parts = plain.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let revision = Int64(parts[0]), revision >= 0 else {
            throw .badRequest("invalid continue token: continue key is not valid: it names no revision and key")
        }
        self.init(revision: revision, lastKey: String(parts[1]))
    }
}
