import APIMachinery

/// Refusals that the server gives before a kind is known.
extension APIStatus {
    static let unauthorized = APIStatus(code: 401, reason: "Unauthorized", message: "Unauthorized")

    static let noSuchPath = APIStatus(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: .init())

    static let noSuchMethod = APIStatus(
        code: 405, reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource", details: .init())

    static func expired(_ message: String) -> APIStatus {
        APIStatus(code: 410, reason: "Expired", message: message)
    }

    static func internalError(_ message: String) -> APIStatus {
        APIStatus(
            code: 500, reason: "InternalError", message: "Internal error occurred: \(message)",
            details: .init(causes: [.init(reason: "", message: message, field: "")]))
    }

    static func notAcceptable(_ message: String, details: Details? = nil) -> APIStatus {
        APIStatus(code: 406, reason: "NotAcceptable", message: message, details: details)
    }

    static func unsupportedMediaType(_ accepted: [String]) -> APIStatus {
        APIStatus(
            code: 415, reason: "UnsupportedMediaType",
            message: "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }

    static let tooLarge = APIStatus(
        code: 413, reason: "RequestEntityTooLarge",
        message: "Request entity too large: limit is \(Limits.bodyBytesMax)")

    static let headersTooLarge = APIStatus(
        code: 431, reason: "RequestHeaderFieldsTooLarge", message: "the request's head is too large")

    static let tooManyRequests = APIStatus(
        code: 429, reason: "TooManyRequests", message: "too many requests are being served, please try again later",
        details: .init(retryAfterSeconds: 1))

    static let timeout = APIStatus(
        code: 504, reason: "Timeout", message: "the request took longer than the server allows", details: .init())

    static func unavailable(_ why: String) -> APIStatus {
        APIStatus(
            code: 503, reason: "ServiceUnavailable",
            message: "the server is currently unable to handle the request: \(why)",
            details: .init(retryAfterSeconds: 1))
    }

    /// 422 for query parameters, which stand for an options object of `meta/v1`.
    static func invalidOptions(_ kind: String, _ error: FieldError) -> APIStatus {
        .invalid(group: "meta.k8s.io", kind: kind, name: "", [error])
    }
}
