import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
import NetTypes

/// Whether `connect` is in effect for this process: a socket that dials a Service has its frontend recorded by the
/// hook.
enum ConnectProbe {
    /// Dials without waiting for the answer, looks the socket up, and closes it. Nil where the hook translated it;
    /// otherwise what was seen instead.
    static func failure(frontend: IPAddress, port: UInt16, datapath: any Datapath) -> String? {
        let family = frontend.isV4 ? AF_INET : AF_INET6
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { return "socket: errno \(errno)" }
        defer { close(descriptor) }
        let dialled = withSocketAddress(frontend, port) { connect(descriptor, $0, $1) }
        guard dialled == 0 || errno == EINPROGRESS else { return "connect to \(frontend): errno \(errno)" }
        var key = martlet_socket_key()
        var length = socklen_t(MemoryLayout<UInt64>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &key.cookie, &length) == 0 else {
            return "SO_COOKIE: errno \(errno)"
        }
        do throws(DatapathError) {
            let recorded = try datapath.entries(MapCatalog.socketFrontends).contains { $0.key.cookie == key.cookie }
            return recorded ? nil : "a connection to \(frontend) port \(port) did not pass the hook"
        } catch {
            return error.description
        }
    }

    private static func withSocketAddress(
        _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        if let bits = address.v4Bits {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = bits.bigEndian
            return withUnsafePointer(to: name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.networkBytes) }
        return withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }
}
