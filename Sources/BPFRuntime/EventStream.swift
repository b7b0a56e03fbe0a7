package import CMartletABI
import Synchronization

/// Events in the order in which the kernel queued them, with how many were lost before.
package struct EventBatch: Sendable {
    package let events: [martlet_event]
    /// Read from the ring but thrown away because the reader was slow, since the batch before.
    package let lostEvents: UInt64

    package init(events: [martlet_event], lostEvents: UInt64 = 0) {
        self.events = events
        self.lostEvents = lostEvents
    }
}

/// A bounded stream of batches. When the reader is slow, the newest are thrown away and counted in the next batch.
package struct EventStream: AsyncSequence, Sendable {
    /// At most this many batches wait.
    package static let batchesMax = 64
    /// At most this many events make a batch.
    package static let batchEventsMax = 1024

    private let stream: AsyncStream<EventBatch>
    private let end: EventStreamEnd

    package init(_ stream: AsyncStream<EventBatch>) { self.init(stream, end: EventStreamEnd()) }

    init(_ stream: AsyncStream<EventBatch>, end: EventStreamEnd) {
        self.stream = stream
        self.end = end
    }

    /// Why the stream ended; nil while it goes on, and where its reader was ended on purpose.
    package var failure: DatapathError? { end.failure.withLock { $0 } }

    package func makeAsyncIterator() -> AsyncStream<EventBatch>.Iterator { stream.makeAsyncIterator() }
}

/// Where the thread that reads the ring leaves why it stopped.
final class EventStreamEnd: Sendable {
    let failure = Mutex<DatapathError?>(nil)
}
