import APIClient
import BenchReport
import CMartletABI
import Glibc
import JSONText

/// Changes under open flows: labels that change a hundred times a second while 10,000 flows go on, and a change that
/// ends 10,000 connections.
struct FlowsPart {
    /// What changes while flows go on.
    private enum Round: CaseIterable {
        case quiet, unread, other, deciding

        var text: String {
            switch self {
            case .quiet: "nothing changes"
            case .unread: "a label that nobody reads changes"
            case .other: "a label of another pod changes that policies read"
            case .deciding: "the label changes that allows the flows"
            }
        }

        /// Whether the change is one of what decided the flows.
        var concernsFlows: Bool { self == .deciding }
    }

    private struct Outcome {
        let round: Round
        let begin: Double
        let end: Double
        let changes: Int
        let generations: UInt64
        let rejudged: UInt64
        let drops: UInt64
    }

    private static let flows = 10_000
    private static let port: UInt16 = 9_004
    private static let connectionPort: UInt16 = 9_005
    private static let firstPort: UInt16 = 20_000
    /// Below the ports that the kernel gives out: connections of other parts linger there.
    private static let firstConnectionPort = 10_000
    private static let changesPerSecond = 100.0
    let session: Session

    func run() async throws {
        _ = try await session.inside("server")
        let resets = try await session.withObjects { try await rounds($0) }
        session.note(
            Measure(
                part: "flows", "a change resets \(session.count(Self.flows)) connections: sent until the last ended",
                rounds: resets, "ms", .atMost(1_000)))
    }

    /// Answers the milliseconds of the resets.
    private func rounds(_ objects: BenchObjects) async throws -> [Double] {
        let kernel = try KernelView(session.node)
        try await objects.remove(.networkPolicies, "measured")
        try await makeOther(objects)
        for (name, policy) in Self.policies { try await objects.create(.networkPolicies, name, policy) }
        try await kernel.settle()
        let (outcomes, slices) = try await labels(objects, kernel)
        for (name, _) in Self.policies { try await objects.delete(.networkPolicies, name) }
        try await objects.delete(.pods, "other")
        try await objects.delete(.nodes, "far", namespace: "")
        try await kernel.settle()
        try note(outcomes, slices)
        var resets: [Double] = []
        for round in 0..<session.count(2, least: 1) {
            resets.append(try await reset(round, objects, kernel))
        }
        return resets
    }

    // MARK: Objects

    /// A Pod of another node, whose labels policies read.
    private func makeOther(_ objects: BenchObjects) async throws {
        try await objects.create(
            .nodes, "far", namespace: "", ["apiVersion": "v1", "kind": "Node", "metadata": ["name": "far"]])
        try await objects.create(
            .pods, "other",
            [
                "apiVersion": "v1", "kind": "Pod",
                "metadata": ["name": "other", "namespace": "bench", "labels": ["app": "other", "tier": "a"]],
                "spec": ["nodeName": "far", "containers": [["name": "main", "image": "example.org/none:1"]]],
            ])
        let address: JSONValue = "10.244.77.1"
        _ = try await objects.client.patch(
            ObjectReference(.pods, namespace: "bench", name: "other"), subresource: "status", type: .merge,
            fieldManager: "bench", force: false,
            ["status": ["phase": "Running", "podIP": address, "podIPs": [["ip": address]]]])
    }

    /// The server takes the flows from the client, which may send them to stage `a` by one rule and to stage `b` by
    /// another; tiers are other pods' alone.
    private static let policies: [(String, JSONValue)] = [
        (
            "flows-server",
            policy("flows-server", ["app": "server"], ["ingress": [rule("from", ["app": "client"], port)]])
        ),
        (
            "flows-client",
            policy(
                "flows-client", ["app": "client"],
                ["egress": [rule("to", ["stage": "a"], port), rule("to", ["stage": "b"], port)]])
        ),
        (
            "flows-other",
            policy("flows-other", ["tier": "b"], ["ingress": [rule("from", ["tier": "a"], port)]])
        ),
    ]

