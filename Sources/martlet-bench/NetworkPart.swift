import APIClient
import BenchReport
import Glibc
import JSONText

/// Latency and connections over five ways, in rounds: each round measures every way, and a ratio is of one round.
struct NetworkPart {
    let session: Session

    func run() async throws {
        let ways = try await Ways.make(session)
        defer { ways.end() }
        let results = try ways.measure(rounds: session.count(15, least: 3))
        guard let plain = results["plain"] else { return }
        note(Measure(part: "network", "plain routing: round trip", rounds: plain.roundTrip, "µs"))
        note(Measure(part: "network", "plain routing: connect + 1 byte", rounds: plain.connect, "µs"))
        note(Measure(part: "network", "plain routing: connections, 8 at a time", rounds: plain.rate, "1/s"))
        for way in ways.all where way.name != "plain" {
            guard let result = results[way.name] else { continue }
            let isOurs = way.name != "nft"
            note(way, "round trip", Figure.ratios(result.roundTrip, to: plain.roundTrip), isOurs ? .atMost(0.95) : nil)
            note(
                way, "connect + 1 byte", Figure.ratios(result.connect, to: plain.connect), isOurs ? .atMost(1.05) : nil)
            note(way, "connections a second", Figure.ratios(result.rate, to: plain.rate), isOurs ? .atLeast(0.9) : nil)
        }
    }

    private func note(_ measure: Measure) { session.note(measure) }

    private func note(_ way: Ways.Way, _ what: String, _ ratios: [Double], _ aim: Measure.Aim?) {
        note(Measure(part: "network", "\(way.text): \(what)", rounds: ratios, "×", aim))
    }
}

/// The same with many Services as with one: growth in each round of its own, plain routing's taken out.
struct ServicesPart {
    static let services = 10_000
    let session: Session

    func run() async throws {
        let total = session.count(Self.services)
        let rounds = session.count(9, least: 3)
        let ways = try await Ways.make(session)
        defer { ways.end() }
        try await session.withObjects { try await measure(ways, total, rounds, $0) }
    }

    private func measure(_ ways: Ways, _ total: Int, _ rounds: Int, _ objects: BenchObjects) async throws {
        let few = try ways.measure(rounds: rounds)
        let start = Shell.now
        try await add(total, objects)
        session.note(
            Measure(part: "services", "\(total) Services, created and in the kernel", (Shell.now - start) / 1e3, "ms"))
        if ways.filtered != nil { try ways.filtered?.setServices(total) }
        let many = try ways.measure(rounds: rounds)
        guard let before = few["plain"], let after = many["plain"] else { return }
        for way in ways.all where way.name == "socket" || way.name == "packet" || way.name == "nft" {
            guard let one = few[way.name], let more = many[way.name] else { continue }
            for (what, value) in [("round trip", \Ways.Result.roundTrip), ("connect + 1 byte", \Ways.Result.connect)] {
                let grown = Figure.ratios(
                    Figure.ratios(more[keyPath: value], to: after[keyPath: value]),
                    to: Figure.ratios(one[keyPath: value], to: before[keyPath: value]))
                session.note(
                    Measure(
                        part: "services", "\(way.text): \(what), \(total) Services against one", rounds: grown, "×",
                        way.name == "nft" ? nil : .atMost(1.05)))
            }
        }
        let memory = try session.node.memory()
        // What other parts change is to be concerned by none of them.
        try await objects.each(total - 1) { try await objects.delete(.services, "more-\($0)") }
        session.note(
            Measure(part: "services", "daemon resident with \(total) Services", memory.all, "MB"))
    }

    private func add(_ total: Int, _ objects: BenchObjects) async throws {
        try await objects.each(total - 1) { index in
            try await objects.create(.services, "more-\(index)", Manifests.service("more-\(index)"))
        }
        let there = Shell.poll(seconds: 60) {
            try session.node.status()[path: "services", "frontends"]?.integer.flatMap { $0 >= Int64(total) ? $0 : nil }
        }
        if there == nil { throw BenchError("the Services did not reach the kernel") }
    }
}
