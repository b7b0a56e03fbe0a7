package import DaemonAPI
package import JSONText

/// Answers requests of the local socket.
package protocol RequestHandler: Sendable {
    /// The answer of one request. To answer by a stream, send its items and return nil. Cancelled when the caller has
    /// closed the connection.
    func answer(_ request: Request, items: ReplyItems) async throws(DaemonError) -> JSONValue?
}

/// Where the items of a stream go. Sending waits for a slow reader, and throws when it has gone.
package struct ReplyItems: Sendable {
    private let write: @Sendable (JSONValue) async throws -> Void

    package init(_ write: @escaping @Sendable (JSONValue) async throws -> Void) { self.write = write }

    package func send(_ item: JSONValue) async throws { try await write(item) }
}
