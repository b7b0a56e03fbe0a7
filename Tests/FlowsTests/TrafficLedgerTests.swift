import CMartletABI
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import Testing

@testable import Flows

@Suite struct TrafficLedgerTests {
    static let hour: UInt64 = 3_600
    static let now: UInt64 = 1_800_000_000

    static func pair(_ port: UInt16, _ family: IPFamily = .v4, isAllowed: Bool = true) -> TrafficLedger.Pair {
        TrafficLedger.Pair(
            source: .name(ObjectKey("shop", "app=web")), destination: .address(IPAddress(v4: 0xC000_0201)),
            family: family, transport: 6, port: port, isAllowed: isAllowed)
    }

    static func flows(_ ledger: TrafficLedger, at seconds: UInt64) -> [Int64] {
        ledger.rows(at: seconds).compactMap { $0["flows"]?.integer }
    }

    @Test func anHourIsCountedAndOlderFlowsFallOut() {
        var ledger = TrafficLedger()
        ledger.add(Self.pair(80), flows: 3, at: Self.now)
        ledger.add(Self.pair(80), flows: 2, at: Self.now + 1_800)
        #expect(Self.flows(ledger, at: Self.now + 1_800) == [5])
        #expect(Self.flows(ledger, at: Self.now + Self.hour + 300) == [2])
        #expect(Self.flows(ledger, at: Self.now + 3 * Self.hour) == [])
        ledger.add(Self.pair(80), flows: 1, at: Self.now + 3 * Self.hour)
        #expect(Self.flows(ledger, at: Self.now + 3 * Self.hour) == [1])
    }

    @Test func familiesAreCountedApart() throws {
        var ledger = TrafficLedger()
        ledger.add(Self.pair(80), flows: 3, at: Self.now)
        ledger.add(Self.pair(80, .v6), flows: 2, at: Self.now)
        let read = TrafficLedger(ledger.json(at: Self.now)).rows(at: Self.now)
        #expect(read.map { $0["family"] } == ["IPv4", "IPv6"])
        #expect(read.map { $0["flows"] } == [3, 2])
    }

    @Test func whatComesLateCountsWhereItBelongs() {
        var ledger = TrafficLedger()
        ledger.add(Self.pair(80), at: Self.now + 900)
        ledger.add(Self.pair(80), at: Self.now)
        #expect(Self.flows(ledger, at: Self.now + 900) == [2])
        #expect(Self.flows(ledger, at: Self.now + Self.hour + 300) == [1])
    }

    private struct Names: FlowNames {
        func pod(endpoint: UInt32, incarnation: UInt32) -> ObjectKey? {
            [1: ObjectKey("shop", "web"), 2: ObjectKey("data", "db")][endpoint]
        }
        func rule(_ id: UInt32) -> FlowRule? { nil }
        func revision(generation: UInt32) -> String? { nil }
        func service(_ frontend: MapImage.Frontend) -> ObjectKey? { nil }
    }

    /// A packet of web's flow to port 5432 of db: web's own, or db's answer.
    private static func event(_ kind: EventKind, isAnswer: Bool) -> martlet_event {
        var event = martlet_event()
        event.kind = kind.rawValue
        event.reason = kind == .drop ? DropReason.policy.rawValue : 0
        event.direction = VerdictDirection.ingress.rawValue
        event.hook = Hook.fromPod.rawValue
        event.protocol = 6
        event.source_endpoint = isAnswer ? 2 : 1
        event.destination_endpoint = isAnswer ? 1 : 2
        event.source_port = UInt16(isAnswer ? 5432 : 41_648).bigEndian
        event.destination_port = UInt16(isAnswer ? 41_648 : 5432).bigEndian
        event.packets = isAnswer ? (0, 1) : (1, 0)
        return event
    }

    private static func rows(_ events: [martlet_event]) -> [String] {
        var log = FlowLog()
        var ledger = TrafficLedger()
        let anchor = ClockAnchor(monotonicNanoseconds: 0, unixNanoseconds: now * 1_000_000_000)
        for record in log.ingest(events, anchor: anchor, names: Names()) { ledger.add(record) { _ in nil } }
        return ledger.rows(at: now).map { row in
            "\(row["source"]?.string ?? "") > \(row["destination"]?.string ?? "") \(row["port"]?.integer ?? 0) "
                + (row["allowed"] == true ? "allowed" : "dropped")
        }
    }

    @Test func anAnswerThatIsDroppedIsNoFlowOfItsOwn() {
        #expect(Self.rows([Self.event(.drop, isAnswer: true)]) == [])
        #expect(Self.rows([Self.event(.drop, isAnswer: false)]) == ["shop/web > data/db 5432 dropped"])
    }

    @Test func aFlowPickedUpByAnAnswerIsItsOpeners() {
        #expect(Self.rows([Self.event(.flow, isAnswer: true)]) == ["shop/web > data/db 5432 allowed"])
        #expect(Self.rows([Self.event(.flow, isAnswer: false)]) == ["shop/web > data/db 5432 allowed"])
    }

    @Test func fullLedgerForgetsTheQuietestQuarter() {
        var ledger = TrafficLedger(capacity: 8)
        for port in 1...9 { ledger.add(Self.pair(UInt16(port)), at: Self.now + UInt64(port)) }
        #expect(ledger.count == 7)
        #expect(ledger.evicted == 2)
        #expect(ledger.rows(at: Self.now + 9).compactMap { $0["port"]?.integer }.sorted() == [3, 4, 5, 6, 7, 8, 9])
    }

    @Test func ledgerIsTheSameAfterARestart() throws {
        var ledger = TrafficLedger()
        ledger.add(Self.pair(80), flows: 7, at: Self.now)
        ledger.add(Self.pair(443, isAllowed: false), at: Self.now + 600)
        #expect(ledger.isDirty)
        let text = ledger.json(at: Self.now + 600).compactText
        #expect(!ledger.isDirty)
        let read = TrafficLedger(try JSONValue(parsing: Array(text.utf8)))
        #expect(read.rows(at: Self.now + 600) == ledger.rows(at: Self.now + 600))
        var fresh = TrafficLedger()
        fresh.add(Self.pair(80), flows: 1, at: Self.now + 900)
        fresh.append(read, at: .max)
        #expect(Self.flows(fresh, at: Self.now + 900) == [8, 1])
        #expect(TrafficLedger(["version": 2]).count == 0)
        // What a file says of times to come is no count, however far off.
        let odd =
            #"{"version":1,"pairs":[{"source":"a/b","destination":"a/c","family":"IPv4","transport":6,"port":80,"#
            + #""allowed":true,"slots":[1,0,0,0,0,0,0,0,0,0,0,0],"slot":9000000000000000000,"last":5}]}"#
        var unharmed = TrafficLedger()
        unharmed.append(TrafficLedger(try JSONValue(parsing: Array(odd.utf8))), at: Self.now)
        #expect(unharmed.count == 0)
    }
}
