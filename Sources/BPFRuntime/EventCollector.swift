import CMartletABI
import Synchronization

/// Makes batches of single events, and counts what the bounded stream refuses.
final class EventCollector: Sendable {
    private struct State {
        var events: [martlet_event] = []
        /// Thrown away since the last batch that was accepted.
        var lost: UInt64 = 0
    }

    private let continuation: AsyncStream<EventBatch>.Continuation
    private let state = Mutex(State())

    init(_ continuation: AsyncStream<EventBatch>.Continuation) {
        self.continuation = continuation
    }

    /// A stream with its limit, and what fills it.
    static func make() -> (stream: AsyncStream<EventBatch>, continuation: AsyncStream<EventBatch>.Continuation) {
        AsyncStream.makeStream(of: EventBatch.self, bufferingPolicy: .bufferingOldest(EventStream.batchesMax))
    }

    /// Takes one record of the ring; shorter ones than an event are of no build of ours.
    func record(_ data: UnsafeRawBufferPointer) {
        guard data.count >= MemoryLayout<martlet_event>.size else { return }
        let isFull = state.withLock { state in
            state.events.append(data.loadUnaligned(as: martlet_event.self))
            return state.events.count >= EventStream.batchEventsMax
        }
        if isFull { flush() }
    }

    /// Hands over what there is.
    func flush() {
        state.withLock { state in
            if state.events.isEmpty { return }
            let batch = EventBatch(events: state.events, lostEvents: state.lost)
            switch continuation.yield(batch) {
            case .enqueued: state.lost = 0
            case .dropped: state.lost += UInt64(state.events.count)
            case .terminated: break
            @unknown default: break
            }
            state.events = []
        }
    }

    func finish() {
        flush()
        continuation.finish()
    }
}
