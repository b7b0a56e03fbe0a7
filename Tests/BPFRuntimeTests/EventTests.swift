import CMartletABI
import Glibc
import MapLayout
import Testing

@testable import BPFRuntime

@Suite(.serialized)
struct EventTests {
    /// A frame that no pod may send: its source belongs to nobody.
    private let spoofed: [UInt8] =
        [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        + [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 9, 9, 9, 10, 9, 9, 8]
        + [0x30, 0x39, 0, 53, 0, 8, 0, 0]

    private func datapath(_ filesystem: TemporaryBPFFS) throws -> KernelDatapath {
        var configuration = martlet_config()
        configuration.events_per_second = 1_000_000
        return try KernelDatapath(DatapathSettings(pinDirectory: filesystem.pins, configuration: configuration))
    }

    @Test("An event that a program queues reaches the reader")
    func arrives() async throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let stream = try datapath.events()
        _ = try datapath.testRun("from_pod", TestRunInput(data: spoofed))
        var iterator = stream.makeAsyncIterator()
        let batch = try #require(await iterator.next())
        #expect(batch.events.count == 1)
        #expect(batch.lostEvents == 0)
        #expect(batch.events[0].kind == UInt8(MARTLET_EVENT_DROP.rawValue))
        #expect(batch.events[0].hook == UInt8(MARTLET_HOOK_FROM_POD.rawValue))
    }

    @Test("A reader that does not read loses the newest, and is told how many with the next batch")
    func bounded() async throws {
        let (stream, continuation) = EventCollector.make()
        let collector = EventCollector(continuation)
        let limit = EventStream.batchesMax * EventStream.batchEventsMax
        for number in 0..<limit + 3 {
            var event = martlet_event()
            event.rule_id = UInt32(number)
            withUnsafeBytes(of: event) { collector.record($0) }
        }
        collector.flush()
        var iterator = EventStream(stream).makeAsyncIterator()
        let first = try #require(await iterator.next())
        #expect(first.events.map(\.rule_id) == (0..<UInt32(EventStream.batchEventsMax)).map { $0 })
        withUnsafeBytes(of: martlet_event()) { collector.record($0) }
        collector.finish()
        var received = first.events.count
        var lost = first.lostEvents
        while let batch = await iterator.next() {
            received += batch.events.count
            lost += batch.lostEvents
        }
        #expect(received == limit + 1)
        #expect(lost == 3)
    }

    @Test("A record shorter than an event is passed over")
    func short() async throws {
        let (stream, continuation) = EventCollector.make()
        let collector = EventCollector(continuation)
        withUnsafeBytes(of: UInt64(1)) { collector.record($0) }
        collector.finish()
        var iterator = EventStream(stream).makeAsyncIterator()
        #expect(await iterator.next() == nil)
    }

    @Test("Events end with their reader, and a second reader starts over")
    func restarts() async throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        for _ in 0..<3 {
            let stream = try datapath.events()
            _ = try datapath.testRun("from_pod", TestRunInput(data: spoofed))
            var iterator = stream.makeAsyncIterator()
            #expect(await iterator.next()?.events.count == 1)
        }
    }
}
