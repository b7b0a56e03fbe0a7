import Glibc
import NetTypes

/// Whether `connect` is in effect for this process: connects a datagram socket to a Service address that translates to
/// loopback, and looks at the source address the kernel chose. Nothing is sent.
enum ConnectProbe {
    enum Outcome: Equatable {
        case inEffect
        /// What was seen instead.
        case notInEffect(String)
    }

    /// - Parameters:
    ///   - frontend: an address and port that the datapath translates to `backend`; nobody routes it elsewhere.
    ///   - backend: an address of the loopback interface, of the same family.
    static func run(frontend: IPAddress, port: UInt16, backend: IPAddress) -> Outcome {
        let family = frontend.isV4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .notInEffect("socket: errno \(errno)") }
        defer { close(descriptor) }
        let connected = withSocketAddress(frontend, port) { connect(descriptor, $0, $1) }
        guard connected == 0 else { return .notInEffect("connect to \(frontend): errno \(errno)") }
        guard let local = localAddress(of: descriptor) else { return .notInEffect("getsockname: errno \(errno)") }
        return local == backend ? .inEffect : .notInEffect("the kernel chose \(local) and not \(backend)")
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

    private static func localAddress(of descriptor: Int32) -> IPAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            if storage.ss_family == sa_family_t(AF_INET) {
                return IPAddress(v4: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            }
            return IPAddress(networkBytes: bytes[8..<24])
        }
    }
}
