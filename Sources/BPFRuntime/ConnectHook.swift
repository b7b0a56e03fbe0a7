/// The socket-address hooks of a cgroup, one program each. A v4-mapped address on an IPv6 socket runs only the IPv6 ones.
package enum ConnectHook: String, Sendable, CaseIterable {
    case connect4
    case connect6
    case sendmsg4
    case sendmsg6
    case recvmsg4
    case recvmsg6
    case getpeername4
    case getpeername6

    /// Its program in the object.
    package var program: String { rawValue }
}
