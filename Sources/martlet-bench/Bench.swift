import ArgumentParser
import BenchReport
import Glibc
import JSONText

/// Measures Martlet against plain routing and nftables in one run, and the control plane against its aims.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-bench", abstract: "Measure the network and the control plane of a node of its own.",
        subcommands: [Measuring.self, Serve.self, Ask.self, Drain.self, Send.self, Flows.self],
        defaultSubcommand: Measuring.self)
}

/// What can be measured alone.
enum Part: String, CaseIterable, ExpressibleByArgument {
    case start, cni, network, control, restart, services, rules, policies, flows, compile, scale
}

struct Measuring: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Run all parts, or some; a whole run writes its results and the table in the docs.")

    @Option(help: "The nodes' ids begin with this.")
    var id = "bench"

    @Option(help: "Only these parts.")
    var only: [Part] = []

    @Flag(help: "A tenth of the rounds and objects: to try the benchmark, not to quote it.")
    var quick = false

    @Option(help: "Where the results go; a whole run's default is Benchmarks/results/latest.json.")
    var output: String?

    @Option(help: "The page whose table is written; a whole run's default is docs/BENCHMARKS.md.")
    var page: String?

    /// No part begins after this many seconds: on a machine that is too busy the run ends with what it has.
    private static let secondsMax = 400.0

    func run() async throws {
        let parts = only.isEmpty ? Part.allCases : only
        let isWhole = only.isEmpty && !quick
        let results = output ?? (isWhole ? "Benchmarks/results/latest.json" : nil)
        let page = page ?? (isWhole ? "docs/BENCHMARKS.md" : nil)
        let begin = Shell.now
        let session = try Session(id: id, isQuick: quick)
        defer { session.remove() }
        for part in Part.allCases where parts.contains(part) || part == .start {
            do {
                guard Shell.now - begin < Self.secondsMax * 1e6 else { throw BenchError("no time was left") }
                try await session.measure(part)
            } catch {
                session.fail(part, error)
            }
            // A run that is cut off later leaves what it found.
            if let results { try Shell.write(session.report.json.prettyText + "\n", to: results) }
            if let page { try writeTable(session.report, page) }
        }
        Shell.say("\(session.report.reachedCount) aims reached, \(session.report.missed.count) missed")
        for measure in session.report.missed { Shell.say("missed: \(measure.line)") }
        guard session.report.failures.isEmpty else { throw ExitCode.failure }
    }

    private func writeTable(_ report: BenchReport, _ page: String) throws {
        guard let old = Shell.read(page), let new = report.written(into: old) else {
            throw BenchError("\(page) has no place for the table: \(BenchReport.begin) and \(BenchReport.end)")
        }
        try Shell.write(new, to: page)
    }
}
