import Agent
import Foundation
import MapLayout
import Testing

@Suite struct IDJournalTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appending(path: "ids").path())
    }

    @Test func entriesSurviveReopening() throws {
        try withPath { path in
            do {
                var journal = try IDJournal(path: path, bootID: "b1")
                try journal.append([JournalEntry("class/1", "4 7,9"), JournalEntry("gone", "x")])
                try journal.append([JournalEntry("gone", nil)])
            }
            let entries = try IDJournal(path: path, bootID: "b1").entries
            #expect(entries == ["class/1": "4 7,9"])
        }
    }

    @Test func aTornLastLineIsDroppedAndWritingGoesOn() throws {
        try withPath { path in
            do {
                var journal = try IDJournal(path: path, bootID: "b1")
                try journal.append([JournalEntry("a", "1")])
                try journal.append([JournalEntry("b", "2")])
            }
            let whole = try Data(contentsOf: URL(filePath: path))
            for cut in 1..<8 {
                try whole.dropLast(cut).write(to: URL(filePath: path))
                do {
                    var journal = try IDJournal(path: path, bootID: "b1")
                    let before = journal.entries
                    #expect(before == ["a": "1"])
                    try journal.append([JournalEntry("c", "3")])
                }
                let entries = try IDJournal(path: path, bootID: "b1").entries
                #expect(entries == ["a": "1", "c": "3"])
            }
        }
    }

    @Test func damageBeforeTheEndIsSaidAndNotOverwritten() throws {
        try withPath { path in
            do {
                var journal = try IDJournal(path: path, bootID: "b1")
                try journal.append([JournalEntry("a", "1"), JournalEntry("b", "2")])
            }
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[bytes.startIndex + 10] ^= 0x55
            try bytes.write(to: URL(filePath: path))
            #expect(throws: AgentError.self) { _ = try IDJournal(path: path, bootID: "b1").entries }
            #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        }
    }

    @Test func aLongHistoryIsRewrittenShort() throws {
        try withPath { path in
            do {
                var journal = try IDJournal(path: path, bootID: "b1")
                for round in 0..<50 {
                    try journal.append((0..<200).map { JournalEntry("key/\($0 % 10)", "\(round)") })
                }
            }
            let size = try Data(contentsOf: URL(filePath: path)).count
            #expect(size < 100_000)
            let entries = try IDJournal(path: path, bootID: "b1").entries
            #expect(entries.count == 10 && entries["key/3"] == "49")
        }
    }

    @Test func aWriteThatWasCutShortLeavesNoPieceAndIsMadeGoodLater() throws {
        try withPath { path in
            var journal = try IDJournal(path: path, bootID: "b1")
            try journal.append([JournalEntry("a", "1")])
            let size = try Data(contentsOf: URL(filePath: path)).count
            // No file may grow beyond three bytes more.
            var old = rlimit()
            getrlimit(__rlimit_resource_t(1), &old)
            var low = old
            low.rlim_cur = rlim_t(size + 3)
            let handler = signal(SIGXFSZ, SIG_IGN)
            setrlimit(__rlimit_resource_t(1), &low)
            do {
                try journal.append([JournalEntry("b", "2")])
                Issue.record("the write was not cut short")
            } catch {}
            setrlimit(__rlimit_resource_t(1), &old)
            signal(SIGXFSZ, handler)
            #expect(try IDJournal(path: path, bootID: "b1").entries == ["a": "1"])
            try journal.append([])
            #expect(try IDJournal(path: path, bootID: "b1").entries == ["a": "1", "b": "2"])
        }
    }

    @Test func aRewriteIsDoneOnlyWhenItsNameIsOnTheDisk() throws {
        try withPath { path in
            var journal = try IDJournal(path: path, bootID: "b1")
            try journal.append([JournalEntry("a", "1")])
            // The next descriptor may be had, and not one more: the new file opens, its directory does not.
            let (first, second) = (dup(0), dup(0))
            close(first)
            close(second)
            var old = rlimit()
            getrlimit(__rlimit_resource_t(7), &old)
            var low = old
            low.rlim_cur = rlim_t(second)
            setrlimit(__rlimit_resource_t(7), &low)
            do {
                // More lines than a file may have that says so little: it is written anew.
                try journal.append((0..<5_000).map { JournalEntry("a", "\($0)") })
                Issue.record("the directory was not looked at")
            } catch {}
            setrlimit(__rlimit_resource_t(7), &old)
            try journal.append([JournalEntry("b", "2")])
            #expect(try IDJournal(path: path, bootID: "b1").entries == ["a": "4999", "b": "2"])
        }
    }

    @Test func underAnotherBootItBeginsAnewWhateverIsThere() throws {
        try withPath { path in
            do {
                var journal = try IDJournal(path: path, bootID: "b1")
                try journal.append((0..<20).map { JournalEntry("key/\($0)", "1") })
            }
            var bytes = try Data(contentsOf: URL(filePath: path))
            // As a machine that stopped may leave it: pages that were never written read as zeros.
            bytes.replaceSubrange(60..<90, with: Data(count: 30))
            try bytes.write(to: URL(filePath: path))
            #expect(throws: AgentError.self) { _ = try IDJournal(path: path, bootID: "b1").entries }
            do {
                var journal = try IDJournal(path: path, bootID: "b2")
                let entries = journal.entries
                #expect(entries == [:])
                try journal.append([JournalEntry("a", "1")])
            }
            #expect(try IDJournal(path: path, bootID: "b2").entries == ["a": "1"])
            #expect(try IDJournal(path: path, bootID: "b1").entries == [:])
        }
    }
}
