import CMnl
import Glibc

/// The seam between the codec and the kernel. A socket belongs to the namespace of the thread that opened it, and works
/// from any thread afterwards; one thread at a time.
package protocol NetlinkSocket: AnyObject {
    /// The sender number that the kernel answers to.
    var port: UInt32 { get }
    func send(_ bytes: [UInt8]) throws(NetlinkError)
    /// One datagram. Blocks until there is one; throws `systemCall` with EAGAIN past the socket's time limit,
    /// `malformed` where it did not fit.
    func receive() throws(NetlinkError) -> [UInt8]
    func close()
}

/// One of the kernel's netlink families, through libmnl.
package final class KernelNetlinkSocket: NetlinkSocket {
    /// The largest datagram that the kernel builds for a dump is 32 KiB.
    private static let datagramBytesMax = 65_536
    static let timeoutSeconds: Int32 = 5

    private var handle: OpaquePointer?
    package let port: UInt32

    /// Opens it in the calling thread's namespace.
    package init(_ family: NetlinkFamily) throws(NetlinkError) {
        guard let handle = cmnl_open(family.rawValue, Self.timeoutSeconds) else {
            throw NetlinkError(.systemCall, "socket(AF_NETLINK)", errno: errno)
        }
        self.handle = handle
        port = cmnl_port(handle)
    }

    deinit { close() }

    package func close() {
        if let handle { cmnl_close(handle) }
        handle = nil
    }

    private func open() throws(NetlinkError) -> OpaquePointer {
        guard let handle else { throw NetlinkError(.systemCall, "the netlink socket is closed", errno: EBADF) }
        return handle
    }

    package func send(_ bytes: [UInt8]) throws(NetlinkError) {
        let result = cmnl_send(try open(), bytes, bytes.count)
        if result < 0 { throw .call("sendto(netlink)", result) }
    }

    package func receive() throws(NetlinkError) -> [UInt8] {
        let handle = try open()
        var result: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.datagramBytesMax) { buffer, count in
            result = cmnl_receive(handle, buffer.baseAddress, buffer.count)
            count = result < 0 ? 0 : Int(result)
        }
        if result == -ENOSPC {
            throw NetlinkError(.malformed, "a netlink datagram is over \(Self.datagramBytesMax) bytes")
        }
        if result < 0 { throw .call("recvmsg(netlink)", result) }
        return bytes
    }
}
