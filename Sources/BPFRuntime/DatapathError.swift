/// What went wrong between user space and the kernel.
package struct DatapathError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A system call failed; `errno` and `call` say how.
        case system
        /// The verifier or libbpf refused an object; `log` ends with the reason.
        case load
        /// The kernel lacks a feature.
        case unsupported
        /// A map, program or directory that should be there is not.
        case missing
        /// A map holds no more.
        case full
        /// Two sides disagree on a layout.
        case layout
    }

    package let code: Code
    /// Names the object, and what would be right.
    package let message: String
    /// The call that failed, as named by its manual page.
    package let call: String?
    package let errno: Int32?
    /// The tail of the verifier's or libbpf's log.
    package let log: String?
    package let cause: (any Error)?

    package init(
        _ code: Code, _ message: String, call: String? = nil, errno: Int32? = nil, log: String? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.call = call
        self.errno = errno
        self.log = log
        self.cause = cause
    }

    package var description: String {
        var text = message
        if let call { text += ": \(call)" }
        if let errno { text += ": errno \(errno) (\(SystemCall.text(of: errno)))" }
        if let log, !log.isEmpty { text += "\n\(log)" }
        return text
    }
}
