import Agent
import CMartletABI
import Testing

@Suite struct MetricsTextTests {
    @Test func dropsAreTheirReasons() {
        var counters = [UInt64](repeating: 0, count: 64)
        counters[Int(MARTLET_COUNTER_DROPS.rawValue) + 1] = 7
        counters[Int(MARTLET_COUNTER_FORWARDED_PACKETS.rawValue)] = 9
        let lines = MetricsText.text(counters: counters, generation: 3).split(separator: "\n")
        #expect(lines.contains("martlet_drops_total{reason=\"policy\"} 7"))
        #expect(lines.contains("martlet_forwarded_packets_total 9"))
        #expect(lines.contains("martlet_generation 3"))
        #expect(lines.filter { $0.hasPrefix("# TYPE martlet_drops_total") }.count == 1)
    }

    @Test func missingCountersAreZero() {
        #expect(MetricsText.text(counters: [], generation: 0).contains("martlet_flows_opened_total 0\n"))
    }

    @Test func fillStandsBesideCapacityWhereItIsCounted() {
        let lines = MetricsText.fill([
            MapFill(name: "rules", used: 3, capacity: 10), MapFill(name: "flows", used: nil, capacity: 20),
        ]).split(separator: "\n")
        #expect(lines.contains("martlet_map_entries{map=\"rules\"} 3"))
        #expect(lines.contains("martlet_map_capacity{map=\"rules\"} 10"))
        #expect(!lines.contains { $0.contains("flows") })
    }
}
