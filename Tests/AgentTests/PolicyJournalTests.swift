import Foundation
import Glibc
import JSONText
import KubeObjects
import Logging
import Testing

@testable import Agent

/// What a next daemon learns of the policies that were in force.
@Suite struct PolicyJournalTests {
    private static let db = ObjectKey("shop", "db")
    private static let guarding = ObjectKey("", "guard")

    private func withPath(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appending(path: "policies.journal").path())
    }

    private func open(_ path: String) -> PolicyJournal {
        PolicyJournal(path: path, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func object(_ version: Int, uid: String = "u", text: String = "tab\there\nline \u{1F980}") -> JSONValue {
        ["metadata": ["uid": .string(uid), "resourceVersion": .string("\(version)")], "spec": ["text": .string(text)]]
    }

    /// Notes what is in force after another, as one daemon does.
    private func note(_ journal: PolicyJournal, _ inForce: [ObjectKey: JSONValue], changed: [ObjectKey]? = nil) {
        journal.note(changed ?? inForce.keys.sorted(), all: { Array(inForce.keys) }, object: { inForce[$0] })
    }

    private func isPresent(_ former: FormerPolicy) -> Bool {
        if case .present = former { return true }
        return false
    }

    private func isNone(_ former: FormerPolicy) -> Bool {
        if case .none = former { return true }
        return false
    }

    @Test func whereNothingIsKnownEachPolicyCountsAsInForce() throws {
        try withPath { path in
            let journal = open(path)
            #expect(isPresent(journal.former(Self.db, uid: "u", version: "1")))
            #expect(journal.object(Self.db, uid: "u") == nil && journal.damage.isEmpty && journal.fault.isEmpty)
        }
    }

    @Test func theNextDaemonKnowsWhatWasInForceLast() throws {
        try withPath { path in
            let first = open(path)
            note(first, [Self.db: object(1), Self.guarding: object(2)])
            note(first, [Self.db: object(3), Self.guarding: object(2)], changed: [Self.db])
            let next = open(path)
            #expect(next.object(Self.db, uid: "u") == object(3))
            #expect(isPresent(next.former(Self.db, uid: "u", version: "3")))
            guard case .another(let found) = next.former(Self.db, uid: "u", version: "4") else {
                Issue.record("version 3 was in force")
                return
            }
            #expect(found == object(3))
            #expect(next.object(Self.guarding, uid: "u") == object(2))
            // Another object under the name, and one that was in force in no version.
            #expect(isNone(next.former(Self.db, uid: "v", version: "3")) && next.object(Self.db, uid: "v") == nil)
            #expect(isNone(next.former(ObjectKey("shop", "new"), uid: "u", version: "3")))
            #expect(next.damage.isEmpty && next.formerKeys == [Self.db, Self.guarding])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func aPolicyThatIsInForceInNoVersionAnyMoreIsForgotten() throws {
        try withPath { path in
            let journal = open(path)
            note(journal, [Self.db: object(1), Self.guarding: object(1)])
            note(journal, [Self.guarding: object(1)], changed: [Self.db])
            #expect(open(path).formerKeys == [Self.guarding])
        }
    }

    @Test func whatIsInTheFileAlreadyIsTold() throws {
        try withPath { path in
            note(open(path), [Self.db: object(1), Self.guarding: object(1)])
            let before = try Data(contentsOf: URL(filePath: path))
            let next = open(path)
            #expect(next.holds(Self.db, uid: "u", version: "1") && !next.holds(Self.db, uid: "u", version: "2"))
            #expect(!next.holds(Self.db, uid: "v", version: "1"))
            note(next, [Self.db: object(1), Self.guarding: object(1)], changed: [])
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
            next.forget(except: [Self.db])
            // From now on a name that it does not know says nothing.
            #expect(isPresent(next.former(Self.guarding, uid: "u", version: "9")))
            #expect(!isPresent(next.former(Self.db, uid: "u", version: "9")))
            note(next, [Self.db: object(2), Self.guarding: object(1)], changed: [Self.db])
            #expect(isPresent(next.former(Self.db, uid: "u", version: "9")))
            note(next, [Self.db: object(1), Self.guarding: object(1)], changed: [Self.db])
            #expect(open(path).object(Self.db, uid: "u") == object(1))
        }
    }

    @Test func aNameThatNoLineCanHoldIsLeftOut() throws {
        try withPath { path in
            let odd = ObjectKey("shop", "a\tb\nc")
            note(open(path), [odd: object(1), Self.db: object(1, uid: "u\n"), Self.guarding: object(2)])
            let next = open(path)
            #expect(next.formerKeys == [Self.guarding] && next.damage.isEmpty)
        }
    }

    @Test func aLineThatItsWriterWasKilledOverTakesThatPolicyAlone() throws {
        try withPath { path in
            let journal = open(path)
            note(journal, [Self.db: object(1), Self.guarding: object(1)])
            let length = try Data(contentsOf: URL(filePath: path)).count
            note(journal, [Self.db: object(2)], changed: [Self.db])
            let whole = try Data(contentsOf: URL(filePath: path))
            for cut in length + 1..<whole.count {
                try whole.prefix(cut).write(to: URL(filePath: path))
                let next = open(path)
                // Where the line tells whom it is about, what stood before is not what was in force last of that one.
                // Else it may not be of any.
                let hasName = whole[length..<cut].count(where: { $0 == UInt8(ascii: "\t") }) > 1
                #expect(next.damage.isEmpty == hasName)
                #expect(next.object(Self.guarding, uid: "u") == (hasName ? object(1) : nil))
                #expect(next.object(Self.db, uid: "u") == nil)
                note(next, [Self.db: object(2), Self.guarding: object(1)])
                #expect(open(path).object(Self.db, uid: "u") == object(2))
            }
        }
    }

    @Test func ofADamagedFileWhatStandsBehindTheDamageCounts() throws {
        try withPath { path in
            let journal = open(path)
            note(journal, [Self.db: object(1)])
            note(journal, [Self.guarding: object(1)], changed: [Self.guarding])
            let whole = try Data(contentsOf: URL(filePath: path))
            let lines = whole.split(separator: UInt8(ascii: "\n"))
            try #require(lines.count == 3)
            for index in whole.indices where whole[index] != UInt8(ascii: "\n") {
                var bytes = whole
                bytes[index] ^= 0x15
                try bytes.write(to: URL(filePath: path))
                let next = open(path)
                #expect(!next.damage.isEmpty && next.fault.isEmpty)
                // Version 1 may be older than what the damaged line told.
                #expect(next.object(Self.db, uid: "u") == nil)
                let isBehind = index >= lines[1].startIndex && index < lines[1].endIndex
                #expect(next.object(Self.guarding, uid: "u") == (isBehind ? object(1) : nil))
                note(next, [Self.db: object(7)])
                let healed = open(path)
                #expect(healed.damage.isEmpty && healed.object(Self.db, uid: "u") == object(7))
            }
        }
    }

    @Test func anotherFormatAndAFileThatCannotBeReadAreSaidAndReplaced() throws {
        try withPath { path in
            let other = IDJournal.line("martlet policies 2") + IDJournal.line("shop/db\t1\tu\t{}")
            try Data(other).write(to: URL(filePath: path))
            let journal = open(path)
            #expect(journal.damage.contains("another format") && journal.formerKeys.isEmpty)
            #expect(isPresent(journal.former(Self.db, uid: "u", version: "1")))
            note(journal, [Self.db: object(1)])
            #expect(open(path).object(Self.db, uid: "u") == object(1))
        }
        try withPath { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            let journal = open(path)
            #expect(!journal.damage.isEmpty)
            note(journal, [Self.db: object(1)])
            #expect(journal.fault.contains("rename"))
        }
    }

    @Test func aWriteThatFailsIsSaidAndMadeGoodByTheNext() throws {
        try withPath { path in
            let journal = open(path)
            note(journal, [Self.db: object(1)])
            let handler = signal(SIGXFSZ, SIG_IGN)
            var old = rlimit()
            getrlimit(__rlimit_resource_t(1), &old)
            let size = try Data(contentsOf: URL(filePath: path)).count
            var small = rlimit(rlim_cur: rlim_t(size + 20), rlim_max: old.rlim_max)
            setrlimit(__rlimit_resource_t(1), &small)
            note(journal, [Self.db: object(2)])
            setrlimit(__rlimit_resource_t(1), &old)
            signal(SIGXFSZ, handler)
            #expect(journal.fault.contains("write"))
            // Version 1 may open what version 2 closed.
            let next = open(path)
            #expect(next.object(Self.db, uid: "u") == nil && next.damage.contains("is empty"))
            note(journal, [Self.db: object(3)])
            #expect(journal.fault.isEmpty && open(path).object(Self.db, uid: "u") == object(3))
        }
    }

    @Test func aFileThatSomebodyTakesAwayIsMadeAnewAndWhatIsNoFileIsReplaced() throws {
        try withPath { path in
            let journal = open(path)
            note(journal, [Self.db: object(1)])
            try FileManager.default.removeItem(atPath: path)
            note(journal, [Self.db: object(1), Self.guarding: object(2)], changed: [])
            #expect(open(path).formerKeys == [Self.db, Self.guarding])
            try FileManager.default.removeItem(atPath: path)
            try #require(mkfifo(path, 0o600) == 0)
            let next = open(path)
            #expect(next.damage.contains("is not a file"))
            note(next, [Self.db: object(1)])
            #expect(open(path).formerKeys == [Self.db])
        }
    }

    @Test func aFileThatHasGrownIsMadeAnew() throws {
        try withPath { path in
            let journal = open(path)
            let long = String(repeating: "x", count: 100_000)
            for version in 1...200 { note(journal, [Self.db: object(version, text: long)]) }
            let size = try Data(contentsOf: URL(filePath: path)).count
            #expect(size < PolicyJournal.rewriteBytesMin + 300_000)
            journal.sync()
            #expect(open(path).object(Self.db, uid: "u") == object(200, text: long))
            let files = try FileManager.default.contentsOfDirectory(
                atPath: (path as NSString).deletingLastPathComponent)
            #expect(files == ["policies.journal"])
        }
    }
}
