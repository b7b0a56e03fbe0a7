package import JSONText

/// Why the daemon did not do what was asked, as it crosses the local socket. The codes up to 99 are those of the CNI
/// specification ("Well-known Error Codes"); from 100 on they are Martlet's own.
package struct DaemonError: Error, Sendable, Hashable {
    package enum Code: Int, Sendable, CaseIterable {
        case incompatibleVersion = 1
        case unsupportedField = 2
        case unknownContainer = 3
        case invalidEnvironment = 4
        case ioFailure = 5
        case decodingFailure = 6
        case invalidConfiguration = 7
        case tryAgainLater = 11
        /// STATUS: ADD cannot be served.
        case unavailable = 50
        /// STATUS: ADD cannot be served, and containers that exist may have limited connectivity.
        case limitedConnectivity = 51
        case internalFailure = 100
        case unknownMethod = 101
        case notFound = 102
        case tooLarge = 103
        /// CHECK found another state than the one recorded.
        case stateMismatch = 104
    }

    package let code: Code
    /// One sentence naming the object and what would be right.
    package let message: String
    /// What caused it, where there is more to tell (an errno and its call, say). Empty where not.
    package let cause: String

    package init(_ code: Code, _ message: String, cause: String = "") {
        self.code = code
        self.message = message
        self.cause = cause
    }

    static func tooLarge(bytes: Int, limit: Int) -> DaemonError {
        DaemonError(.tooLarge, "a message of \(bytes) bytes is over the limit of \(limit)")
    }

    /// The error object of the CNI specification without `cniVersion`: `code`, `msg`, and `details` where there are
    /// any.
    package var json: JSONValue {
        var value: JSONValue = ["code": .integer(Int64(code.rawValue)), "msg": .string(message)]
        if !cause.isEmpty { value["details"] = .string(cause) }
        return value
    }

    /// Reads `json` back; a code that this version does not know becomes `internalFailure`.
    package init?(json: JSONValue) {
        guard let number = json["code"]?.integer, let message = json["msg"]?.string else { return nil }
        let code = Int(exactly: number).flatMap(Code.init(rawValue:)) ?? .internalFailure
        self.init(code, message, cause: json["details"]?.string ?? "")
    }
}
