import Foundation
import Netlink
import Synchronization
import Testing

/// Sockets that live in a pod's network namespace and are used from here; blocking.
struct PodSockets: Sendable {
    let namespace: NetworkNamespace

    /// A socket whose calls end after `milliseconds`.
    private func open(_ type: __socket_type, milliseconds: Int) throws -> Int32 {
        let descriptor = try namespace.run { () throws(NetlinkError) in
            socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        return descriptor
    }

    private func with<Value>(_ address: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value)
        -> Value
    {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &place.sin_addr)
        return withUnsafePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    /// Nil where no connection came about in time.
    /// - Parameter source: an address of its own; nil: the one that the route asks for.
    func connection(
        to address: String, _ port: UInt16, from source: String? = nil, milliseconds: Int
    ) throws -> Int32? {
        let descriptor = try open(SOCK_STREAM, milliseconds: milliseconds)
        if let source { try #require(with(source, 0) { bind(descriptor, $0, $1) } == 0) }
        if with(address, port, { connect(descriptor, $0, $1) }) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    func listener(_ port: UInt16) throws -> Int32 {
        let descriptor = try open(SOCK_STREAM, milliseconds: 5_000)
        try #require(with("0.0.0.0", port) { bind(descriptor, $0, $1) } == 0)
        try #require(listen(descriptor, 8) == 0)
        return descriptor
    }

    /// A datagram socket that is connected to an address.
    func datagrams(to address: String, _ port: UInt16) throws -> Int32 {
        let descriptor = try open(SOCK_DGRAM, milliseconds: 1_000)
        try #require(with(address, port) { connect(descriptor, $0, $1) } == 0)
        return descriptor
    }

    /// A datagram socket that hears a port.
    func datagrams(at port: UInt16, milliseconds: Int) throws -> Int32 {
        let descriptor = try open(SOCK_DGRAM, milliseconds: milliseconds)
        try #require(with("0.0.0.0", port) { bind(descriptor, $0, $1) } == 0)
        return descriptor
    }

    /// The last line that an HTTP server answers; nil where none came in time.
    func ask(_ address: String, _ port: UInt16, milliseconds: Int = 3_000) throws -> String? {
        guard let descriptor = try connection(to: address, port, milliseconds: milliseconds) else { return nil }
        defer { close(descriptor) }
        let request = Array("GET / HTTP/1.0\r\n\r\n".utf8)
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            return nil
        }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while case let count = recv(descriptor, &chunk, chunk.count, 0), count > 0 { answer += chunk.prefix(count) }
        return String(decoding: answer, as: UTF8.self).split(whereSeparator: \.isNewline).last.map(String.init)
    }
}

/// What clients in a pod see while something happens to the daemon: requests through a Service, a stream of small
/// messages to a pod, a connection that policy forbids, one of each at a time; and datagrams that policy forbids, sent
/// without pause.
final class Traffic: Sendable {
    struct Record: Sendable {
        var requests = 0
        var messages = 0
        var refusals = 0
        /// Datagrams that were sent against the policy.
        var datagrams = 0
        /// The longest time that one message and its echo took.
        var slowest = Duration.zero
        var faults: [String] = []
    }

    private static let port: UInt16 = 9_100
    private static let datagramPort: UInt16 = 9_200
    /// More than can be sent in the minute that a test has.
    private static let datagramsMax = 100_000_000
    private let shop: Shop
    private let record = Mutex(Record())
    private let isOver = Atomic(false)

    init(_ shop: Shop) { self.shop = shop }

    var now: Record { record.withLock { $0 } }

    /// Runs the traffic beside `body`, and waits for what is on its way at the end.
    func run(_ body: () async throws -> Void) async throws {
        async let requests: Void = blocking { try $0.request() }
        async let echo: Void = blocking { try $0.echo() }
        async let stream: Void = blocking { try $0.stream() }
        async let forbidden: Void = blocking { try $0.tryForbidden() }
        async let flood: Void = blocking { try $0.flood() }
        let result: Result<Void, any Error>
        do {
            try await grows()
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        isOver.store(true, ordering: .relaxed)
        _ = await (requests, echo, stream, forbidden, flood)
        try result.get()
    }

    /// Returns when every kind of traffic has gone on.
    func grows() async throws {
        let before = now
        try await until("all traffic goes on") {
            let now = now
            return now.requests > before.requests + 10 && now.messages > before.messages + 100
                && now.refusals > before.refusals && now.datagrams > before.datagrams + 1_000 || !now.faults.isEmpty
        }
    }

    private func blocking(_ body: @escaping @Sendable (Traffic) throws -> Void) async {
        // A thread of its own: the shared queues have as many as there are CPUs, and others need them.
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                do { try body(self) } catch { self.fault("\(error)") }
                continuation.resume()
            }
        }
    }

    private func fault(_ text: String) { record.withLock { if $0.faults.count < 10 { $0.faults.append(text) } } }

    private var goesOn: Bool { !isOver.load(ordering: .relaxed) }

    private func request() throws {
        while goesOn {
            let begin = ContinuousClock.now
            errno = 0
            let answer = try shop.visitor.ask(shop.serviceAddress, 80)
            let error = errno
            if answer == "web" {
                record.withLock { $0.requests += 1 }
            } else {
                fault("a request got \(answer ?? "none") after \(begin.duration(to: .now)), errno \(error)")
            }
        }
    }

    private func tryForbidden() throws {
        while goesOn {
            let answer = try shop.visitor.ask(shop.ordersAddress, 8_080, milliseconds: 200)
            if let answer { fault("policy let \(answer) through") } else { record.withLock { $0.refusals += 1 } }
        }
    }

    /// Sends the visitor's datagrams to the server that it may not reach, as fast as they go out. None arrives, while
    /// one of the web server's does before and after.
    private func flood() throws {
        guard try arrives(from: shop.web) else { return fault("no datagram of a client that may send arrives") }
        try floodFromVisitor()
        guard try arrives(from: shop.web) else {
            return fault("no datagram arrives any more of a client that may send")
        }
    }

    private func floodFromVisitor() throws {
        let receiver = try shop.orders.datagrams(at: Self.datagramPort, milliseconds: 1)
        defer { close(receiver) }
        let sender = try shop.visitor.datagrams(to: shop.ordersAddress, Self.datagramPort)
        defer { close(sender) }
        var bytes = [UInt8](repeating: 7, count: 64)
        var sent = 0
        while goesOn, sent < Self.datagramsMax {
            for _ in 0..<64 where send(sender, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count { sent += 1 }
            record.withLock { $0.datagrams = sent }
            while recv(receiver, &bytes, bytes.count, Int32(MSG_DONTWAIT)) >= 0 { fault("policy let a datagram in") }
        }
    }

    /// Whether one of many datagrams from a client reaches the server that not all may reach.
    func arrives(from client: PodSockets) throws -> Bool {
        let receiver = try shop.orders.datagrams(at: Self.datagramPort, milliseconds: 10)
        defer { close(receiver) }
        let sender = try client.datagrams(to: shop.ordersAddress, Self.datagramPort)
        defer { close(sender) }
        var bytes = [UInt8](repeating: 7, count: 64)
        for _ in 0..<100 {
            _ = send(sender, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            if recv(receiver, &bytes, bytes.count, 0) >= 0 { return true }
        }
        return false
    }

    private func echo() throws {
        let listener = try shop.web.listener(Self.port)
        defer { close(listener) }
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { return fault("nobody came for the echo: errno \(errno)") }
        defer { close(peer) }
        var bytes = [UInt8](repeating: 0, count: 64)
        while case let count = recv(peer, &bytes, bytes.count, 0), count > 0 {
            guard send(peer, bytes, count, Int32(MSG_NOSIGNAL)) == count else {
                return fault("no echo: \(errno)")
            }
        }
    }

    private func stream() throws {
        var opened: Int32?
        // The listener is opened beside this.
        let deadline = ContinuousClock.now + .seconds(5)
        while opened == nil, ContinuousClock.now < deadline {
            opened = try shop.visitor.connection(to: shop.webAddress, Self.port, milliseconds: 5_000)
        }
        guard let peer = opened else { return fault("no stream to \(shop.webAddress)") }
        defer { close(peer) }
        var bytes = [UInt8](repeating: 7, count: 64)
        while goesOn {
            let began = ContinuousClock.now
            guard send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count,
                recv(peer, &bytes, bytes.count, Int32(MSG_WAITALL)) == bytes.count
            else { return fault("the stream broke: errno \(errno)") }
            let took = ContinuousClock.now - began
            record.withLock { record in
                record.messages += 1
                record.slowest = max(record.slowest, took)
            }
        }
    }
}
