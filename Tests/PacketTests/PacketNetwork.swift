import CLinux
import Glibc
import NetTypes
import TestKit
import Testing

/// A node, two pods and something outside, as network namespaces with real veths:
/// `a` and `b` behind `va` and `vb` of `n`; `o` beyond `u0` of `n`.
final class PacketNetwork {
    private static let names = ["n", "a", "b", "o"]
    private let prefix: String
    /// Index of an interface of the node's by name.
    private(set) var interfaces: [String: UInt32] = [:]

    init() throws {
        try #require(geteuid() == 0, "tests with real links need root")
        var template = Array("/tmp/mt-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        rmdir(directory)
        prefix = String(directory.dropFirst("/tmp/".count)) + "-"
        for name in Self.names { try shell("ip netns add \(prefix)\(name)") }
        try addPod("a", PacketNode.client)
        try addPod("b", PacketNode.server)
        try addOutside()
        for name in ["va", "vb", "u0"] {
            interfaces[name] = try inside("n") { if_nametoindex(name) }
        }
    }

    deinit {
        for name in Self.names { _ = try? shell("ip netns del \(prefix)\(name)") }
    }

    private func addPod(_ name: String, _ pod: PacketNode.Pod) throws {
        let gateway = "ee:ee:ee:ee:ee:ee"
        let mac = pod.mac.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
        let (node, own, link) = ("ip -n \(prefix)n", "ip -n \(prefix)\(name)", "v\(name)")
        try shell(
            "\(node) link add \(link) address \(gateway) type veth peer name eth0 netns \(prefix)\(name) address \(mac)"
        )
        try shell("\(node) link set \(link) up && \(own) link set eth0 up && \(own) link set lo up")
        try shell("\(own) addr add \(pod.addresses[0])/32 dev eth0")
        try shell("\(own) addr add \(pod.addresses[1])/128 dev eth0 nodad")
        try shell("\(own) neigh add 169.254.1.1 lladdr \(gateway) dev eth0 nud permanent")
        try shell("\(own) neigh add fe80::1 lladdr \(gateway) dev eth0 nud permanent")
        try shell("\(own) route add 169.254.1.1 dev eth0 && \(own) route add default via 169.254.1.1 dev eth0")
        try shell("\(own) -6 route add default via fe80::1 dev eth0")
        for address in pod.addresses {
            try shell("\(node) route add \(address) dev \(link)")
            try shell("\(node) neigh add \(address) lladdr \(mac) dev \(link) nud permanent")
        }
    }

    private func addOutside() throws {
        try shell("ip -n \(prefix)n link add u0 type veth peer name eth0 netns \(prefix)o")
        try shell("ip -n \(prefix)n link set dev u0 up && ip -n \(prefix)o link set eth0 up")
        for (name, link, index) in [("n", "u0", 0), ("o", "eth0", 1)] {
            let own = "ip -n \(prefix)\(name)"
            try shell("\(own) addr add \(["192.168.9.1", "192.168.9.2"][index])/24 dev \(link)")
            try shell("\(own) addr add \(["fd99::1", "fd99::2"][index])/64 dev \(link) nodad")
        }
        try shell("ip -n \(prefix)n link set lo up")
    }

    func path(_ name: String) -> String { "/run/netns/\(prefix)\(name)" }

    /// Runs a body on a thread of the namespace's. Sockets made there belong to it for good.
    func inside<Value>(_ name: String, _ body: () throws -> Value) throws -> Value {
        let namespace = open(path(name), O_RDONLY | O_CLOEXEC)
        try #require(namespace >= 0, "no namespace \(name)")
        defer { close(namespace) }
        var outcome: Result<Value, any Error>?
        let code = withoutActuallyEscaping(body) { body in
            let thread = ThreadBody { outcome = Result { try body() } }
            return withExtendedLifetime(thread) {
                clinux_in_network_namespace(
                    namespace,
                    { context in
                        guard let context else { return -EINVAL }
                        Unmanaged<ThreadBody>.fromOpaque(context).takeUnretainedValue().run()
                        return 0
                    }, Unmanaged.passUnretained(thread).toOpaque())
            }
        }
        try #require(code == 0, "entering namespace \(name): \(-code)")
        return try #require(outcome).get()
    }

    private final class ThreadBody {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }
}

struct ShellFailure: Error, CustomStringConvertible {
    let description: String
}

/// A command of the machine's; its output. Throws where it fails.
@discardableResult
func shell(_ command: String) throws -> String {
    guard let pipe = popen("(\(command)) 2>&1", "r") else { throw ShellFailure(description: command) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { text += buffer.prefix(count) }
    let output = String(decoding: text, as: UTF8.self)
    guard pclose(pipe) == 0 else { throw ShellFailure(description: "\(command): \(output)") }
    return output
}

// MARK: Sockets

/// A socket that is closed with its owner, and gives up after five seconds.
final class PacketSocket {
    let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// Made in the namespace of the calling thread.
    init(_ family: IPFamily, _ type: __socket_type) throws {
        descriptor = socket(family == .v4 ? AF_INET : AF_INET6, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0, "socket: \(errno)")
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    }

    /// Calls with an address as the kernel wants it; `mapped`: an IPv4 one in the form of IPv6.
    private func with<Value>(
        _ address: String, _ port: UInt16, mapped: Bool = false, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        let parsed = PacketBytes.address(address)
        let short = parsed.isV4 && !mapped
        var bytes = [UInt8](repeating: 0, count: 28)
        let family = UInt16(short ? AF_INET : AF_INET6)
        withUnsafeBytes(of: family) { bytes.replaceSubrange(0..<2, with: $0) }
        bytes[2] = UInt8(port >> 8)
        bytes[3] = UInt8(port & 0xff)
        let start = short ? 4 : 8
        let host = short ? parsed.familyBytes : parsed.networkBytes
        bytes.replaceSubrange(start..<start + host.count, with: host)
        return bytes.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: sockaddr.self) { pointer in
                guard let base = pointer.baseAddress else { preconditionFailure("28 bytes have an address") }
                return body(base, short ? 16 : 28)
            }
        }
    }

