import NIOCore

/// Answers the server's HTTP/2 pings ahead of the HTTP/2 handler. A server written in Go pings after nearly every call
/// to measure the line, and the handler takes more than 200 of them in 30 s for an attack and closes the connection.
/// Everything else passes unchanged (framing: RFC 9113, sections 4.1 and 6.7).
final class PingAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let headerBytes = 9
    private static let pingBytes = 8
    private static let pingType: UInt8 = 6
    private static let acknowledgement: UInt8 = 1

    private var waiting = ByteBuffer()
    /// What is left of the frame that is passing through.
    private var passing = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        waiting.writeBuffer(&bytes)
        var passed = context.channel.allocator.buffer(capacity: waiting.readableBytes)
        var answered = false
        while waiting.readableBytes > 0 {
            if passing > 0, var part = waiting.readSlice(length: min(passing, waiting.readableBytes)) {
                passing -= part.readableBytes
                passed.writeBuffer(&part)
                continue
            }
            guard let header = waiting.getBytes(at: waiting.readerIndex, length: Self.headerBytes) else { break }
            let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
            let isPing = header[3] == Self.pingType && header[4] & Self.acknowledgement == 0
            guard isPing && length == Self.pingBytes else {
                passing = Self.headerBytes + length
                continue
            }
            guard var frame = waiting.readSlice(length: Self.headerBytes + Self.pingBytes) else { break }
            frame.setInteger(Self.acknowledgement, at: frame.readerIndex + 4)
            context.write(wrapOutboundOut(frame), promise: nil)
            answered = true
        }
        waiting.discardReadBytes()
        if answered { context.flush() }
        if passed.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(passed)) }
    }
}
