import CMartletABI
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import Testing

@testable import Flows

struct FlowLogTests {
    private struct Names: FlowNames {
        var pods: [UInt32: ObjectKey] = [
            5: ObjectKey("shop", "web"), 6: ObjectKey("data", "db"),
        ]
        func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey? {
            incarnation == 1 ? pods[number] : nil
        }
        func rule(_ id: UInt32) -> FlowRule? {
            switch id {
            case 40: FlowRule(policy: ObjectKey("data", "only-api"), direction: .ingress, index: nil)
            case 41:
                FlowRule(policy: ObjectKey("", "guard"), kind: "ClusterNetworkPolicy", direction: .egress, index: 1)
            default: nil
            }
        }
        func revision(generation: UInt32) -> String? { generation == 9 ? "1234" : nil }
        func service(_ frontend: MapImage.Frontend) -> ObjectKey? {
            frontend.port == 80 ? ObjectKey("shop", "front") : nil
        }
    }

    private let anchor = ClockAnchor(monotonicNanoseconds: 1000, unixNanoseconds: 1_767_225_600_000_000_000)

    private func event(
        _ kind: EventKind = .drop, port: UInt16 = 5432, source: UInt32 = 5, at nanoseconds: UInt64 = 1000
    ) -> martlet_event {
        var event = martlet_event()
        event.time_ns = nanoseconds
        event.kind = kind.rawValue
        event.reason = kind == .drop ? DropReason.policy.rawValue : 0
        event.direction = VerdictDirection.ingress.rawValue
        event.hook = Hook.fromPod.rawValue
        event.protocol = 6
        event.tcp_flags = 2
        event.source = IPAddress(v4: 0x0a00_0005).mapped
        event.destination = IPAddress(v4: 0x0a00_0006).mapped
        event.source_port = UInt16(40000).bigEndian
        event.destination_port = port.bigEndian
        event.source_endpoint = source
        event.source_incarnation = 1
        event.destination_endpoint = 6
        event.destination_incarnation = 1
        event.rule_id = kind == .drop ? 40 : 0
        event.generation = 9
        return event
    }

