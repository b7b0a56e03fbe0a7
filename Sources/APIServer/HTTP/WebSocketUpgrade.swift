import APIMachinery
import Crypto
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns an HTTP/1.1 connection into a WebSocket (RFC 6455) and runs what the core wants done with it.
enum WebSocketUpgrade {
    private static let acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    /// The largest frame and message taken from a client.
    private static let messageBytesMax = 4 << 20

    /// The answer to `Sec-WebSocket-Key`.
    static func acceptValue(key: String) -> String {
        let digest = Insecure.SHA1.hash(data: Array((key + acceptSuffix).utf8))
        return Base64.encode(Array(digest))
    }

    static func run(_ upgrade: any Upgrade, key: String, responder: Responder) async {
        var headers = HTTPHeaders([
            ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", acceptValue(key: key)),
        ])
        if !upgrade.subprotocol.isEmpty { headers.add(name: "sec-websocket-protocol", value: upgrade.subprotocol) }
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        do {
            let channel = try await turn(responder.channel, head)
            try await channel.executeThenClose { inbound, outbound in
                let connection = WebSocketConnection(outbound)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await connection.pump(inbound) }
                    await upgrade.run(connection)
                    await connection.close()
                    group.cancelAll()
                }
            }
        } catch {
            responder.channel.close(promise: nil)
        }
    }

    /// Answers 101 and puts WebSocket handlers in the place of the HTTP ones.
    private static func turn(_ channel: any Channel, _ head: HTTPResponseHead) async throws
        -> NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    {
        try await channel.eventLoop.flatSubmit {
            channel.writeAndFlush(HTTPServerResponsePart.head(head), promise: nil)
            return HTTP1HandlerName.allCases.reduce(channel.eventLoop.makeSucceededVoidFuture()) { done, name in
                done.flatMap { channel.pipeline.removeHandler(name: name.rawValue) }
            }.flatMapThrowing {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(WebSocketFrameEncoder())
                try pipeline.addHandler(
                    ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: messageBytesMax)))
                try pipeline.addHandler(
                    NIOWebSocketFrameAggregator(
                        minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4096,
                        maxAccumulatedFrameSize: messageBytesMax))
                return try NIOAsyncChannel<WebSocketFrame, WebSocketFrame>(
                    wrappingChannelSynchronously: channel,
                    configuration: .init(backPressureStrategy: .init(lowWatermark: 2, highWatermark: 16)))
            }
        }.get()
    }
}

/// A WebSocket's messages. Reading waits for the reader: what is not taken is not read from the socket.
private final class WebSocketConnection: MessageConnection {
    private let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    private let inbox = Handoff<[UInt8]>(capacity: 4)

    init(_ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>) {
        self.outbound = outbound
    }

    func receive() async -> [UInt8]? { await inbox.take() }

    func send(_ message: [UInt8]) async throws {
        try await outbound.write(WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(bytes: message)))
    }

    /// Hands messages over until the other side closes.
    func pump(_ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>) async {
        do {
            for try await frame in inbound {
                switch frame.opcode {
                case .binary, .text:
                    var data = frame.unmaskedData
                    guard await inbox.put(data.readBytes(length: data.readableBytes) ?? []) else { return }
                case .ping:
                    try await outbound.write(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData))
                case .connectionClose:
                    inbox.finish()
                    return
                default: continue
                }
            }
        } catch {
            // A torn connection ends like a closed one: the reader sees the end.
        }
        inbox.finish()
    }

    func close() async {
        inbox.finish()
        var data = ByteBuffer()
        data.write(webSocketErrorCode: .normalClosure)
        // The other side may be gone already, and then there is nobody to tell.
        try? await outbound.write(WebSocketFrame(fin: true, opcode: .connectionClose, data: data))
    }
}
