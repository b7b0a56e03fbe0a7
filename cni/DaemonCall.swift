import CLinux
import DaemonAPI
import Glibc
import JSONText

/// One request to the daemon and its answer, blocking. Closing the connection, by dying too, cancels the request.
struct DaemonCall {
    /// From the plugin's start to its end: the specification's callers wait longer than this.
    static let limitNanoseconds: Int64 = 9_800_000_000
    /// A daemon that restarts is back well within this.
    static let connectNanoseconds: Int64 = 5_000_000_000
    private static let retryMicroseconds: UInt32 = 20_000

    let path: String
    /// CLOCK_MONOTONIC.
    let deadline: Int64

    /// Throws `tryAgainLater` where the daemon is not there or does not answer in time. `waits`: whether to wait for a
    /// daemon that is not there.
    func perform(_ request: Request, waits: Bool = true) throws(DaemonError) -> JSONValue {
        let descriptor = try connect(until: waits ? min(deadline, clinux_monotonic_ns() + Self.connectNanoseconds) : 0)
        defer { close(descriptor) }
        let frame = try Frame.encode(request.json.compactBytes, limit: SocketLimits.requestBytesMax)
        try check(clinux_write_all(descriptor, frame, frame.count, deadline), "send to")
        var header = [UInt8](repeating: 0, count: Frame.headerBytes)
        try check(clinux_read_exactly(descriptor, &header, header.count, deadline), "receive from")
        let length = try Frame.length(ofHeader: header, limit: SocketLimits.replyBytesMax)
        var message = [UInt8](repeating: 0, count: length)
        try check(clinux_read_exactly(descriptor, &message, length, deadline), "receive from")
        return try Self.result(message)
    }

    private static func result(_ message: [UInt8]) throws(DaemonError) -> JSONValue {
        let reply: Reply
        do {
            reply = try Reply(json: try JSONValue(parsing: message))
        } catch {
            throw DaemonError(.decodingFailure, "the daemon's answer cannot be read: \(error)")
        }
        switch reply {
        case .result(let value): return value
        case .failure(let error): throw error
        case .item, .end: throw DaemonError(.decodingFailure, "the daemon's answer is a stream")
        }
    }

    private func connect(until limit: Int64) throws(DaemonError) -> Int32 {
        while true {
            let result = clinux_unix_connect(path, deadline)
            if result >= 0 { return result }
            let absent = result == -ENOENT || result == -ECONNREFUSED
            if !absent || clinux_monotonic_ns() >= limit {
                throw DaemonError(
                    .tryAgainLater, "martletd does not answer on \(path)", cause: String(cString: strerror(-result)))
            }
            usleep(Self.retryMicroseconds)
        }
    }

    private func check(_ result: Int32, _ what: String) throws(DaemonError) {
        if result < 0 {
            throw DaemonError(
                .tryAgainLater, "could not \(what) martletd on \(path)", cause: String(cString: strerror(-result)))
        }
    }
}
