import APIClient
import BenchReport
import Glibc
import JSONText

/// What a flow's first packet costs in the kernel by the number of rules before the one that allows it, and what a
/// further packet costs. The kernel counts the program's run time itself.
struct RulesPart {
    let session: Session

    func run() async throws {
        let pod = try await session.inside("client")
        let serverPod = try await session.inside("server")
        let client = try session.node.client()
        let objects = BenchObjects(client: client)
        try await objects.delete(.networkPolicies, "measured")
        let drain = try Shell.Running(
            "exec \(serverPod)taskset -c 0 \(session.own) drain --port \(Manifests.drainPort)")
        defer { drain.end() }
        let kernel = try KernelView(session.node)
        let address = try session.node.address(of: "server")
        var first: [Int: [Double]] = [:]
        var further: [Int: [Double]] = [:]
        var former = 0
        for _ in 0..<session.count(7, least: 2) {
            for rules in [0, 10, 100, 1_000] {
                try await set(rules, after: former, objects, kernel)
                former = rules
                first[rules, default: []].append(try cost(pod, address, isNew: true))
                further[rules, default: []].append(try cost(pod, address, isNew: false))
            }
        }
        await client.shutDown()
        note(first, further)
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

    /// Nanoseconds a run of the sending pod's program.
    private func cost(_ pod: String, _ address: String, isNew: Bool) throws -> Double {
        let program = Shell.line("ls \(session.node.directory)/bpf/programs/from_pod-*")
        let line = try Shell.run(
            "\(pod)taskset -c 1 \(session.own) send --address \(address) --port \(Manifests.drainPort) "
                + "--count \(session.count(4_000)) --program \(program)\(isNew ? " --new" : "")")
        guard let value = line.split(whereSeparator: \.isWhitespace).last.flatMap({ Double($0) }) else {
            throw BenchError("no run time: \(line)")
        }
        return value
    }

    private func note(_ first: [Int: [Double]], _ further: [Int: [Double]]) {
        let none = first[0] ?? []
        session.note(Measure(part: "rules", "first packet of a flow, no policy: the program's run", rounds: none, "ns"))
        for (rules, aim) in [(10, 200.0), (100, 500), (1_000, 5_000)] {
            let more = zip(first[rules] ?? [], none).map { $0 - $1 }
            session.note(
                Measure(
                    part: "rules", "first packet through \(rules) rules: more than with none", rounds: more, "ns",
                    .atMost(aim)))
        }
        let established = further[0] ?? []
        session.note(
            Measure(part: "rules", "further packet of a flow, no policy: the program's run", rounds: established, "ns"))
        let ratios = Figure.ratios(further[1_000] ?? [], to: established)
        session.note(
            Measure(part: "rules", "further packet, 1,000 rules against none", rounds: ratios, "×", .atMost(1.05)))
    }
}
