/// Framing of the local socket: each message is its length as four bytes, most significant first, then that many bytes
/// of JSON (UTF-8).
package enum Frame {
    package static let headerBytes = 4

    /// The message with its length before it. Throws `tooLarge` past `limit` bytes.
    package static func encode(_ message: [UInt8], limit: Int) throws(DaemonError) -> [UInt8] {
        guard message.count <= limit else { throw .tooLarge(bytes: message.count, limit: limit) }
        var frame: [UInt8] = []
        frame.reserveCapacity(headerBytes + message.count)
        let length = UInt32(message.count)
        for shift in [24, 16, 8, 0] as [UInt32] { frame.append(UInt8(truncatingIfNeeded: length >> shift)) }
        frame.append(contentsOf: message)
        return frame
    }

    /// The length that a header of `headerBytes` bytes announces. Throws `tooLarge` past `limit`, `decodingFailure` for
    /// a header of another size.
    package static func length(ofHeader header: some Collection<UInt8>, limit: Int) throws(DaemonError) -> Int {
        guard header.count == headerBytes else {
            throw DaemonError(.decodingFailure, "a frame header has \(headerBytes) bytes, not \(header.count)")
        }
        let length = Int(header.reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        guard length <= limit else { throw .tooLarge(bytes: length, limit: limit) }
        return length
    }
}

/// Cuts a stream of bytes into messages. Feed it whatever arrives; take messages until there is none.
package struct FrameReader: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0
    private let limit: Int

    /// `limit`: bytes of one message.
    package init(limit: Int) { self.limit = limit }

    package mutating func append(_ bytes: some Collection<UInt8>) { buffer.append(contentsOf: bytes) }

    /// The next whole message; nil where more bytes are needed. Throws `tooLarge` for a length past the limit, after
    /// which the stream cannot be read on.
    package mutating func next() throws(DaemonError) -> [UInt8]? {
        guard buffer.count - start >= Frame.headerBytes else { return nil }
        let body = start + Frame.headerBytes
        let length = try Frame.length(ofHeader: buffer[start..<body], limit: limit)
        guard buffer.count - body >= length else { return nil }
        let message = Array(buffer[body..<(body + length)])
        start = body + length
        if start > 65_536 || start == buffer.count {
            buffer.removeFirst(start)
            start = 0
        }
        return message
    }

    /// True where bytes of an unfinished message are held: an end of the stream here cuts a message off.
    package var isInsideMessage: Bool { start < buffer.count }
}
