import Foundation
import Testing

/// A connection between two network namespaces: both ends. Closed after `body`.
/// - Parameters:
///   - address: of the server, which listens for this connection alone.
///   - source: the client's own address, where it has several.
func withConnection(
    from client: PodSockets, to server: PodSockets, at address: String, _ port: UInt16, source: String? = nil,
    _ body: (_ client: Int32, _ server: Int32) async throws -> Void
) async throws {
    let listener = try server.listener(port)
    defer { close(listener) }
    let near = try #require(try client.connection(to: address, port, from: source, milliseconds: 3_000))
    defer { close(near) }
    let far = accept(listener, nil, nil)
    try #require(far >= 0)
    defer { close(far) }
    #expect(passesByte(from: near, to: far) && passesByte(from: far, to: near))
    try await body(near, far)
}

/// Whether a byte that one end sends arrives at the other within a second.
func passesByte(from sender: Int32, to receiver: Int32) -> Bool {
    var byte: UInt8 = 7
    guard send(sender, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 else { return false }
    var ready = pollfd(fd: receiver, events: Int16(POLLIN), revents: 0)
    return poll(&ready, 1, 1_000) == 1 && recv(receiver, &byte, 1, 0) == 1
}

/// Whether both directions are over: by an RST, or because this end was destroyed. An end that was closed is not.
func isEnded(_ descriptor: Int32) -> Bool {
    var state = pollfd(fd: descriptor, events: 0, revents: 0)
    return poll(&state, 1, 0) == 1 && state.revents & Int16(POLLHUP) != 0
}

/// Takes the error of a socket; 0 where it has none.
func takeError(_ descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
}
