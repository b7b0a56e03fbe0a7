import Glibc
import NetTypes
import Netlink

/// Opens a TCP listener on `address` in one namespace, connects to it from another, and reads one byte. True where the
/// byte came within two seconds.
func canConnect(to address: IPAddress, in target: NetworkNamespace, from source: NetworkNamespace) throws -> Bool {
    let stream = Int32(SOCK_STREAM.rawValue)
    let (listener, port) = try target.run { () throws(NetlinkError) in
        let descriptor = socket(address.isV4 ? AF_INET : AF_INET6, stream, 0)
        let bound = withSocketAddress(address, port: 0) { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, 1) == 0 else {
            throw NetlinkError(.systemCall, "listen on \(address)", errno: errno)
        }
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        // The port stands at the same place in both families.
        return (descriptor, name.sin6_port.bigEndian)
    }
    defer { close(listener) }
    return try source.run { () throws(NetlinkError) in
        let descriptor = socket(address.isV4 ? AF_INET : AF_INET6, stream, 0)
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        let connected = withSocketAddress(address, port: port) { connect(descriptor, $0, $1) }
        guard connected == 0 else { return false }
        let peer = accept(listener, nil, nil)
        defer { close(peer) }
        var byte: UInt8 = 7
        guard write(peer, &byte, 1) == 1 else { return false }
        return read(descriptor, &byte, 1) == 1
    }
}

private func withSocketAddress(
    _ address: IPAddress, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
)
    -> Int32
{
    var v6 = sockaddr_in6()
    var v4 = sockaddr_in()
    if let bits = address.v4Bits {
        v4.sin_family = sa_family_t(AF_INET)
        v4.sin_port = port.bigEndian
        v4.sin_addr.s_addr = bits.bigEndian
        return withUnsafePointer(to: &v4) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = port.bigEndian
    withUnsafeMutableBytes(of: &v6.sin6_addr) { $0.copyBytes(from: address.networkBytes) }
    return withUnsafePointer(to: &v6) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
    }
}
