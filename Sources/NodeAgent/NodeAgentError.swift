/// What went wrong in the node agent: the message names the object and the field or the call.
package struct NodeAgentError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The container runtime answered with an error, or did not answer.
        case runtime
        /// What the pod asks for names something that is not there or makes no sense.
        case configuration
        case imageMissing
        case imagePull
        case volume
        /// A system call failed; `message` holds its name and errno.
        case system
        case notFound
        case limit
        case invalidRequest
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        guard let cause else { return message }
        return "\(message): \(cause)"
    }
}
