import CLibbpf
import CMartletABI
import Glibc
import Synchronization

/// Empties the kernel's ring buffer on a thread of its own: a slow reader of events never holds the kernel up.
final class EventReader: Sendable {
    private struct State {
        var events: [martlet_event] = []
        /// Thrown away since the last batch that was accepted.
        var lost: UInt64 = 0
    }

    private let map: OwnedDescriptor
    private let stop: OwnedDescriptor
    private let continuation: AsyncStream<EventBatch>.Continuation
    private let state = Mutex(State())

    private init(map: OwnedDescriptor, stop: OwnedDescriptor, _ continuation: AsyncStream<EventBatch>.Continuation) {
        self.map = map
        self.stop = stop
        self.continuation = continuation
    }

    /// Starts reading. The thread ends when the stream's reader goes away.
    static func start(map: OwnedDescriptor) throws(DatapathError) -> EventStream {
        let raw = martlet_stop_create()
        if raw < 0 { throw SystemCall.error("eventfd", "reading events", code: -raw) }
        let stop = OwnedDescriptor(raw)
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventBatch.self, bufferingPolicy: .bufferingOldest(EventStream.batchesMax))
        continuation.onTermination = { _ in martlet_stop_signal(stop.raw) }
        let reader = EventReader(map: map, stop: stop, continuation)
        let context = Unmanaged.passRetained(reader)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<EventReader>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        if code != 0 {
            context.release()
            throw SystemCall.error("pthread_create", "reading events", code: code)
        }
        pthread_detach(thread)
        return EventStream(stream)
    }

    private func run() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = martlet_ring_run(
            map.raw, stop.raw,
            { context, data, bytes in
                guard let context, let data else { return 0 }
                Unmanaged<EventReader>.fromOpaque(context).takeUnretainedValue().record(
                    UnsafeRawBufferPointer(start: data, count: bytes))
                return 0
            },
            { context in
                guard let context else { return }
                Unmanaged<EventReader>.fromOpaque(context).takeUnretainedValue().flush()
            }, context)
        continuation.finish()
    }

    private func record(_ data: UnsafeRawBufferPointer) {
        guard data.count >= MemoryLayout<martlet_event>.size else { return }
        let isFull = state.withLock { state in
            state.events.append(data.loadUnaligned(as: martlet_event.self))
            return state.events.count >= EventStream.batchEventsMax
        }
        if isFull { flush() }
    }

    private func flush() {
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
}
