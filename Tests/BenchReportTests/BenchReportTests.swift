import JSONText
import Testing

@testable import BenchReport

@Suite struct BenchReportTests {
    private static func report() -> BenchReport {
        var report = BenchReport(
            .init(date: "2026-01-02", kernel: "6.18", processor: "a processor", cores: 2, load: 0.1, version: "abc"))
        report.add(Measure(part: "network", "round trip", rounds: [0.9, 0.92, 0.96, 0.91], "×", .atMost(0.95)))
        report.add(Measure(part: "control", "creates", 2_000, "1/s", .atLeast(2_600)))
        report.add(Measure(part: "network", "plain", 12.34, "µs"))
        report.fail("scale", "no nft")
        return report
    }

    @Test func anAimIsReachedOrMissed() {
        #expect(Measure(part: "p", "n", 5, "ms", .atMost(5)).verdict == .reached)
        #expect(Measure(part: "p", "n", 5.01, "ms", .atMost(5)).verdict == .missed)
        #expect(Measure(part: "p", "n", 0.9, "×", .atLeast(0.9)).verdict == .reached)
        #expect(Measure(part: "p", "n", .nan, "×", .atLeast(0.9)).verdict == .missed)
        #expect(Measure(part: "p", "n", 5, "ms").verdict == nil)
    }

    @Test func aLineSaysValueSpreadAimAndVerdict() {
        #expect(
            Self.report().measures.map(\.line) == [
                "network: round trip: 0.91 × (0.90 to 0.92), aim ≤ 0.95: reached",
                "control: creates: 2,000 1/s, aim ≥ 2,600: missed", "network: plain: 12.3 µs",
            ])
    }

    @Test func theTableHasAPartAfterTheOther() {
        let table = Self.report().table
        #expect(table.contains("1 aims reached, 1 missed."))
        let rows = table.split(separator: "\n").filter {
            $0.hasPrefix("#") || $0.hasPrefix("| ") || $0.hasPrefix("Not")
        }
        #expect(
            rows.map(String.init) == [
                "### network", "| measure | value | half of the rounds | aim | |", "| --- | --- | --- | --- | --- |",
                "| round trip | 0.91 × | 0.90 – 0.92 | ≤ 0.95 | reached |", "| plain | 12.3 µs |  |  |  |",
                "### control", "| measure | value | half of the rounds | aim | |", "| --- | --- | --- | --- | --- |",
                "| creates | 2,000 1/s |  | ≥ 2,600 | missed |", "Not measured: scale: no nft",
            ])
    }

    @Test func aReasonIsOneLineWithoutThisMachinesFolders() {
        let reason = BenchReport.reason(
            "exec taskset -c 0 /a/tree/bin/bench serve:\n  cannot read /a/tree/page, /etc/hosts\n",
            without: ["/a/tree", "/a/tree/bin", "/", ""])
        #expect(reason == "exec taskset -c 0 bench serve: cannot read page, /etc/hosts")
        #expect(BenchReport.reason("in /a/tree", without: ["/a/tree"]) == "in .")
    }

    @Test func theJSONHasEveryFigure() throws {
        let json = Self.report().json
        let measures = try #require(json["measures"]?.array)
        #expect(measures.count == 3)
        #expect(measures[0]["value"] == .number(0.91))
        #expect(measures[1]["verdict"]?.string == "missed")
        #expect(measures[2]["aim"] == nil)
        #expect(json["notMeasured"]?.array?.count == 1)
    }

    @Test func theTableReplacesWhatIsBetweenTheMarks() throws {
        let page = "# Page\n\(BenchReport.begin)\nold\n\(BenchReport.end)\nrest\n"
        let written = try #require(Self.report().written(into: page))
        #expect(written.hasPrefix("# Page\n\(BenchReport.begin)\n\nMeasured 2026-01-02"))
        #expect(written.hasSuffix("\n\n\(BenchReport.end)\nrest\n"))
        #expect(!written.contains("old"))
        #expect(Self.report().written(into: written) == written)
    }

    @Test func aPageWithoutMarksIsLeftAlone() {
        #expect(Self.report().written(into: "# Page\n") == nil)
        #expect(Self.report().written(into: "\(BenchReport.end)\n\(BenchReport.begin)\n") == nil)
    }
}
