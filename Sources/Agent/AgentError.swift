/// What keeps the agent from doing its work: what, where, and what would be right.
package struct AgentError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A file of the state directory cannot be read or written.
        case journal
        /// The kernel's side refused.
        case datapath
        /// An object or address asked for is not there.
        case notFound
        case invalid
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
