import BenchReport
import Glibc

/// The two ends of a measured TCP connection; each runs in a network namespace of its own.
enum Echo {
    /// Asks for a byte back, or for a byte and the end of the connection.
    private static let more = UInt8(ascii: "m")
    private static let last = UInt8(ascii: "l")
    private static let warmUp = 200

    /// Answers one connection after the other until the process is ended. The server closes: what waits at the end of a
    /// connection (TIME_WAIT) is on its side, so the client does not run out of ports.
    static func serve(port: UInt16) throws -> Never {
        prefer()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        let bound = try withAddress("0.0.0.0", port) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 1_024) == 0 else { throw failure("listen on port \(port)") }
        var byte: UInt8 = 0
        while true {
            let peer = accept(listener, nil, nil)
            guard peer >= 0 else { continue }
            setsockopt(peer, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
            while read(peer, &byte, 1) == 1, write(peer, &byte, 1) == 1, byte == more {}
            close(peer)
        }
    }

    /// Median microseconds of a byte there and back over one connection.
    static func roundTrip(_ address: String, _ port: UInt16, seconds: Double) throws -> Double {
        let peer = try dial(address, port)
        defer { close(peer) }
        for _ in 0..<warmUp { try exchange(peer, more) }
        return Figure.median(
            try times(seconds) { start in
                try exchange(peer, more)
                return Shell.now - start
            })
    }

    /// Median microseconds of a connection's set-up with a byte there and back, one after the other.
    static func connect(_ address: String, _ port: UInt16, seconds: Double) throws -> Double {
        Figure.median(
            try times(seconds) { start in
                let peer = try dial(address, port)
                defer { close(peer) }
                try exchange(peer, last)
                let time = Shell.now - start
                awaitEnd(peer)
                return time
            })
    }

    /// Connections a second, `clients` at a time: set-up, a byte there and back, end.
    static func rate(_ address: String, _ port: UInt16, seconds: Double, clients: Int) async throws -> Double {
        let begin = Shell.now
        let end = begin + seconds * 1e6
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<clients { group.addTask { try await onThread { try connections(address, port, until: end) } } }
            return try await group.reduce(0, +)
        }
        return Double(done) * 1e6 / (Shell.now - begin)
    }

    private static func connections(_ address: String, _ port: UInt16, until end: Double) throws -> Int {
        var done = 0
        while Shell.now < end {
            let peer = try dial(address, port)
            defer { close(peer) }
            try exchange(peer, last)
            awaitEnd(peer)
            done += 1
        }
        return done
    }

    /// Runs blocking work on a thread of its own.
    private static func onThread(_ body: @escaping @Sendable () throws -> Int) async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            let work = ThreadWork { continuation.resume(with: Result(catching: body)) }
            var thread = pthread_t()
            let result = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<ThreadWork>.fromOpaque(argument).takeRetainedValue().run()
                    return nil
                }, Unmanaged.passRetained(work).toOpaque())
            precondition(result == 0, "no thread: \(result)")
            pthread_detach(thread)
        }
    }

    private final class ThreadWork: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func times(_ seconds: Double, _ body: (Double) throws -> Double) throws -> [Double] {
        var times: [Double] = []
        let end = Shell.now + seconds * 1e6
        while true {
            let start = Shell.now
            if start > end { return times }
            times.append(try body(start))
        }
    }

    // MARK: Sockets

    private static func exchange(_ peer: Int32, _ what: UInt8) throws {
        var byte = what
        guard write(peer, &byte, 1) == 1, read(peer, &byte, 1) == 1 else { throw failure("exchange a byte") }
    }

    private static func awaitEnd(_ peer: Int32) {
        var byte: UInt8 = 0
        while read(peer, &byte, 1) > 0 {}
    }

    private static func dial(_ address: String, _ port: UInt16) throws -> Int32 {
        let peer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(peer, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        guard try withAddress(address, port, { Glibc.connect(peer, $0, $1) }) == 0 else {
            let error = failure("connect to \(address):\(port)")
            close(peer)
            throw error
        }
        return peer
    }

    /// Ahead of what else runs on the machine, on every way alike: the ways are compared, not the machine's load.
    static func prefer() { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -20) }

    static func withAddress<Result>(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, text, &address.sin_addr) == 1 else { throw BenchError("\(text) is no address") }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    static func failure(_ doing: String) -> BenchError {
        BenchError("cannot \(doing): \(String(cString: strerror(errno)))")
    }
}
