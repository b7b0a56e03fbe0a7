import Glibc
import NetTypes
import Netlink
import Testing

/// Against the kernel, in a namespace of its own.
@Suite(.serialized) struct TCPSocketTests {
    private static let loopback = "::ffff:127.0.0.1"

    /// A connection over loopback: the listener, the opener's end and the other one.
    private static func connect() throws -> [Int32] {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let listener = socket(AF_INET6, kind, 0)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        inet_pton(AF_INET6, loopback, &address.sin6_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let opener = socket(AF_INET6, kind, 0)
        let codes = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bytes in
                [
                    bind(listener, bytes, length), listen(listener, 4), getsockname(listener, bytes, &length),
                    Glibc.connect(opener, bytes, length),
                ]
            }
        }
        try #require(codes == [0, 0, 0, 0])
        return [listener, opener, accept(listener, nil, nil)]
    }

    private static func end(_ descriptor: Int32, peer: Bool) -> UInt16 {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bytes in
                _ = peer ? getpeername(descriptor, bytes, &length) : getsockname(descriptor, bytes, &length)
            }
        }
        return UInt16(bigEndian: address.sin6_port)
    }

    private static func errorOfRead(_ descriptor: Int32) -> Int32 {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT)) < 0 ? errno : 0
    }

    @Test("Both ends learn at once that an idle connection is over; who listens goes on", .timeLimit(.minutes(1)))
    func destroy() throws {
        let (path, namespace) = try NetworkNamespaceTests.scratch()
        defer { try? NetworkNamespace.remove(path: path) }
        let route = try namespace.connect()
        let links = try route.links()
        try route.setLink(index: try #require(links.first { $0.name == "lo" }).index, up: true)
        var outcome: Result<[Int32], any Error> = .success([])
        try namespace.run { () throws(NetlinkError) in outcome = Result { try Self.connect() } }
        let sockets = try outcome.get()
        defer { for descriptor in sockets { close(descriptor) } }
        let address = try #require(IPAddress("127.0.0.1"))
        let (port, other) = (Self.end(sockets[1], peer: false), Self.end(sockets[1], peer: true))
        let connection = TCPSocket(local: address, localPort: port, remote: address, remotePort: other)
        let netlink = try namespace.connect(.socketDiagnosis)

        #expect(Self.errorOfRead(sockets[1]) == EAGAIN)
        #expect(try netlink.destroy(connection))
        #expect(Self.errorOfRead(sockets[1]) == ECONNABORTED)
        #expect(Self.errorOfRead(sockets[2]) == ECONNRESET)
        #expect(try !netlink.destroy(connection))
        // The kernel finds the listener for this one.
        let stranger = TCPSocket(local: address, localPort: other, remote: address, remotePort: port)
        #expect(try !netlink.destroy(stranger))
        var wait = pollfd(fd: sockets[0], events: Int16(POLLIN), revents: 0)
        #expect(poll(&wait, 1, 0) == 0)
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(sockets[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &size)
        #expect(value == 1)
    }
}
