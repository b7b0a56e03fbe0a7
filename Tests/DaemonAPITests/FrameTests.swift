import DaemonAPI
import Testing

struct FrameTests {
    @Test func messagesComeOutWholeHoweverTheStreamIsCut() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 70_000), [9]]
        let stream = try messages.flatMap { try Frame.encode($0, limit: 100_000) }
        for piece in [1, 2, 3, 4, 5, 4_096, stream.count] {
            var reader = FrameReader(limit: 100_000)
            var found: [[UInt8]] = []
            for start in Swift.stride(from: 0, to: stream.count, by: piece) {
                reader.append(stream[start..<min(start + piece, stream.count)])
                while let message = try reader.next() { found.append(message) }
            }
            #expect(found == messages, "cut every \(piece) bytes")
            #expect(!reader.isInsideMessage)
        }
    }

    @Test func anUnfinishedMessageIsSeenAsSuch() throws {
        var reader = FrameReader(limit: 10)
        reader.append([0, 0, 0, 3, 1, 2])
        #expect(try reader.next() == nil)
        #expect(reader.isInsideMessage)
    }

    @Test func aLengthOverTheLimitIsRefusedBeforeItsBytesCome() {
        var reader = FrameReader(limit: 10)
        reader.append([0, 0, 0, 11])
        #expect(throws: DaemonError.self) { try reader.next() }
        #expect(throws: DaemonError.self) { try Frame.encode(Array(repeating: 0, count: 11), limit: 10) }
    }
}
