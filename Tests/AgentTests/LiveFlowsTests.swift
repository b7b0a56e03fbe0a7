import CMartletABI
import KubeObjects
import MapLayout
import NetTypes
import Testing

@testable import Agent

@Suite struct LiveFlowsTests {
    private static let now: UInt64 = 1_000_000_000_000

    private static func flow(
        between addresses: (String, String) = ("10.0.0.1", "10.0.0.2"), port: UInt16 = 80,
        _ flags: martlet_flow_flag..., state: martlet_flow_state = MARTLET_STATE_ESTABLISHED,
        rule: martlet_rule_id = MARTLET_RULE_NONE
    ) throws -> OpenFlow {
        var key = martlet_flow_key()
        key.low = try #require(IPAddress(addresses.0)).mapped
        key.high = try #require(IPAddress(addresses.1)).mapped
        key.low_port = UInt16(40_000).bigEndian
        key.high_port = port.bigEndian
        key.protocol = TransportProtocol.tcp.rawValue
        var flow = martlet_flow()
        flow.last_seen_ns = now
        flow.flags = UInt16((flags + [MARTLET_FLOW_OPENER_LOW]).reduce(0) { $0 | $1.rawValue })
        flow.state = UInt8(state.rawValue)
        flow.rule_id.1 = rule.rawValue
        return OpenFlow(key, flow)
    }

    private static func rows(_ flows: [OpenFlow], limit: Int = 10, at now: UInt64 = Self.now) -> [String] {
        var live = LiveFlows()
        for flow in flows { live.add(flow, at: now) }
        return live.widest(limit).connections.map { connection, count in
            "\(connection.source) \(connection.destination) \(connection.port) "
                + "\(connection.changeMode?.rawValue ?? "-") \(count)"
        }
    }

    @Test func familiesAndModesAreCountedApart() throws {
        let flows = [
            try Self.flow(), try Self.flow(), try Self.flow(between: ("fd00::1", "fd00::2")),
            try Self.flow(port: 81, MARTLET_FLOW_KEEP, MARTLET_FLOW_KEPT), try Self.flow(port: 81),
        ]
        #expect(
            Self.rows(flows) == [
                "10.0.0.1 10.0.0.2 80 - 2", "10.0.0.1 10.0.0.2 81 - 1", "10.0.0.1 10.0.0.2 81 keep 1",
                "fd00::1 fd00::2 80 - 1",
            ])
    }

    @Test func theStrictestModeOfAnEntryCounts() throws {
        let keep = try Self.flow(MARTLET_FLOW_KEEP)
        let recheck = try Self.flow(MARTLET_FLOW_KEEP, MARTLET_FLOW_RECHECK)
        let reset = try Self.flow(MARTLET_FLOW_KEEP, MARTLET_FLOW_RECHECK, MARTLET_FLOW_RESET)
        #expect([keep, recheck, reset].map(\.changeMode) == [.keep, .recheck, .reset])
    }

    @Test func whatEndsOrIsOverOrIsNotJudgedIsLeftOut() throws {
        let flows = [
            try Self.flow(port: 1, state: MARTLET_STATE_CLOSING), try Self.flow(port: 2, rule: MARTLET_RULE_NODE),
            try Self.flow(port: 3, rule: MARTLET_RULE_SELF), try Self.flow(port: 4),
        ]
        #expect(Self.rows(flows) == ["10.0.0.1 10.0.0.2 4 - 1"])
        #expect(Self.rows(flows, at: Self.now + 21_601 * 1_000_000_000) == [])
    }

    @Test func theWidestAreShownAndTheOthersCounted() throws {
        var live = LiveFlows()
        for port in [80, 81, 81, 82] as [UInt16] { live.add(try Self.flow(port: port), at: Self.now) }
        let (shown, leftOut) = live.widest(2)
        #expect(shown.map(\.connection.port) == [81, 80])
        #expect(leftOut == 1)
    }
}