    /// - Parameter rules: by direction, `ingress` or `egress`.
    private static func policy(_ name: String, _ selected: JSONValue, _ rules: [String: JSONValue]) -> JSONValue {
        var spec = rules
        spec["podSelector"] = ["matchLabels": selected]
        spec["policyTypes"] = .array(rules.keys.map { $0 == "ingress" ? "Ingress" : "Egress" })
        return [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": .string(name), "namespace": "bench"], "spec": .object(spec),
        ]
    }

    private static func rule(_ way: String, _ peer: JSONValue, _ port: UInt16) -> JSONValue {
        .object([
            way: [["podSelector": ["matchLabels": peer]]],
            "ports": [["port": .integer(Int64(port)), "protocol": "UDP"]],
        ])
    }

    // MARK: Labels

    /// All rounds, one after the other, over the same open flows.
    private func labels(_ objects: BenchObjects, _ kernel: KernelView) async throws -> ([Outcome], [OpenFlows.Slice]) {
        let count = session.count(Self.flows)
        let server = try Shell.Running(
            "exec \(try await session.inside("server"))taskset -c 0 \(session.own) serve --datagrams "
                + "--port \(Self.port)")
        defer { server.end() }
        try await Task.sleep(for: .milliseconds(300))
        let opened = try kernel.counter(MARTLET_COUNTER_FLOWS_OPENED)
        let asking = try Shell.Running(
            "exec \(try await session.inside("client"))taskset -c 1 \(session.own) flows "
                + "--address \(try session.node.address(of: "server")) --port \(Self.port) --from \(Self.firstPort) "
                + "--count \(count)")
        let areOpen = Shell.poll(seconds: 15) {
            try kernel.counter(MARTLET_COUNTER_FLOWS_OPENED) >= opened + UInt64(count) ? true : nil
        }
        guard areOpen != nil else { throw BenchError("\(count) flows do not open: \(try asking.finish())") }
        var outcomes: [Outcome] = []
        do {
            for round in Round.allCases { outcomes.append(try await change(round, objects, kernel)) }
        } catch {
            asking.end()
            throw error
        }
        let slices = try asking.finish().split(separator: "\n").compactMap { OpenFlows.Slice($0) }
        return (outcomes, slices)
    }

    private func change(_ round: Round, _ objects: BenchObjects, _ kernel: KernelView) async throws -> Outcome {
        let seconds = session.isQuick ? 1.0 : 3.0
        // What the round before changed is in force, and every flow has had a packet since.
        try await Task.sleep(for: .seconds(session.isQuick ? 0.3 : 1.5))
        let before = try (kernel.counter(MARTLET_COUNTER_FLOWS_REJUDGED), kernel.drops(), kernel.generation)
        let begin = Shell.now
        var changes = 0
        while Shell.now - begin < seconds * 1e6 {
            if round != .quiet { try await Self.change(round, changes, objects) }
            changes += 1
            let rest = begin + Double(changes) / Self.changesPerSecond * 1e6 - Shell.now
            if rest > 0 { try await Task.sleep(for: .microseconds(Int(rest))) }
        }
        return Outcome(
            round: round, begin: begin, end: Shell.now, changes: changes, generations: kernel.generation - before.2,
            rejudged: try kernel.counter(MARTLET_COUNTER_FLOWS_REJUDGED) - before.0,
            drops: try kernel.drops() - before.1)
    }

    private static func change(_ round: Round, _ index: Int, _ objects: BenchObjects) async throws {
        let value: JSONValue = index.isMultiple(of: 2) ? "b" : "a"
        switch round {
        case .quiet: return
        case .unread: try await label("server", "note", value, objects)
        case .other: try await label("other", "tier", value, objects)
        case .deciding: try await label("server", "stage", value, objects)
        }
    }

    private static func label(_ pod: String, _ name: String, _ value: JSONValue, _ objects: BenchObjects) async throws {
        try await objects.patch(.pods, pod, ["metadata": ["labels": .object([name: value])]])
    }

