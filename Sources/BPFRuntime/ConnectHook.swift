import CLibbpf

/// The socket-address hooks of a cgroup, one program each. A v4-mapped address on an IPv6 socket runs only the IPv6
/// ones.
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

    var attachType: bpf_attach_type {
        switch self {
        case .connect4: BPF_CGROUP_INET4_CONNECT
        case .connect6: BPF_CGROUP_INET6_CONNECT
        case .sendmsg4: BPF_CGROUP_UDP4_SENDMSG
        case .sendmsg6: BPF_CGROUP_UDP6_SENDMSG
        case .recvmsg4: BPF_CGROUP_UDP4_RECVMSG
        case .recvmsg6: BPF_CGROUP_UDP6_RECVMSG
        case .getpeername4: BPF_CGROUP_INET4_GETPEERNAME
        case .getpeername6: BPF_CGROUP_INET6_GETPEERNAME
        }
    }
}
