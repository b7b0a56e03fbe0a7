import CLibbpf
import Glibc
import Synchronization

/// Empties the kernel's ring buffer on a thread of its own: a slow reader of events never holds the kernel up.
final class EventReader: Sendable {
    /// What the thread works on.
    private final class Work: Sendable {
        let map: OwnedDescriptor
        let stop: OwnedDescriptor
        let collector: EventCollector
        let end: EventStreamEnd

        init(map: OwnedDescriptor, stop: OwnedDescriptor, collector: EventCollector, end: EventStreamEnd) {
            self.map = map
            self.stop = stop
            self.collector = collector
            self.end = end
        }

        func run() {
            let result = martlet_ring_run(
                map.raw, stop.raw,
                { context, data, bytes in
                    guard let context, let data else { return 0 }
                    Unmanaged<EventCollector>.fromOpaque(context).takeUnretainedValue().record(
                        UnsafeRawBufferPointer(start: data, count: bytes))
                    return 0
                },
                { context in
                    guard let context else { return }
                    Unmanaged<EventCollector>.fromOpaque(context).takeUnretainedValue().flush()
                }, Unmanaged.passUnretained(collector).toOpaque())
            if result < 0 {
                let error = SystemCall.error("ring_buffer__consume", "reading events", code: -result)
                end.failure.withLock { $0 = error }
            }
            collector.finish()
        }
    }

    private let stop: OwnedDescriptor
    private let thread: Mutex<pthread_t?>

    /// Starts reading into a stream. The thread ends when the stream's reader goes away, or with this object.
    static func start(map: OwnedDescriptor) throws(DatapathError) -> (reader: EventReader, stream: EventStream) {
        let raw = martlet_stop_create()
        if raw < 0 { throw SystemCall.error("eventfd", "reading events", code: -raw) }
        let stop = OwnedDescriptor(raw)
        let (stream, continuation) = EventCollector.make()
        continuation.onTermination = { _ in martlet_stop_signal(stop.raw) }
        let end = EventStreamEnd()
        let work = Unmanaged.passRetained(
            Work(map: map, stop: stop, collector: EventCollector(continuation), end: end))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        if code != 0 {
            work.release()
            throw SystemCall.error("pthread_create", "reading events", code: code)
        }
        return (EventReader(stop: stop, thread: thread), EventStream(stream, end: end))
    }

    private init(stop: OwnedDescriptor, thread: pthread_t) {
        self.stop = stop
        self.thread = Mutex(thread)
    }

    deinit { end() }

    /// Ends the thread and its stream; what was read is still delivered. Returns when nothing reads the ring any more.
    func end() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let running else { return }
        martlet_stop_signal(stop.raw)
        pthread_join(running, nil)
    }
}
