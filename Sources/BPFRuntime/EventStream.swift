package import CMartletABI

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

    package init(_ stream: AsyncStream<EventBatch>) {
        self.stream = stream
    }

    package func makeAsyncIterator() -> AsyncStream<EventBatch>.Iterator { stream.makeAsyncIterator() }
}
