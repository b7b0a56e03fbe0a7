package import JSONText

/// A refusal as the API answers it: a `Status` object (`meta/v1`). The one error of this target.
package struct APIStatus: Error, Sendable, Hashable {
    package struct Cause: Sendable, Hashable {
        package let reason: String
        package let message: String
        package let field: String

        package init(reason: String, message: String, field: String) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    package struct Details: Sendable, Hashable {
        package var name = ""
        package var group = ""
        package var kind = ""
        package var uid = ""
        package var causes: [Cause] = []
        package var retryAfterSeconds = 0

        package init(
            name: String = "", group: String = "", kind: String = "", uid: String = "", causes: [Cause] = [],
            retryAfterSeconds: Int = 0
        ) {
            self.name = name
            self.group = group
            self.kind = kind
            self.uid = uid
            self.causes = causes
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    /// HTTP status.
    package let code: Int
    package let reason: String
    package let message: String
    package let details: Details?
    /// Where a list that broke off can go on (`metadata.continue`); empty elsewhere.
    package var continuation = ""
    /// Another writer came between reading and writing: who named no version may try again. No part of the answer.
    package private(set) var isLostRace = false

    package init(code: Int, reason: String, message: String, details: Details? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
    }

    package static func badRequest(_ message: String) -> APIStatus {
        APIStatus(code: 400, reason: "BadRequest", message: message)
    }

    /// 404 for an object; `resource` is the plural.
    package static func notFound(group: String, resource: String, name: String) -> APIStatus {
        APIStatus(
            code: 404, reason: "NotFound", message: "\(qualified(resource, group)) \"\(name)\" not found",
            details: Details(name: name, group: group, kind: resource))
    }

    package static func alreadyExists(group: String, resource: String, name: String) -> APIStatus {
        APIStatus(
            code: 409, reason: "AlreadyExists", message: "\(qualified(resource, group)) \"\(name)\" already exists",
            details: Details(name: name, group: group, kind: resource))
    }

    package static func conflict(group: String, resource: String, name: String, _ why: String) -> APIStatus {
        APIStatus(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(qualified(resource, group)) \"\(name)\": \(why)",
            details: Details(name: name, group: group, kind: resource))
    }

    /// The stored object is newer than the one that the client changed.
    package static func stale(group: String, resource: String, name: String) -> APIStatus {
        conflict(
            group: group, resource: resource, name: name,
            "the object has been modified; please apply your changes to the latest version and try again")
    }

    /// As `stale`, where the store found it so.
    package static func lostRace(group: String, resource: String, name: String) -> APIStatus {
        var status = stale(group: group, resource: resource, name: name)
        status.isLostRace = true
        return status
    }

    package static func forbidden(group: String, resource: String, name: String, _ why: String) -> APIStatus {
        let object = name.isEmpty ? qualified(resource, group) : "\(qualified(resource, group)) \"\(name)\""
        return APIStatus(
            code: 403, reason: "Forbidden", message: "\(object) is forbidden: \(why)",
            details: Details(name: name, group: group, kind: resource))
    }

    package static func methodNotAllowed(group: String, resource: String, verb: String) -> APIStatus {
        APIStatus(
            code: 405, reason: "MethodNotAllowed",
            message: "\(verb) is not supported on resources of kind \"\(qualified(resource, group))\"",
            details: Details(group: group, kind: resource))
    }

    /// 422 with a cause per field.
    package static func invalid(group: String, kind: String, name: String, _ errors: [FieldError]) -> APIStatus {
        let texts = errors.map { "\($0.field): \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return APIStatus(
            code: 422, reason: "Invalid", message: "\(qualified(kind, group)) \"\(name)\" is invalid: \(list)",
            details: Details(
                name: name, group: group, kind: kind,
                causes: errors.map { Cause(reason: $0.reason.rawValue, message: $0.message, field: $0.field) }))
    }

    private static func qualified(_ resource: String, _ group: String) -> String {
        group.isEmpty ? resource : "\(resource).\(group)"
    }

    /// The `Status` object.
    package var json: JSONValue {
        var status: [String: JSONValue] = [
            "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Failure",
            "message": .string(message), "code": .integer(Int64(code)),
        ]
        if !continuation.isEmpty { status["metadata"] = ["continue": .string(continuation)] }
        if !reason.isEmpty { status["reason"] = .string(reason) }
        if let details { status["details"] = Self.json(details) }
        return .object(status)
    }

    private static func json(_ details: Details) -> JSONValue {
        var object: [String: JSONValue] = [:]
        if !details.name.isEmpty { object["name"] = .string(details.name) }
        if !details.group.isEmpty { object["group"] = .string(details.group) }
        if !details.kind.isEmpty { object["kind"] = .string(details.kind) }
        if !details.uid.isEmpty { object["uid"] = .string(details.uid) }
        if details.retryAfterSeconds > 0 { object["retryAfterSeconds"] = .integer(Int64(details.retryAfterSeconds)) }
        if !details.causes.isEmpty {
            object["causes"] = .array(
                details.causes.map { cause in
                    var entry: [String: JSONValue] = [:]
                    if !cause.reason.isEmpty { entry["reason"] = .string(cause.reason) }
                    if !cause.message.isEmpty { entry["message"] = .string(cause.message) }
                    if !cause.field.isEmpty { entry["field"] = .string(cause.field) }
                    return .object(entry)
                })
        }
        return .object(object)
    }

    /// A `Status` that says success.
    package static func success(code: Int? = nil, details: Details? = nil) -> JSONValue {
        var status: [String: JSONValue] = [
            "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Success",
        ]
        if let code { status["code"] = .integer(Int64(code)) }
        if let details { status["details"] = json(details) }
        return .object(status)
    }
}
