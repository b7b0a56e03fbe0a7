import CLinux
import Glibc

/// A network namespace, held open by a descriptor.
package final class NetworkNamespace: Sendable {
    /// Open for as long as this lives.
    package let descriptor: Int32
    package let path: String

    /// Throws `systemCall` where `path` cannot be opened. That it is a network namespace shows at the first use.
    package init(path: String) throws(NetlinkError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw NetlinkError(.systemCall, "open \(path)", errno: errno) }
        self.descriptor = descriptor
        self.path = path
    }

    /// The namespace of the calling thread.
    package static func current() throws(NetlinkError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/thread-self/ns/net")
    }

    /// Makes a namespace and binds it to `path`, where it stays until `remove`.
    package static func create(path: String) throws(NetlinkError) -> NetworkNamespace {
        let result = clinux_make_network_namespace(path)
        if result != 0 { throw .call("make network namespace \(path)", result) }
        return try NetworkNamespace(path: path)
    }

    /// Unbinds `path`; the namespace ends when nothing uses it any more. What is gone already is no error.
    package static func remove(path: String) throws(NetlinkError) {
        let result = clinux_unmount(path, clinux_mnt_detach)
        if result != 0, result != -EINVAL, result != -ENOENT { throw .call("unmount \(path)", result) }
        if unlink(path) != 0, errno != ENOENT { throw NetlinkError(.systemCall, "unlink \(path)", errno: errno) }
    }

    deinit { Glibc.close(descriptor) }

    /// Runs `body` on a fresh thread inside the namespace, and waits for it. The caller's thread does not move.
    package func run<Value>(_ body: () throws(NetlinkError) -> Value) throws(NetlinkError) -> Value {
        var outcome: Result<Value, NetlinkError> = .failure(NetlinkError(.systemCall, "nothing ran in \(path)"))
        let result = withoutActuallyEscaping({ outcome = Result(catching: body) }) { escaping in
            let visit = Visit(body: escaping)
            return withExtendedLifetime(visit) {
                clinux_in_network_namespace(
                    descriptor,
                    { context in
                        guard let context else { return 0 }
                        Unmanaged<Visit>.fromOpaque(context).takeUnretainedValue().body()
                        return 0
                    }, Unmanaged.passUnretained(visit).toOpaque())
            }
        }
        if result != 0 { throw .call("enter network namespace \(path)", result) }
        return try outcome.get()
    }

    /// A connection to this namespace.
    package func connect(_ family: NetlinkFamily = .route) throws(NetlinkError) -> NetlinkConnection {
        try run { () throws(NetlinkError) in try NetlinkConnection(family) }
    }

    /// The number that kernel programs see (`bpf_get_netns_cookie`).
    package func cookie() throws(NetlinkError) -> UInt64 {
        try run { () throws(NetlinkError) in
            let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw NetlinkError(.systemCall, "socket(AF_INET)", errno: errno) }
            defer { Glibc.close(descriptor) }
            var cookie: UInt64 = 0
            let result = clinux_namespace_cookie(descriptor, &cookie)
            if result != 0 { throw NetlinkError.call("getsockopt(SO_NETNS_COOKIE), kernel 5.14 or newer", result) }
            return cookie
        }
    }
}

/// Carries a closure through a C pointer.
private final class Visit {
    let body: () -> Void
    init(body: @escaping () -> Void) { self.body = body }
}
