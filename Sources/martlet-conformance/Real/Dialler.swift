import CLinux
import Glibc
import KubeObjects
import NetTypes
import Netlink

/// Servers and clients inside pods' network namespaces, driven by one loop: a socket stays in the namespace in which it
/// was made. A server answers each caller with its pod's number, so that an answer proves who gave it.
///
/// A refused dial is silent. Dials run at once; the loop ends when all answers that are expected have come and no other
/// came for `quiet`, or at the deadline.
final class Dialler {
    static let deadline = Duration.seconds(8)
    /// An answer inside one machine takes well under a millisecond; this long nothing more may come.
    static let quiet = Duration.milliseconds(120)

    struct Port: Hashable {
        let transport: TransportProtocol
        let port: UInt16
    }

    struct Question {
        /// Number of the pod that dials.
        let source: UInt32
        let address: IPAddress
        let port: UInt16
        let transport: TransportProtocol
        /// The pod that has to answer; nil where nobody may.
        let expected: UInt32?
    }

    enum Answer: Equatable {
        case answered(by: UInt32)
        case silence
        case failed(errno: Int32)
    }

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private struct Pod {
        let namespace: NetworkNamespace
        let listeners: [(descriptor: Int32, transport: TransportProtocol)]
        /// Where the kernel has no SCTP sockets.
        let raw: InitProber?
    }

    let hasSCTP: Bool
    private var pods: [UInt32: Pod] = [:]