    /// Throws where flows were judged again without need, or not at all, or lost a packet: what was measured is not
    /// what was meant.
    private func note(_ outcomes: [Outcome], _ slices: [OpenFlows.Slice]) throws {
        func note(_ measure: Measure) { session.note(measure) }
        let flows = session.count(Self.flows)
        var quiet = Double.nan
        var faults: [String] = []
        for outcome in outcomes {
            let round = outcome.round
            let text = "\(flows) open flows, \(round.text)"
            let own = slices.filter {
                $0.begin >= outcome.begin && $0.begin + OpenFlows.sliceMicroseconds <= outcome.end
            }
            let times = own.filter { $0.trips > 0 }.map(\.median)
            let lost = own.reduce(0) { $0 + $1.lost }
            if round == .quiet {
                quiet = Figure.median(times)
                note(Measure(part: "flows", "\(text): round trip", rounds: times, "µs"))
            } else {
                let seconds = (outcome.end - outcome.begin) / 1e6
                note(Measure(part: "flows", "\(text): changes", Double(outcome.changes) / seconds, "1/s"))
                note(Measure(part: "flows", "\(text): generations", Double(outcome.generations) / seconds, "1/s"))
                note(
                    Measure(
                        part: "flows", "\(text): round trip against quiet", rounds: times.map { $0 / quiet }, "×"))
            }
            let isOver = !round.concernsFlows && outcome.rejudged > 0
            note(
                Measure(
                    part: "flows", "\(text): judged again", Double(outcome.rejudged), "flows",
                    round.concernsFlows ? nil : .atMost(0)))
            note(
                Measure(
                    part: "flows", "\(text): drops and lost replies", Double(outcome.drops) + Double(lost), "packets",
                    .atMost(0)))
            if times.isEmpty { faults.append("\(round.text): nothing was sent") }
            if isOver { faults.append("\(round.text): \(outcome.rejudged) flows were judged again") }
            if round.concernsFlows, outcome.rejudged == 0 { faults.append("\(round.text): no flow was judged again") }
            if lost > 0 || outcome.drops > 0 { faults.append("\(round.text): \(lost) lost, \(outcome.drops) drops") }
        }
        guard faults.isEmpty else { throw BenchError(faults.joined(separator: "; ")) }
    }

    // MARK: Reset

    /// Milliseconds from the sending of a change that forbids and resets open connections until the last has ended at
    /// the client. Each round has source ports of its own.
    private func reset(_ round: Int, _ objects: BenchObjects, _ kernel: KernelView) async throws -> Double {
        let count = session.count(Self.flows)
        try await objects.create(.networkPolicies, "flows-reset", Self.resetting(Self.connectionPort))
        try await kernel.settle()
        let server = try Shell.Running(
            "exec \(try await session.inside("server"))taskset -c 0 \(session.own) drain --connections "
                + "--port \(Self.connectionPort)")
        defer { server.end() }
        try await Task.sleep(for: .milliseconds(300))
        let opened = try kernel.counter(MARTLET_COUNTER_FLOWS_OPENED)
        let holding = try Shell.Running(
            "exec \(try await session.inside("client"))taskset -c 1 \(session.own) flows --connections "
                + "--address \(try session.node.address(of: "server")) --port \(Self.connectionPort) "
                + "--from \(Self.firstConnectionPort + round * Self.flows) --count \(count)")
        let areOpen = Shell.poll(seconds: 15) {
            try kernel.counter(MARTLET_COUNTER_FLOWS_OPENED) >= opened + UInt64(count) ? true : nil
        }
        guard areOpen != nil else { throw BenchError("\(count) connections do not open: \(try holding.finish())") }
        try await Task.sleep(for: .milliseconds(300))
        let start = Shell.now
        do {
            try await objects.patch(.networkPolicies, "flows-reset", Self.resetting(Self.connectionPort + 1))
        } catch {
            holding.end()
            throw error
        }
        let words = try holding.wait().split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        try await objects.delete(.networkPolicies, "flows-reset")
        guard words.count == 3, words[0] < start, Int(words[1]) == count else {
            throw BenchError("of \(count) connections, opened before the change, not all ended by it: \(words)")
        }
        return (words[2] - start) / 1e3
    }

    private static func resetting(_ port: UInt16) -> JSONValue {
        var policy = Manifests.ingressPolicy(
            "flows-reset", namespace: "bench", selecting: ("app", "server"), from: "client", port: Int64(port))
        policy["metadata"]?["annotations"] = ["policy.martlet.io/on-change": "reset"]
        return policy
    }
}
