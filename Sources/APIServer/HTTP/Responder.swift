import APIMachinery
import JSONText
import NIOCore
import NIOHTTP1
import Synchronization

/// Writes one answer to the connection its request came from.
struct Responder: Sendable {
    let channel: any Channel
    let life: ConnectionLife
    let version: HTTPVersion
    let isHTTP1: Bool
    let keepsAlive: Bool
    let isHead: Bool

    /// Sends an answer whole, or streams it until it ends or the client goes. Upgrades are the server's business.
    func send(_ response: APIResponse) async {
        switch response.body {
        case .bytes(let bytes): send(response, bytes)
        case .stream(let stream): await send(response, stream)
        case .producer(let produce): await send(response, produce)
        case .upgrade: break
        }
    }

    private func send(_ response: APIResponse, _ bytes: [UInt8]) {
        var counted = head(response)
        // RFC 9110, section 8.6: an answer without content has no length.
        if response.status != 204 { counted.headers.add(name: "content-length", value: String(bytes.count)) }
        let headers = counted
        let body = isHead ? [] : bytes
        channel.eventLoop.execute {
            channel.write(HTTPServerResponsePart.head(headers), promise: nil)
            if !body.isEmpty {
                channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            }
            end()
        }
    }

    private func send(_ response: APIResponse, _ stream: any ByteStream) async {
        life.onEnd { stream.cancel() }
        defer {
            life.onEnd(nil)
            stream.cancel()
        }
        channel.writeAndFlush(HTTPServerResponsePart.head(head(response)), promise: nil)
        do {
            while let bytes = await stream.next() {
                // Waiting for the write is what holds a fast producer back for a slow client.
                try await channel.writeAndFlush(
                    HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))))
            }
        } catch {
            return
        }
        channel.eventLoop.execute { end() }
    }

    private func send(
        _ response: APIResponse,
        _ produce: @escaping @Sendable (@escaping @Sendable ([UInt8]) async throws -> Void) async throws -> Void
    ) async {
        let start = FirstOnly()
        let life = life
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await produce { bytes in
                        if start.isFirst() {
                            channel.write(HTTPServerResponsePart.head(head(response)), promise: nil)
                        }
                        try await channel.writeAndFlush(
                            HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))))
                    }
                    if start.isFirst() {
                        channel.write(HTTPServerResponsePart.head(head(response)), promise: nil)
                    }
                    channel.eventLoop.execute { end() }
                } catch {
                    fail(error, hasStarted: !start.isFirst())
                }
            }
            group.addTask { await life.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    /// A stream that broke is cut off, so that its reader does not take it for whole.
    private func fail(_ error: any Error, hasStarted: Bool) {
        if hasStarted {
            channel.close(promise: nil)
            return
        }
        let status = error as? APIStatus ?? .internalError("\(error)")
        let response = APIResponse(status: status.code, contentType: "application/json", [])
        send(response, status.json.compactBytes)
    }

    private func end() {
        let done = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if isHTTP1, !keepsAlive { done.whenComplete { _ in channel.close(promise: nil) } }
    }

    private func head(_ response: APIResponse) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        headers.add(name: "cache-control", value: "no-cache, private")
        if isHTTP1, !keepsAlive { headers.add(name: "connection", value: "close") }
        return HTTPResponseHead(
            version: version, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    }
}

/// Says yes once.
private final class FirstOnly: Sendable {
    private let isOver = Mutex(false)

    func isFirst() -> Bool {
        isOver.withLock { over in
            defer { over = true }
            return !over
        }
    }
}
