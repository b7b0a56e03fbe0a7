/// Bytes that come over time: a watch, a log. One reader.
package protocol ByteStream: Sendable {
    /// The next bytes; nil at the end. Ends too when the reader's task is cancelled.
    func next() async -> [UInt8]?
    /// The reader is gone; `next` ends and everything behind it is let go. May be called more than once, from anywhere.
    func cancel()
}

/// What is done with a connection that turns from HTTP into a stream of messages both ways.
package protocol Upgrade: Sendable {
    /// The subprotocol that was agreed upon, for `Sec-WebSocket-Protocol`.
    var subprotocol: String { get }
    /// Runs until both sides are done. `connection` is closed afterwards by the caller.
    func run(_ connection: any MessageConnection) async
}

/// A WebSocket as the core sees it: whole binary messages.
package protocol MessageConnection: Sendable {
    /// The next message; nil when the other side has closed.
    func receive() async -> [UInt8]?
    /// Returns when the message has gone to the socket, so that a slow reader holds the sender back.
    func send(_ message: [UInt8]) async throws
}

/// One answer, free of transport.
package struct APIResponse: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        case stream(any ByteStream)
        /// Bytes that a function writes; an error before the first write becomes a Status, and the task is cancelled
        /// when the reader goes.
        case producer(@Sendable (_ write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws -> Void)
        case upgrade(any Upgrade)
    }

    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: Body

    package init(status: Int, headers: [(name: String, value: String)] = [], body: Body) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: Int = 200, contentType: String, _ bytes: [UInt8]) {
        self.init(status: status, headers: [("content-type", contentType)], body: .bytes(bytes))
    }

    package init(status: Int = 200, text: String) {
        self.init(status: status, contentType: "text/plain; charset=utf-8", Array(text.utf8))
    }
}
