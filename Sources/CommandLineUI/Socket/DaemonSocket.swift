import CLinux
package import DaemonAPI
import Glibc
package import JSONText

/// Asks the daemon over its local socket; blocking, one connection a request.
package struct DaemonSocket: Sendable {
    /// For the one answer of a request that is no stream.
    package static let answerSecondsMax: Int64 = 60
    /// For a question that is answered out of what the daemon knows: it takes milliseconds.
    package static let questionSecondsMax: Int64 = 10

    private let path: String

    package init(path: String) { self.path = path }

    /// The one answer. Throws what the daemon answered, or `tryAgainLater` where it is not there.
    package func call(
        _ request: Request, secondsMax: Int64 = Self.answerSecondsMax
    ) throws(DaemonError) -> JSONValue {
        let deadline = clinux_monotonic_ns() + secondsMax * 1_000_000_000
        let connection = try Connection(path: path, request, deadline: deadline)
        switch try connection.reply() {
        case .result(let value): return value
        case .failure(let error): throw error
        case .item, .end: throw DaemonError(.decodingFailure, "\(request.method.rawValue) was answered by a stream")
        }
    }

    /// Hands each item of a stream to `body` until the stream ends or `body` returns false.
    package func follow(_ request: Request, _ body: (JSONValue) -> Bool) throws(DaemonError) {
        let connection = try Connection(path: path, request, deadline: -1)
        while true {
            switch try connection.reply() {
            case .item(let value): if !body(value) { return }
            case .result(let value):
                _ = body(value)
                return
            case .failure(let error): throw error
            case .end: return
            }
        }
    }

    private final class Connection {
        let path: String
        let descriptor: Int32
        let deadline: Int64

        init(path: String, _ request: Request, deadline: Int64) throws(DaemonError) {
            let patience = deadline < 0 ? clinux_monotonic_ns() + 5_000_000_000 : deadline
            let result = clinux_unix_connect(path, patience)
            guard result >= 0 else {
                throw DaemonError(.tryAgainLater, "martletd does not answer on \(path)", cause: Self.words(result))
            }
            self.path = path
            descriptor = result
            self.deadline = deadline
            let frame = try Frame.encode(request.json.compactBytes, limit: SocketLimits.requestBytesMax)
            try check(clinux_write_all(descriptor, frame, frame.count, deadline))
        }

        deinit { close(descriptor) }

        func reply() throws(DaemonError) -> Reply {
            var header = [UInt8](repeating: 0, count: Frame.headerBytes)
            try check(clinux_read_exactly(descriptor, &header, header.count, deadline))
            let length = try Frame.length(ofHeader: header, limit: SocketLimits.replyBytesMax)
            var message = [UInt8](repeating: 0, count: length)
            try check(clinux_read_exactly(descriptor, &message, length, deadline))
            do throws(JSONError) {
                return try Self.parse(try JSONValue(parsing: message))
            } catch {
                throw DaemonError(.decodingFailure, "the daemon's answer is no JSON: \(error.description)")
            }
        }

        private static func parse(_ json: JSONValue) throws(JSONError) -> Reply {
            do throws(DaemonError) {
                return try Reply(json: json)
            } catch {
                return .failure(error)
            }
        }

        private func check(_ result: Int32) throws(DaemonError) {
            if result < 0 {
                throw DaemonError(
                    .tryAgainLater, "the connection to martletd on \(path) broke", cause: Self.words(result))
            }
        }

        private static func words(_ result: Int32) -> String { String(cString: strerror(-result)) }
    }
}
