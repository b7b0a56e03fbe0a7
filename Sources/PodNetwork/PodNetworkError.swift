package import DaemonAPI

/// Why an attachment could not be made, checked or taken away. `code` is what the container runtime is told.
package struct PodNetworkError: Error, Sendable, CustomStringConvertible {
    package let code: DaemonError.Code
    /// One sentence naming the object and what would be right.
    package let message: String
    package let cause: (any Error)?

    package init(_ code: DaemonError.Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }

    /// As it crosses the local socket.
    package var daemonError: DaemonError {
        DaemonError(code, message, cause: cause.map { String(describing: $0) } ?? "")
    }
}
