import APIMachinery
import JSONText
import NIOCore
import NIOHTTP1

/// Collects one request after another and hands each to the intake. The same for HTTP/1.1 connections and HTTP/2
/// streams; on HTTP/1.1 a handler before it holds the next request back until the answer is out.
final class HTTPRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let intake: RequestIntake
    private let user: UserInfo?
    private let isHTTP1: Bool
    private let life = ConnectionLife()
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var readTimeout: Scheduled<Void>?

    init(intake: RequestIntake, user: UserInfo?, isHTTP1: Bool) {
        self.intake = intake
        self.user = user
        self.isHTTP1 = isHTTP1
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLarge = false
            let channel = context.channel
            readTimeout = context.eventLoop.scheduleTask(in: .seconds(Limits.requestReadSeconds)) {
                channel.close(promise: nil)
            }
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            if length > Limits.bodyBytesMax {
                isTooLarge = true
                finish(context)
            } else if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                let go = HTTPResponseHead(version: head.version, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
            }
        case .body(var part):
            guard head != nil, !isTooLarge else { return }
            guard body.count + part.readableBytes <= Limits.bodyBytesMax else {
                isTooLarge = true
                return finish(context)
            }
            body += part.readBytes(length: part.readableBytes) ?? []
        case .end:
            finish(context)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let head else { return }
        self.head = nil
        readTimeout?.cancel()
        readTimeout = nil
        let request = APIRequest(
            method: head.method.rawValue, target: head.uri,
            headers: head.headers.map { ($0.name.lowercased(), $0.value) }, body: body, user: user)
        body = []
        // What a refused body still sends cannot be told from the next request.
        let keepsAlive = head.isKeepAlive && !isTooLarge
        let responder = Responder(
            channel: context.channel, life: life, version: head.version, isHTTP1: isHTTP1, keepsAlive: keepsAlive,
            isHead: head.method == .HEAD)
        intake.offer(
            IncomingRequest(request: request, responder: responder, refusal: isTooLarge ? .tooLarge : nil))
    }

    func channelInactive(context: ChannelHandlerContext) {
        life.end()
        readTimeout?.cancel()
        context.fireChannelInactive()
    }

    /// A request that is no HTTP still gets an answer, where there is a connection to give it on.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        life.end()
        guard isHTTP1, let fault = error as? HTTPParserError else { return context.close(promise: nil) }
        let status: APIStatus =
            switch fault {
            case .invalidMethod: .noSuchMethod
            case .headerOverflow: .headersTooLarge
            default: .badRequest("the request cannot be read: \(fault)")
            }
        // Below the handlers that pair answers with requests: here there was no request.
        guard let below = try? context.pipeline.syncOperations.context(name: HTTP1HandlerName.encoder.rawValue) else {
            return context.close(promise: nil)
        }
        let body = status.json.compactText
        let answer =
            "HTTP/1.1 \(status.code) \(status.reason)\r\ncontent-type: application/json\r\n"
            + "content-length: \(body.utf8.count)\r\nconnection: close\r\n\r\n\(body)"
        let channel = context.channel
        below.writeAndFlush(NIOAny(ByteBuffer(string: answer))).whenComplete { _ in channel.close(promise: nil) }
    }
}