    @Test("A drop tells pods, policy, revision and reason")
    func drop() throws {
        var log = FlowLog()
        let record = try #require(log.ingest([event()], anchor: anchor, names: Names()).first)
        #expect(
            record.row == [
                "00:00:00.000", "dropped", "TCP", "shop/web:40000", "data/db:5432", "-",
                "data/only-api ingress isolation",
            ])
        #expect(record.json["reason"] == "policy")
        #expect(record.json["revision"] == "1234")
        #expect(record.json["tcpFlags"] == "SYN")
        #expect(record.json[path: "rule", "policy"] == "data/only-api")
        #expect(record.json["time"] == "2026-01-01T00:00:00.000000Z")
    }

    @Test("Names are those of the time of the event, whatever is renamed later")
    func namesStay() throws {
        var log = FlowLog()
        log.ingest([event()], anchor: anchor, names: Names())
        var later = Names()
        later.pods[5] = ObjectKey("shop", "other")
        log.ingest([event()], anchor: anchor, names: later)
        let pods = log.history.latest(matching: FlowFilter(), limit: 10).map(\.sourcePod?.name)
        #expect(pods == ["web", "other"])
    }

    @Test("Of an allowed flow both rules are told, and either is found by its policy")
    func bothRules() throws {
        var raw = event(.flow)
        raw.rule_id = 40
        raw.other_rule_id = 41
        var log = FlowLog()
        let record = try #require(log.ingest([raw], anchor: anchor, names: Names()).first)
        #expect(record.decision == "data/only-api ingress isolation, ClusterNetworkPolicy guard egress[1]")
        #expect(record.json[path: "otherRule", "policy"] == "guard")
        for (name, found) in [("data/only-api", 1), ("guard", 1), ("data/guard", 0), ("only-api", 0)] {
            let filter = try FlowFilter(json: ["policy": .string(name)])
            #expect(log.history.latest(matching: filter, limit: 9).count == found, "\(name)")
        }
        let error = #expect(throws: FlowError.self) { try FlowFilter(json: ["policy": "a/b/c"]) }
        #expect(error?.message == "policy is NAMESPACE/NAME or NAME of a ClusterNetworkPolicy, not a/b/c")
    }

    @Test("An endpoint of another incarnation has no name")
    func incarnation() throws {
        var log = FlowLog()
        var raw = event()
        raw.source_incarnation = 2
        let record = try #require(log.ingest([raw], anchor: anchor, names: Names()).first)
        #expect(record.sourcePod == nil)
        #expect(record.row[3] == "10.0.0.5:40000")
    }

    @Test("A flow through a Service names it, and a close tells the traffic of both directions")
    func serviceAndClose() throws {
        var log = FlowLog()
        var raw = event(.close)
        raw.frontend = IPAddress(v4: 0x0a60_0001).mapped
        raw.frontend_port = UInt16(80).bigEndian
        raw.packets = (3, 2)
        raw.bytes = (300, 200)
        let record = try #require(log.ingest([raw], anchor: anchor, names: Names()).first)
        #expect(record.verdict == .closed)
        #expect(record.row[5] == "shop/front")
        #expect(record.decision == "default allow")
        #expect(record.json[path: "reply", "bytes"] == 200)
        #expect(log.totals.totals.values.first?.bytes == 500)
    }

    @Test("An event of an unknown kind is counted and left out")
    func unknownKind() {
        var log = FlowLog()
        var raw = event()
        raw.kind = 99
        #expect(log.ingest([raw, event()], lost: 7, anchor: anchor, names: Names()).count == 1)
        #expect(log.unknown == 1)
        #expect(log.lost == 7)
        #expect(log.summary["lost"] == 7)
    }

    @Test("The history keeps the latest, and a follower sees each record once")
    func history() {
        var log = FlowLog(recordsMax: 4)
        for port in 1...6 { log.ingest([event(port: UInt16(port))], anchor: anchor, names: NoFlowNames()) }
        let all = log.history.latest(matching: FlowFilter(), limit: 10)
        #expect(all.map(\.event.destination.port) == [3, 4, 5, 6])
        #expect(log.history.latest(matching: FlowFilter(), limit: 2).map(\.sequence) == [5, 6])
        let first = log.history.records(after: 0, matching: FlowFilter(), limit: 3)
        #expect(first.map(\.sequence) == [3, 4, 5])
        #expect(log.history.records(after: 5, matching: FlowFilter(), limit: 3).map(\.sequence) == [6])
        #expect(log.history.records(after: 6, matching: FlowFilter(), limit: 3).isEmpty)
    }

    @Test("Totals are bounded: what was quiet longest goes, and is counted")
    func totals() {
        var log = FlowLog(totalsMax: 8)
        for port in 1...9 {
            log.ingest(
                [event(port: UInt16(port), at: 1000 + UInt64(port))], anchor: anchor, names: NoFlowNames())
        }
        #expect(log.totals.totals.count == 7)
        #expect(log.totals.evicted == 2)
        #expect(!log.totals.totals.keys.contains { $0.port <= 2 })
        log.ingest([event(port: 9)], anchor: anchor, names: NoFlowNames())
        #expect(log.totals.totals.first { $0.key.port == 9 }?.value.events == 2)
    }

    @Test(
        "A filter keeps what it names, on either end",
        arguments: [
            (["pod": "shop/web"], true), (["pod": "data/db"], true), (["pod": "shop/db"], false),
            (["namespace": "data"], true), (["namespace": "none"], false), (["verdict": "dropped"], true),
            (["verdict": "allowed"], false), (["port": 5432], true), (["port": 40000], true), (["port": 1], false),
            (["protocol": "tcp"], true), (["protocol": "17"], false), (["reason": "policy"], true),
            (["reason": "no-backend"], false), (["policy": "data/only-api"], true), (["policy": "a/b"], false),
            (["sinceUnixNanoseconds": 1_767_225_600_000_000_000], true),
            (["sinceUnixNanoseconds": 1_767_225_600_000_000_001], false),
        ] as [(JSONValue, Bool)])
    func filter(json: JSONValue, keeps: Bool) throws {
        var log = FlowLog()
        log.ingest([event()], anchor: anchor, names: Names())
        #expect(log.history.latest(matching: try FlowFilter(json: json), limit: 1).isEmpty != keeps)
    }

    @Test(
        "A filter that is wrong is refused by the name of its member",
        arguments: [
            ("pod", "web"), ("pod", 3), ("verdict", "lost"), ("port", 0), ("port", 70000), ("port", "x"),
            ("protocol", "TPC"), ("reason", "because"), ("policy", "/x"), ("sinceUnixNanoseconds", -1),
        ] as [(String, JSONValue)])
    func badFilter(member: String, value: JSONValue) {
        let error = #expect(throws: FlowError.self) { try FlowFilter(json: .object([member: value])) }
        #expect(error?.message.contains(member) == true)
    }

    @Test(
        "Times are calendar dates",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (951_782_399_000_001_000, "2000-02-28T23:59:59.000001Z"),
            (951_868_799_999_999_999, "2000-02-29T23:59:59.999999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000Z"),
        ])
    func times(nanoseconds: UInt64, text: String) {
        #expect(TimeText.of(unixNanoseconds: nanoseconds) == text)
    }
}