    /// Binds and, for a stream, listens.
    func serve(_ address: String, _ port: UInt16) throws {
        try #require(with(address, port) { bind(descriptor, $0, $1) } == 0, "bind: \(errno)")
        _ = listen(descriptor, 16)
    }

    /// 0, or errno.
    func connectTo(_ address: String, _ port: UInt16) -> Int32 {
        with(address, port) { connect(descriptor, $0, $1) } == 0 ? 0 : errno
    }

    /// The same for an IPv4 address on an IPv6 socket.
    func connectTo(mapped address: String, _ port: UInt16) -> Int32 {
        with(address, port, mapped: true) { connect(descriptor, $0, $1) } == 0 ? 0 : errno
    }

    /// The peer's address, as the socket tells it.
    var peer: String? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutableBytes(of: &storage) { raw in
            raw.withMemoryRebound(to: sockaddr.self) { pointer -> Int32 in
                guard let base = pointer.baseAddress else { return -1 }
                return getpeername(descriptor, base, &length)
            }
        }
        return result == 0 ? Self.text(storage) : nil
    }

    private static func text(_ storage: sockaddr_storage) -> String? {
        let bytes = withUnsafeBytes(of: storage) { Array($0.prefix(28)) }
        let isV4 = storage.ss_family == UInt16(AF_INET)
        let host = isV4 ? [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes[4..<8] : Array(bytes[8..<24])
        return IPAddress(networkBytes: host)?.description
    }

    func accept() throws -> PacketSocket {
        let accepted = Glibc.accept(descriptor, nil, nil)
        try #require(accepted >= 0, "accept: \(errno)")
        return PacketSocket(accepted)
    }

    /// Writes all and reads all of it at the other end, on one thread.
    func transfer(_ bytes: [UInt8], to other: PacketSocket) throws -> [UInt8] {
        var received: [UInt8] = []
        var sent = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while received.count < bytes.count {
            if sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
                }
                if count > 0 { sent += count }
            }
            let flags = sent < bytes.count ? Int32(MSG_DONTWAIT) : 0
            let count = recv(other.descriptor, &buffer, buffer.count, flags)
            if count > 0 { received += buffer.prefix(count) }
            if count == 0 || (count < 0 && errno != EAGAIN) || (count < 0 && flags == 0) { break }
        }
        return received
    }

    /// Sends one datagram, which `server` answers; what comes back, and from where. Without an address: to the peer.
    func exchange(
        _ bytes: [UInt8], with server: PacketSocket, to address: String? = nil, _ port: UInt16 = 0
    ) throws -> (bytes: [UInt8], from: String?) {
        var sent = -1
        if let address {
            sent = with(address, port) { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
        } else {
            sent = send(descriptor, bytes, bytes.count, 0)
        }
        try #require(sent == bytes.count, "send: \(errno)")
        let question = try server.receive()
        var peer = question.peer
        let length = socklen_t(peer.ss_family == UInt16(AF_INET) ? 16 : 28)
        let answered = withUnsafeBytes(of: &peer) { raw in
            raw.withMemoryRebound(to: sockaddr.self) {
                sendto(server.descriptor, question.bytes, question.bytes.count, 0, $0.baseAddress, length)
            }
        }
        try #require(answered == question.bytes.count, "sendto: \(errno)")
        let answer = try receive()
        return (answer.bytes, Self.text(answer.peer))
    }

    private func receive() throws -> (bytes: [UInt8], peer: sockaddr_storage) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutableBytes(of: &peer) { raw in
            raw.withMemoryRebound(to: sockaddr.self) {
                recvfrom(descriptor, &buffer, buffer.count, 0, $0.baseAddress, &length)
            }
        }
        try #require(count >= 0, "recvfrom: \(errno)")
        return (Array(buffer.prefix(count)), peer)
    }
}
