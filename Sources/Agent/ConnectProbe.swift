import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
import NetTypes
import ServiceCompiler

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

/// What the probe said: asked once, as soon as a Service has an endpoint, and again when the hooks were attached anew.
actor ConnectCheck {
    /// Nil: not tested yet. Empty: in effect. Else why it is not.
    private var answer: String?
    private let isOn: Bool
    private let datapath: any Datapath

    /// - Parameter isOn: false where the hooks are switched off by option.
    init(isOn: Bool, datapath: any Datapath) {
        self.isOn = isOn
        self.datapath = datapath
    }

    /// Empty where `connect` translates for the node's own sockets; otherwise why it does not, or that it is not known.
    var state: String {
        guard isOn else { return "off: switched off by option" }
        return answer ?? "not tested: no Service has an endpoint yet"
    }

    /// Tests where that has not been done and a frontend can be dialled.
    func testOnce(_ entries: [Frontend: ServiceCompiler.Entry]) {
        guard isOn, answer == nil else { return }
        guard let frontend = entries.first(where: { $0.key.transport == .tcp && !$0.value.backends.isEmpty })?.key
        else { return }
        answer =
            ConnectProbe.failure(frontend: frontend.address, port: frontend.port, datapath: datapath)
            .map { "not in effect: \($0)" } ?? ""
    }

    /// The next `testOnce` tests anew.
    func forget() { answer = nil }
}
