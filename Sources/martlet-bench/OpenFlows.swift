import BenchReport
import Glibc
import Synchronization

/// Many flows of one process that stay open, each from a source port of its own.
enum OpenFlows {
    /// How long the medians of one line reach.
    static let sliceMicroseconds = 100_000.0
    /// A reply that takes longer is lost.
    private static let replyMicrosecondsMax = 500_000

    /// What was measured in one slice of time, as a line of text: begin in µs of the monotonic clock, round trips, the
    /// median of their µs, packets without a reply.
    struct Slice {
        var begin: Double
        var trips: Int
        var median: Double
        var lost: Int

        var text: String { "\(begin) \(trips) \(median) \(lost)" }

        init(begin: Double, times: [Double], lost: Int) {
            self.begin = begin
            self.lost = lost
            trips = times.count
            median = Figure.median(times)
        }

        /// Nil where the line is no slice.
        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            guard words.count == 4, let begin = Double(words[0]), let trips = Int(words[1]),
                let median = Double(words[2]), let lost = Int(words[3])
            else { return nil }
            self.begin = begin
            self.trips = trips
            self.median = median
            self.lost = lost
        }
    }

    /// Asks on one flow after the other, each in turn, until the process is told to end; says each slice.
    static func ask(_ address: String, _ port: UInt16, from first: UInt16, count: Int) throws {
        heedEnd()
        let sockets = try open(address, port, from: first, count: count, Int32(SOCK_DGRAM.rawValue))
        var wait = timeval(tv_sec: 0, tv_usec: replyMicrosecondsMax)
        for socket in sockets {
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        }
        var number: UInt64 = 0
        while !isToEnd.load(ordering: .relaxed) {
            let begin = Shell.now
            var times: [Double] = []
            var lost = 0
            while Shell.now - begin < sliceMicroseconds {
                let start = Shell.now
                if try isAnswered(sockets[Int(number % UInt64(count))], number) {
                    times.append(Shell.now - start)
                } else {
                    lost += 1
                }
                number += 1
            }
            Shell.say(Slice(begin: begin, times: times, lost: lost).text)
        }
    }

    /// Sends a number and waits until it comes back. A late reply to an earlier number is passed over.
    private static func isAnswered(_ socket: Int32, _ number: UInt64) throws -> Bool {
        var sent = number
        // A send may also tell of an error that an earlier packet met.
        guard write(socket, &sent, 8) == 8 else { return false }
        var reply: UInt64 = 0
        while read(socket, &reply, 8) == 8 { if reply == number { return true } }
        return false
    }

    /// Connections that say nothing. Prints when all were open, how many ended within `seconds` and when the last of
    /// them did, in µs of the monotonic clock.
    static func hold(_ address: String, _ port: UInt16, from first: UInt16, count: Int, seconds: Double) throws {
        let sockets = try Self.open(address, port, from: first, count: count, Int32(SOCK_STREAM.rawValue))
        let opened = Shell.now
        // Asked for nothing, `poll` tells of an end.
        var open = sockets.map { pollfd(fd: $0, events: 0, revents: 0) }
        var ended = 0
        var last = opened
        while ended < count, Shell.now - opened < seconds * 1e6 {
            guard poll(&open, nfds_t(open.count), 100) > 0 else { continue }
            last = Shell.now
            open.removeAll { $0.revents != 0 }
            ended = count - open.count
            // Each look takes as long as there are sockets: some ends at a time.
            usleep(1_000)
        }
        print(opened, ended, last)
    }

    private static func open(_ address: String, _ port: UInt16, from first: UInt16, count: Int, _ type: Int32) throws
        -> [Int32]
    {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return try (0..<count).map { index in
            try Datagrams.dial(address, port, from: first + UInt16(index), type)
        }
    }

    // MARK: The end

    private static let isToEnd = Atomic(false)

    /// SIGTERM is a wish, heard between two slices.
    private static func heedEnd() { signal(SIGTERM) { _ in OpenFlows.isToEnd.store(true, ordering: .relaxed) } }
}
