import Netlink

/// Why a node of its own could not be made, found or removed.
struct NodeError: Error, CustomStringConvertible {
    enum Code: Sendable {
        case badName
        /// Another process holds the run.
        case busy
        case system
        /// A program that is needed is not installed.
        case missingProgram
        /// The daemon does not take what it was told.
        case refused
        /// A part did not come up in time.
        case notReady
    }

    let code: Code
    let message: String
    let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// `result` is a negative errno.
    static func call(_ name: String, _ result: Int32) -> NodeError {
        NodeError(.system, "\(name): \(errnoText(-result)) (errno \(-result))")
    }

    var description: String { cause.map { "\(message): \($0)" } ?? message }
}
