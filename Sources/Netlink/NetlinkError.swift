/// Why a netlink request failed.
package struct NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// A system call of ours failed.
        case systemCall
        /// The kernel refused the request.
        case refused
        /// The kernel's answer is cut off or contradicts itself.
        case malformed
        /// A dump changed underneath us each time it was read.
        case unstableDump
    }

    package let code: Code
    /// What was being done, and the kernel's own words where it gave any.
    package let message: String
    /// The errno of `systemCall` and `refused`; 0 otherwise.
    package let errno: Int32

    package init(_ code: Code, _ message: String, errno: Int32 = 0) {
        self.code = code
        self.message = message
        self.errno = errno
    }

    package var description: String { errno == 0 ? message : "\(message): errno \(errno) (\(errnoText(errno)))" }
}
