/// Why the server does not start, or stops.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A file of the state directory cannot be read or written; `message` has the call and its error.
        case file
        /// Keys or certificates are missing, damaged or cannot be made.
        case keys
        /// An address cannot be listened on.
        case listen
        /// The configuration contradicts itself.
        case configuration
        /// The store refused.
        case store
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
