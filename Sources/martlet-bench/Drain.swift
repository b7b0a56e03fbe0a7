import BenchReport
import Glibc

/// UDP packets, and sockets that take what comes.
enum Datagrams {
    private static let plain: UInt8 = 1
    /// The first byte of a packet that is answered in any case.
    private static let question: UInt8 = 2
    private static let answerSecondsMax = 1
    static let lapPackets = 50

    /// Takes what comes until the process is ended, and gives back each packet or those that ask for it.
    static func serve(port: UInt16, isEcho: Bool) throws -> Never {
        if isEcho { Echo.prefer() }
        let receiver = try bound(port, Int32(SOCK_DGRAM.rawValue))
        var bytes = [UInt8](repeating: 0, count: 64)
        var peer = sockaddr_in()
        while true {
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &peer) { peer in
                peer.withMemoryRebound(to: sockaddr.self, capacity: 1) { peer in
                    let count = recvfrom(receiver, &bytes, bytes.count, 0, peer, &length)
                    guard count > 0, isEcho || bytes[0] == question else { return }
                    sendto(receiver, bytes, count, 0, peer, length)
                }
            }
        }
    }

    /// Accepts connections and leaves them as they are, until the process is ended.
    static func keepConnections(port: UInt16) throws -> Never {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let listener = try bound(port, Int32(SOCK_STREAM.rawValue))
        guard listen(listener, 1_024) == 0 else { throw Echo.failure("listen on port \(port)") }
        while true {
            if accept(listener, nil, nil) < 0, errno != EINTR, errno != ECONNABORTED { throw Echo.failure("accept") }
        }
    }

    /// Sends `count` packets and returns the nanoseconds of each `send`: the packet's whole way to the receiver's
    /// socket, as far as the sender's core carries it. Each is the first of a flow, from `first` and the ports after
    /// it; or all are of one flow, from `first`, that was opened and answered before. `lap` is called before the first
    /// and after each `lapPackets`.
    static func send(
        _ address: String, _ port: UInt16, from first: UInt16, count: Int, isNew: Bool, lap: () -> Void
    ) throws -> [Double] {
        var sender: Int32 = -1
        var byte = plain
        if !isNew {
            sender = try dial(address, port, from: first, Int32(SOCK_DGRAM.rawValue))
            try awaitAnswer(sender)
        }
        var times: [Double] = []
        times.reserveCapacity(count)
        for index in 0..<count {
            if index % lapPackets == 0 { lap() }
            if isNew {
                close(sender)
                sender = try dial(address, port, from: first + UInt16(index), Int32(SOCK_DGRAM.rawValue))
            }
            let start = Shell.now
            let sent = write(sender, &byte, 1)
            times.append((Shell.now - start) * 1e3)
            guard sent == 1 else { throw Echo.failure("send to \(address):\(port)") }
        }
        if count % lapPackets == 0 { lap() }
        close(sender)
        return times
    }

    private static func awaitAnswer(_ sender: Int32) throws {
        var wait = timeval(tv_sec: answerSecondsMax, tv_usec: 0)
        setsockopt(sender, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var byte = question
        guard write(sender, &byte, 1) == 1, read(sender, &byte, 1) == 1 else { throw Echo.failure("get an answer") }
    }

    private static func bound(_ port: UInt16, _ type: Int32) throws -> Int32 {
        let made = socket(AF_INET, type, 0)
        var on: Int32 = 1
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        guard try Echo.withAddress("0.0.0.0", port, { bind(made, $0, $1) }) == 0 else {
            throw Echo.failure("take port \(port)")
        }
        return made
    }

    /// A socket that is connected from a source port.
    static func dial(_ address: String, _ port: UInt16, from source: UInt16, _ type: Int32) throws -> Int32 {
        let sender = try bound(source, type)
        guard try Echo.withAddress(address, port, { connect(sender, $0, $1) }) == 0 else {
            throw Echo.failure("connect to \(address):\(port) from port \(source)")
        }
        return sender
    }
}
