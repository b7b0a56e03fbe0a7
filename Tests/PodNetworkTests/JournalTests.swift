import DaemonAPI
import Foundation
import JSONText
import NetTypes
import PodNetwork
import Testing

struct JournalTests {
    static func record(_ number: Int, _ state: AttachmentRecord.State = .attached) -> AttachmentRecord {
        AttachmentRecord(
            key: AttachmentKey(containerID: "c\(number)", interface: "eth0"),
            owner: .pod(namespace: "n", name: "p\(number)", uid: "u"), network: "martlet",
            namespacePath: "/run/netns/\(number)", addresses: [IPAddress(v4: 0x0a01_0000 + UInt32(number))], mtu: 1_500,
            startedNanoseconds: Int64(number), state: state)
    }

    static func directory() throws -> String {
        let path = NSTemporaryDirectory() + "mt-journal-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func whatWasAppendedIsThereAfterReopening() throws {
        let directory = try Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let state: JournalState
        do {
            let journal = try Journal(directory: directory)
            try journal.append(.boot("b"))
            for number in 1...5 { try journal.append(.record(Self.record(number))) }
            try journal.append(.removed(Self.record(2).key, at: 99))
            state = journal.state
        }
        let reopened = try Journal(directory: directory).state
        #expect(reopened == state)
        #expect(reopened.records.count == 4 && reopened.freed[IPAddress(v4: 0x0a01_0002)] == 99)
    }

    /// The file cut at every byte: all whole lines count, a piece of one does not.
    @Test func aCrashInAWriteLosesOnlyThatWrite() throws {
        let entries: [JournalEntry] = [
            .boot("b"), .record(Self.record(1, .planned)), .record(Self.record(1)), .record(Self.record(2)),
            .removed(Self.record(1).key, at: 5), .freed(.init(address: IPAddress(v4: 9), at: 7)),
        ]
        let lines = entries.map { $0.json.compactBytes + [10] }
        let bytes = lines.flatMap(\.self)
        var expected = JournalState()
        var whole = 0
        var next = lines[0].count
        for length in 0...bytes.count {
            if length == next {
                expected.apply(entries[whole])
                whole += 1
                next += whole < lines.count ? lines[whole].count : 1
            }
            #expect(try JournalState(parsing: Array(bytes.prefix(length))) == expected, "cut at \(length)")
        }
        #expect(whole == entries.count)
    }

    @Test func damageInTheMiddleIsSaidAndNotOverwritten() throws {
        let directory = try Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/attachments.journal"
        let damaged = "{\"boot\":\"b\"}\n{\"record\":{\"garbage\n" + "{\"boot\":\"b\"}\n"
        try damaged.write(toFile: path, atomically: true, encoding: .utf8)
        #expect { try Journal(directory: directory) } throws: { error in
            (error as? PodNetworkError)?.message.contains("line 2") == true
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == damaged)
    }

    @Test func deadLinesAreCompactedAndNothingIsLost() throws {
        let directory = try Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let journal = try Journal(directory: directory, deadLinesMax: 16)
        try journal.append(.record(Self.record(1)))
        for round in 0..<50 {
            try journal.append(.record(Self.record(2)))
            try journal.append(.removed(Self.record(2).key, at: Int64(round)))
        }
        let size = try #require(
            try FileManager.default.attributesOfItem(atPath: directory + "/attachments.journal")[.size] as? Int)
        #expect(size < 8_000)
        let reopened = try Journal(directory: directory).state
        #expect(reopened == journal.state && reopened.records.count == 1)
        #expect(reopened.freed == [IPAddress(v4: 0x0a01_0002): 49])
    }

    @Test func anotherBootFreesEverything() throws {
        let directory = try Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let journal = try Journal(directory: directory)
        try journal.append(.boot("b"))
        try journal.append(.record(Self.record(3)))
        try journal.restart(boot: "c")
        let reopened = try Journal(directory: directory).state
        #expect(reopened.boot == "c" && reopened.records.isEmpty && reopened.freed == [IPAddress(v4: 0x0a01_0003): 0])
    }
}
