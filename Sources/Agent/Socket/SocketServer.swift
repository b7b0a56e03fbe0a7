import CLinux
import DaemonAPI
import JSONText
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The daemon's local socket: mode 0600, so that only its owner (root) may ask. Framing and messages are DaemonAPI's.
package struct SocketServer: Service {
    /// Requests that one connection may send before the first is answered.
    private static let pipelinedMax = 16
    private static let backlog: Int32 = 512

    private let path: String
    private let handler: any RequestHandler
    private let logger: Logger

    package init(path: String, handler: any RequestHandler, logger: Logger) {
        self.path = path
        self.handler = handler
        self.logger = logger
    }

    /// Serves until cancelled or told to shut down; then open requests are cancelled.
    package func run() async throws {
        let descriptor = clinux_unix_listen(path, 0o600, Self.backlog)
        guard descriptor >= 0 else {
            throw DaemonError(.ioFailure, "cannot listen on \(path)", cause: "errno \(-descriptor)")
        }
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: Self.backlog)
            .bind(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        logger.info("listening", metadata: ["socket": "\(path)"])
        try await cancelWhenGracefulShutdown {
            try await server.executeThenClose { connections in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var open = 0
                    for try await connection in connections {
                        if open == SocketLimits.connectionsMax {
                            try await group.next()
                            open -= 1
                        }
                        open += 1
                        group.addTask { await serve(connection) }
                    }
                }
            }
        }
    }

    private func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
        do {
            try await connection.executeThenClose { inbound, outbound in
                let (messages, continuation) = AsyncStream.makeStream(
                    of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.pipelinedMax))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        defer { continuation.finish() }
                        try await read(inbound, into: continuation)
                    }
                    group.addTask {
                        for await message in messages { try await answer(message, outbound) }
                    }
                    // Whichever ends first ends the other: the caller has gone, or cannot be answered.
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        } catch {
            logger.debug("connection ended", metadata: ["reason": "\(error)"])
        }
    }

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, into messages: AsyncStream<[UInt8]>.Continuation
    ) async throws {
        var reader = FrameReader(limit: SocketLimits.requestBytesMax)
        for try await buffer in inbound {
            reader.append(buffer.readableBytesView)
            while let message = try reader.next() {
                if case .dropped = messages.yield(message) {
                    throw DaemonError(.tooLarge, "over \(Self.pipelinedMax) requests wait on one connection")
                }
            }
        }
    }

    private func answer(_ message: [UInt8], _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws {
        let reply: Reply
        do throws(DaemonError) {
            let request = try Self.parse(message)
            let items = ReplyItems { item in try await Self.send(.item(item), outbound) }
            reply = try await handler.answer(request, items: items).map(Reply.result) ?? .end
        } catch {
            reply = .failure(error)
        }
        try await Self.send(reply, outbound)
    }

    private static func parse(_ message: [UInt8]) throws(DaemonError) -> Request {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue(parsing: message)
        } catch {
            throw DaemonError(.decodingFailure, "the request is no JSON: \(error.description)")
        }
        return try Request(json: json)
    }

    private static func send(_ reply: Reply, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws {
        let frame = try Frame.encode(reply.json.compactBytes, limit: SocketLimits.replyBytesMax)
        try await outbound.write(ByteBuffer(bytes: frame))
    }
}