    init() {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), Int32(IPPROTO_SCTP))
        hasSCTP = probe >= 0
        if probe >= 0 { close(probe) }
    }

    deinit { for number in pods.keys { remove(number) } }

    /// Opens the servers of a pod.
    func add(_ number: UInt32, _ namespace: NetworkNamespace, _ address: IPAddress, _ ports: [Port]) throws {
        var listeners: [(descriptor: Int32, transport: TransportProtocol)] = []
        var raw: InitProber?
        try namespace.run { () throws(NetlinkError) in
            for port in ports where port.transport != .sctp || hasSCTP {
                listeners.append((try Self.listen(port), port.transport))
            }
            if !hasSCTP {
                raw = try InitProber(
                    number: number, ports: Set(ports.filter { $0.transport == .sctp }.map(\.port)))
            }
        }
        pods[number] = Pod(namespace: namespace, listeners: listeners, raw: raw)
    }

    func remove(_ number: UInt32) {
        guard let pod = pods.removeValue(forKey: number) else { return }
        for listener in pod.listeners { close(listener.descriptor) }
        pod.raw?.end()
    }

    private static func open(_ transport: TransportProtocol) throws(NetlinkError) -> Int32 {
        let kind = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let descriptor = socket(
            AF_INET, Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), Int32(transport.rawValue))
        if descriptor < 0 { throw NetlinkError(.systemCall, "socket \(transport)", errno: errno) }
        return descriptor
    }

    private static func listen(_ port: Port) throws(NetlinkError) -> Int32 {
        let descriptor = try open(port.transport)
        let bound = SocketAddress(IPAddress(v4: 0), port.port).use { bind(descriptor, $0, $1) }
        guard bound == 0, port.transport == .udp || Glibc.listen(descriptor, 512) == 0 else {
            throw NetlinkError(.systemCall, "listen on \(port.transport) \(port.port)", errno: errno)
        }
        return descriptor
    }

    // MARK: Dialling

    /// The state of one question.
    private struct Dial {
        let question: Question
        var descriptor: Int32 = -1
        /// Raw SCTP: the source port that tells this dial from others.
        var port: UInt16 = 0
        var answer: Answer?
    }

    /// Asks all questions at once; answers in the same order.
    func ask(_ questions: [Question]) throws -> [Answer] {
        var dials = questions.map { Dial(question: $0) }
        defer { for dial in dials where dial.descriptor >= 0 { close(dial.descriptor) } }
        for (source, indices) in Dictionary(grouping: dials.indices, by: { dials[$0].question.source }) {
            guard let pod = pods[source] else { throw Fault(description: "no pod number \(source)") }
            try pod.namespace.run { () throws(NetlinkError) in
                for index in indices { try start(&dials[index], pod) }
            }
        }
        let clock = ContinuousClock()
        let end = clock.now + Self.deadline
        var last = clock.now
        while clock.now < end {
            let isComplete = dials.allSatisfy { $0.question.expected == nil || $0.answer != nil }
            if isComplete && clock.now - last > Self.quiet { break }
            if turn(&dials) { last = clock.now }
        }
        return dials.map { $0.answer ?? .silence }
    }

    private func start(_ dial: inout Dial, _ pod: Pod) throws(NetlinkError) {
        let question = dial.question
        if question.transport == .sctp, let raw = pod.raw {
            dial.port = raw.send(to: question.address, port: question.port)
            return
        }
        dial.descriptor = try Self.open(question.transport)
        let descriptor = dial.descriptor
        let result = SocketAddress(question.address, question.port).use { connect(descriptor, $0, $1) }
        if result != 0 && errno != EINPROGRESS { dial.answer = .failed(errno: errno) }
        if question.transport == .udp { Glibc.send(descriptor, [0], 1, 0) }
    }

    /// Waits a little for events and serves them all. True where an answer came.
    private func turn(_ dials: inout [Dial]) -> Bool {
        var entries: [pollfd] = []
        var waiting: [Int] = []
        for (index, dial) in dials.enumerated() where dial.answer == nil && dial.descriptor >= 0 {
            entries.append(pollfd(fd: dial.descriptor, events: Int16(POLLIN), revents: 0))
            waiting.append(index)
        }
        let listeners = pods.flatMap { number, pod in pod.listeners.map { (number, $0) } }
        entries += listeners.map { pollfd(fd: $0.1.descriptor, events: Int16(POLLIN), revents: 0) }
        let probers = pods.values.compactMap(\.raw)
        entries += probers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&entries, nfds_t(entries.count), 20) > 0 else { return false }
        var hasAnswer = false
        for (position, index) in waiting.enumerated() where entries[position].revents != 0 {
            dials[index].answer = Self.read(dials[index].descriptor)
            hasAnswer = true
        }
        for (position, listener) in listeners.enumerated() where entries[waiting.count + position].revents != 0 {
            Self.serve(listener.1.descriptor, listener.1.transport, number: listener.0)
        }
        for prober in probers {
            for (port, address, number) in prober.receive() {
                for index in dials.indices
                where dials[index].port == port && dials[index].question.source == prober.number
                    && dials[index].question.address == address && dials[index].answer == nil
                {
                    dials[index].answer = .answered(by: number)
                    hasAnswer = true
                }
            }
        }
        return hasAnswer
    }

    private static func read(_ descriptor: Int32) -> Answer {
        var number: UInt32 = 0
        let count = recv(descriptor, &number, MemoryLayout<UInt32>.size, 0)
        if count == MemoryLayout<UInt32>.size { return .answered(by: number) }
        return .failed(errno: count < 0 ? errno : 0)
    }

    private static func serve(_ descriptor: Int32, _ transport: TransportProtocol, number: UInt32) {
        var number = number
        let size = MemoryLayout<UInt32>.size
        if transport == .udp {
            var byte: UInt8 = 0
            var from = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            while true {
                let count = SocketAddress.withStorage(&from, &length) { recvfrom(descriptor, &byte, 1, 0, $0, $1) }
                if count < 0 { return }
                _ = SocketAddress.withStorage(&from, &length) { address, length in
                    sendto(descriptor, &number, size, 0, address, length.pointee)
                }
            }
        }
        while true {
            let connection = accept(descriptor, nil, nil)
            if connection < 0 { return }
            Glibc.send(connection, &number, size, Int32(MSG_NOSIGNAL))
            close(connection)
        }
    }
}

/// `sockaddr_in` of an IPv4 address.
struct SocketAddress {
    private var value = sockaddr_in()

    init(_ address: IPAddress, _ port: UInt16) {
        value.sin_family = sa_family_t(AF_INET)
        value.sin_port = port.bigEndian
        value.sin_addr.s_addr = (address.v4Bits ?? 0).bigEndian
    }

    func use(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: value) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    static func withStorage<Value>(
        _ storage: inout sockaddr_storage, _ length: inout socklen_t,
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Value
    ) -> Value {
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }
}
