import Foundation
import NodeAgent
import Testing

@Suite struct LogFormatTests {
    private func filter(_ text: String, timestamps: Bool = false, since: String? = nil, limit: Int64? = nil) -> String {
        var filter = LogFilter(timestamps: timestamps, since: since.flatMap { Timestamp($0) }, limitBytes: limit)
        // In pieces of seven bytes, so that records are cut anywhere.
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 7) {
            output += filter.feed(Array(bytes[start..<min(start + 7, bytes.count)]))
        }
        return String(decoding: output, as: UTF8.self)
    }

    private let sample = """
        2026-01-02T03:04:05.000000001Z stdout F one
        2026-01-02T03:04:06.5Z stderr P tw
        2026-01-02T03:04:06.6Z stderr F o
        garbage
        2026-01-02T03:04:07+00:00 stdout F\u{20}
        2026-01-02T03:04:08Z stdout F four

        """

    @Test func recordsBecomeLines() { #expect(filter(sample) == "one\ntwo\n\nfour\n") }

    @Test func timestampsStandOnceALine() {
        #expect(
            filter(sample, timestamps: true)
                == "2026-01-02T03:04:05.000000001Z one\n2026-01-02T03:04:06.5Z two\n2026-01-02T03:04:07+00:00 \n"
                + "2026-01-02T03:04:08Z four\n")
    }

    @Test func sinceLeavesOutWhatIsOlder() {
        #expect(filter(sample, since: "2026-01-02T03:04:06.5Z") == "two\n\nfour\n")
        // A line that began earlier is left out whole.
        #expect(filter(sample, since: "2026-01-02T03:04:06.55Z") == "\nfour\n")
    }

    @Test func theLimitCutsAtTheByte() {
        #expect(filter(sample, limit: 5) == "one\nt")
        #expect(filter(sample, limit: 0) == "")
    }

    @Test(arguments: [
        "", "x", "2026 stdout", "2026 stdin F x", "2026 stdout Q x", "2026 stdout  x",
    ])
    func otherFormsAreNoRecords(line: String) { #expect(LogRecord(Array(line.utf8)[...]) == nil) }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", Int64(0)), ("2000-02-29T12:00:00Z", 951_825_600_000_000_000),
        ("2026-11-23T03:04:05.123456789Z", 1_795_403_045_123_456_789), ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59Z", -1_000_000_000),
    ])
    func timesAreRead(text: String, nanoseconds: Int64) throws {
        let time = try #require(Timestamp(text))
        #expect(time.nanoseconds == nanoseconds)
        #expect(
            Timestamp(time.text)?.nanoseconds == nanoseconds
                - (((nanoseconds % 1_000_000_000) + 1_000_000_000) % 1_000_000_000))
    }

    @Test(arguments: ["", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx"])
    func otherTextsAreNoTimes(text: String) { #expect(Timestamp(text) == nil) }
}
