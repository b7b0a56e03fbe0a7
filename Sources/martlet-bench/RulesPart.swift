import APIClient
import BenchReport
import Glibc
import JSONText

/// What a flow's first packet costs by the number of rules before the one that allows it, and what a further packet
/// costs: the kernel counts the program's run time itself, and a send is timed beside an nftables rule set of the same
/// rules.
struct RulesPart {
    /// How packets are let through.
    enum Side: CaseIterable {
        /// By a NetworkPolicy, between Pods.
        case policy
        /// By the router's nftables rules, one after the other, or by one rule and a set; between namespaces.
        case filterRules, filterSet

        var text: String {
            switch self {
            case .policy: "Martlet"
            case .filterRules: "nftables rules"
            case .filterSet: "nftables set"
            }
        }
    }

    struct Case: Hashable {
        let side: Side
        let rules: Int
        let isNew: Bool
    }

    static let counts = [0, 10, 100, most]
    private static let most = 1_000
    /// Rounds in which a further packet's run is counted with none and with most rules.
    private static let pairs = 20
    /// Source ports of first packets: no two first packets of a run have the same.
    private static let ports = UInt16(2_000)..<UInt16(60_000)
    /// The source port of what is not first.
    private static let furtherPort: UInt16 = 60_001

    let session: Session
    /// Nanoseconds of a send, by round.
    private var sends: [Case: [Double]] = [:]
    /// Nanoseconds of a run of the sending pod's program, by round.
    private var runs: [Case: [Double]] = [:]
    private var nextPort: [Bool: UInt16] = [:]

    init(session: Session) { self.session = session }

    mutating func run() async throws {
        let pod = try await session.inside("client")
        let isFiltered = try await session.withObjects { try await measure(from: pod, $0) }
        noteRuns()
        noteSends(isFiltered)
    }

    /// Answers whether nftables was measured too.
    private mutating func measure(from pod: String, _ objects: BenchObjects) async throws -> Bool {
        try await objects.remove(.networkPolicies, "measured")
        let kernel = try KernelView(session.node)
        let address = try session.node.address(of: "server")
        let filtered = makeFiltered()
        defer { Plain.removeAll(session.node.id) }
        let servers = try [try await session.inside("server"), filtered?.server].compactMap(\.self).map {
            try Shell.Running("exec \($0)taskset -c 0 \(session.own) drain --port \(Manifests.drainPort)")
        }
        defer { for server in servers { server.end() } }
        try await Task.sleep(for: .milliseconds(300))
        var former = 0
        for _ in 0..<session.count(7, least: 2) {
            for rules in Self.counts {
                try await set(rules, after: former, objects, kernel)
                former = rules
                let first = Case(side: .policy, rules: rules, isNew: true)
                runs[first, default: []].append(try send(pod, to: address, first, isCounted: true))
                for asked in [first, Case(side: .policy, rules: rules, isNew: false)] {
                    sends[asked, default: []].append(try send(pod, to: address, asked))
                }
                if let filtered { try sendFiltered(filtered, rules) }
            }
        }
        for round in 0..<session.count(Self.pairs, least: 2) {
            // Each of the two comes first in turn.
            for rules in round % 2 == 0 ? [0, Self.most] : [Self.most, 0] {
                try await set(rules, after: former, objects, kernel)
                former = rules
                try await Task.sleep(for: .milliseconds(50))
                let further = Case(side: .policy, rules: rules, isNew: false)
                runs[further, default: []].append(try send(pod, to: address, further, isCounted: true))
            }
        }
        try await objects.remove(.networkPolicies, "rules")
        return filtered != nil
    }

    /// Nil where the machine has no nft.
    private func makeFiltered() -> Plain? {
        let filtered = Plain(session.node.id, "rules")
        do {
            try filtered.make()
            try filtered.setPolicy(Manifests.rules(1), asSet: false)
            return filtered
        } catch {
            session.fail(.rules, error)
            return nil
        }
    }

    private func set(_ rules: Int, after former: Int, _ objects: BenchObjects, _ kernel: KernelView) async throws {
        guard rules != former else { return }
        let before = kernel.generation
        if rules == 0 {
            try await objects.delete(.networkPolicies, "rules")
        } else if former == 0 {
            try await objects.create(.networkPolicies, "rules", Manifests.rules(rules))
        } else {
            try await objects.patch(.networkPolicies, "rules", Manifests.rules(rules))
        }
        if Shell.poll(seconds: 5, { kernel.generation == before ? nil : true }) == nil {
            throw BenchError("\(rules) rules are not in the kernel")
        }
    }

