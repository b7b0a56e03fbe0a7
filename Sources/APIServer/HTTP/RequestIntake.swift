import APIMachinery
import Logging
import NIOCore
import Synchronization

/// A request off the wire and the way back.
struct IncomingRequest: Sendable {
    var request: APIRequest
    let responder: Responder
    /// Refused before the core sees it: too large, too many.
    var refusal: APIStatus?
}

/// Where connections put their requests and the server takes them: it runs each as a child of one task group.
///
/// Bounded by `Limits.requestsInFlightMax` and `Limits.streamsMax`; what is above is answered with 429 at once.
final class RequestIntake: Sendable {
    let requests: AsyncStream<IncomingRequest>
    private let continuation: AsyncStream<IncomingRequest>.Continuation
    private let inFlight = Mutex((requests: 0, streams: 0))

    init() {
        (requests, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    func offer(_ incoming: IncomingRequest) {
        var incoming = incoming
        let isOver = inFlight.withLock { counts in
            counts.requests += 1
            return counts.requests > Limits.requestsInFlightMax + counts.streams || counts.streams > Limits.streamsMax
        }
        if isOver { incoming.refusal = .tooManyRequests }
        continuation.yield(incoming)
    }

    /// A request turned into a stream: it no longer counts against the short ones.
    func becameStream() { inFlight.withLock { $0.streams += 1 } }

    func ended(wasStream: Bool) {
        inFlight.withLock { counts in
            counts.requests -= 1
            if wasStream { counts.streams -= 1 }
        }
    }

    func finish() { continuation.finish() }
}

/// Whether a connection (or an HTTP/2 stream) still lives, and what to let go when it ends.
final class ConnectionLife: Sendable {
    private let state = Mutex<(isOver: Bool, cancel: (@Sendable () -> Void)?)>((false, nil))

    /// Calls `cancel` when the connection ends, or at once if it has. Replaces what was set before.
    func onEnd(_ cancel: (@Sendable () -> Void)?) {
        let isOver = state.withLock { state in
            state.cancel = cancel
            return state.isOver
        }
        if isOver { cancel?() }
    }

    /// Returns when the connection has ended, or the task is cancelled.
    func wait() async {
        let gate = Handoff<Void>(capacity: 1)
        onEnd { gate.finish() }
        _ = await gate.take()
    }

    func end() {
        let cancel = state.withLock { state in
            state.isOver = true
            defer { state.cancel = nil }
            return state.cancel
        }
        cancel?()
    }
}
