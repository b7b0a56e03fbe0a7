import Flows
import Foundation
import JSONText
import KubeObjects
import NetTypes
import Netlink
import Testing

@testable import Agent

@Suite struct TrafficFileTests {
    private static let now: UInt64 = 1_800_000_000
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    private var path: String { folder.appending(path: "traffic.json").path() }
    private func remove() { try? FileManager.default.removeItem(at: folder) }
    private func file(_ path: String) throws -> TrafficFile { TrafficFile(path: path, thread: try SerialThread()) }

    private static func ledger(ports: UInt16...) -> TrafficLedger {
        var ledger = TrafficLedger()
        for port in ports {
            ledger.add(
                TrafficLedger.Pair(
                    source: .name(ObjectKey("shop", "app=web")),
                    destination: .name(ObjectKey("shop", "app=db")),
                    family: .v4, transport: 6, port: port, isAllowed: true),
                flows: 3, at: now)
        }
        return ledger
    }

    private func save(_ ledger: TrafficLedger) async throws {
        var ledger = ledger
        try await file(path).save(ledger.json(at: Self.now))
    }

    @Test func aMissingFileIsAnEmptyLedger() async throws {
        defer { remove() }
        #expect(try await file(path).load().count == 0)
    }

    @Test func whatIsSavedIsLoadedAndTheNextSaveReplacesIt() async throws {
        defer { remove() }
        try await save(Self.ledger(ports: 80, 443))
        #expect(try await file(path).load().rows(at: Self.now) == Self.ledger(ports: 80, 443).rows(at: Self.now))
        try await save(Self.ledger(ports: 22))
        #expect(try await file(path).load().rows(at: Self.now) == Self.ledger(ports: 22).rows(at: Self.now))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path()) == ["traffic.json"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aFileThatEndsTooSoonIsBegunAnew() async throws {
        defer { remove() }
        try await save(Self.ledger(ports: 80))
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(try await file(path).load().count == 1)
        for length in stride(from: 0, to: whole.count, by: 7) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(try await file(path).load().count == 0, "\(length) of \(whole.count) bytes")
        }
    }

    @Test(arguments: ["[]", "{}", "null", "\u{0}\u{1}", #"{"version":2,"pairs":[]}"#, #"{"version":1,"pairs":7}"#])
    func oddContentIsBegunAnew(_ text: String) async throws {
        defer { remove() }
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(try await file(path).load().count == 0)
    }

    @Test func aRowThatIsNotUnderstoodIsLeftOutAndTheOthersStay() async throws {
        defer { remove() }
        var ledger = Self.ledger(ports: 80)
        var json = ledger.json(at: Self.now)
        json["pairs"] = .array((json["pairs"]?.array ?? []) + [7, ["source": "shop/app=web", "port": 80]])
        try await file(path).save(json)
        #expect(try await file(path).load().rows(at: Self.now) == ledger.rows(at: Self.now))
    }

    @Test func aPlaceThatCannotBeWrittenIsNamedAndWhatIsThereStays() async throws {
        defer { remove() }
        let nowhere = folder.appending(path: "none/traffic.json").path()
        let missing = await #expect(throws: AgentError.self) { try await file(nowhere).save([:]) }
        #expect(missing?.code == .journal && missing?.message.hasPrefix("open \(nowhere)") == true)

        try await save(Self.ledger(ports: 80))
        try FileManager.default.createDirectory(atPath: path + ".new", withIntermediateDirectories: true)
        await #expect(throws: AgentError.self) { try await save(Self.ledger(ports: 22)) }
        #expect(try await file(path).load().rows(at: Self.now) == Self.ledger(ports: 80).rows(at: Self.now))
    }

    @Test func aFolderInItsPlaceIsNoLedgerAndIsNotReplaced() async throws {
        defer { remove() }
        try FileManager.default.createDirectory(atPath: path + "/full", withIntermediateDirectories: true)
        #expect(try await file(path).load().count == 0)
        let refused = await #expect(throws: AgentError.self) { try await save(Self.ledger(ports: 22)) }
        #expect(refused?.message.hasPrefix("rename") == true)
    }
}