    private mutating func sendFiltered(_ filtered: Plain, _ rules: Int) throws {
        for side in [Side.filterRules, .filterSet] where rules > 0 || side == .filterRules {
            let policy = rules > 0 ? Manifests.rules(rules) : nil
            try filtered.setPolicy(policy, asSet: side == .filterSet)
            for isNew in [true, false] {
                let asked = Case(side: side, rules: rules, isNew: isNew)
                sends[asked, default: []].append(try send(filtered.client, to: filtered.address, asked))
            }
        }
    }

    /// Nanoseconds: the median of a send, or a run of the sending pod's program where that is counted. Counting costs
    /// time itself, so a send is timed without.
    private mutating func send(_ prefix: String, to address: String, _ asked: Case, isCounted: Bool = false) throws
        -> Double
    {
        let count = session.count(asked.isNew ? 1_000 : 4_000)
        var port = Self.furtherPort
        if asked.isNew {
            port = nextPort[asked.side == .policy] ?? Self.ports.lowerBound
            if Int(port) + count > Int(Self.ports.upperBound) { throw BenchError("no source port is left") }
            nextPort[asked.side == .policy] = port + UInt16(count)
        }
        let program = Shell.line("ls \(session.node.directory)/bpf/programs/from_pod-*")
        let flags = (isCounted ? " --program \(program)" : "") + (asked.isNew ? " --new" : "")
        let line = try Shell.run(
            "\(prefix)taskset -c 1 \(session.own) send --address \(address) --port \(Manifests.drainPort) "
                + "--from \(port) --count \(count)\(flags)")
        guard let value = line.split(whereSeparator: \.isWhitespace).last.flatMap({ Double($0) }) else {
            throw BenchError("no time: \(line)")
        }
        return value
    }

    // MARK: Results

    private func rounds(_ values: [Case: [Double]], _ side: Side, _ rules: Int, isNew: Bool) -> [Double] {
        values[Case(side: side, rules: rules, isNew: isNew)] ?? []
    }

    private func note(_ name: String, _ rounds: [Double], _ unit: String, _ aim: Measure.Aim? = nil) {
        session.note(Measure(part: "rules", name, rounds: rounds, unit, aim))
    }

    private func noteRuns() {
        let none = rounds(runs, .policy, 0, isNew: true)
        note("first packet of a flow, no policy: the program's run", none, "ns")
        for (rules, aim) in [(10, 200.0), (100, 500), (1_000, 5_000)] {
            let more = zip(rounds(runs, .policy, rules, isNew: true), none).map { $0 - $1 }
            note("first packet through \(rules) rules: more than with none", more, "ns", .atMost(aim))
        }
        let established = rounds(runs, .policy, 0, isNew: false)
        note("further packet of a flow, no policy: the program's run", established, "ns")
        let ratios = Figure.ratios(rounds(runs, .policy, Self.most, isNew: false), to: established)
        note("further packet, 1,000 rules against none", ratios, "×", .atMost(1.05))
    }

    /// The same packets side by side.
    private func noteSends(_ isFiltered: Bool) {
        for isNew in [true, false] {
            let packet = isNew ? "first packet of a flow, sent" : "further packet of a flow, sent"
            note("\(packet): Martlet without policy", rounds(sends, .policy, 0, isNew: isNew), "ns")
            if isFiltered {
                note("\(packet): plain routing", rounds(sends, .filterRules, 0, isNew: isNew), "ns")
            }
            for rules in Self.counts.dropFirst() {
                let ours = rounds(sends, .policy, rules, isNew: isNew)
                note("\(packet): Martlet, \(rules) rules", ours, "ns")
                guard isFiltered else { continue }
                for side in [Side.filterRules, .filterSet] {
                    let theirs = rounds(sends, side, rules, isNew: isNew)
                    note("\(packet): \(side.text), \(rules) rules", theirs, "ns")
                    let ratios = Figure.ratios(ours, to: theirs)
                    note("\(packet): Martlet against \(side.text), \(rules) rules", ratios, "×")
                }
            }
        }
    }
}
