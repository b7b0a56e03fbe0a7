import APIClient
import BenchReport
import JSONText

/// The first policy that selects a pod against the hundredth: what a change costs by the policies that are there.
struct PoliciesPart {
    /// Policies that stand before the 99th and the 100th come.
    private static let standing = 98
    private static let samples = 8
    let session: Session

    func run() async throws {
        _ = try await session.inside("server")
        let times = try await session.withObjects { try await rounds($0) }
        guard let first = times[1], let before = times[99], let last = times[100] else { return }
        note("first policy of a pod, sent until in force", first, "ms")
        note("100th policy of a pod, sent until in force", last, "ms")
        note("first policy of a pod against its 100th", Figure.ratios(first, to: last), "×", .atMost(1.05))
        note("100th policy of a pod against its 99th: noise", Figure.ratios(last, to: before), "×")
    }

    /// Milliseconds by number of the policy, a median for each round.
    private func rounds(_ objects: BenchObjects) async throws -> [Int: [Double]] {
        try await objects.remove(.networkPolicies, "measured")
        let kernel = try KernelView(session.node)
        try await kernel.settle()
        var times: [Int: [Double]] = [:]
        for _ in 0..<session.count(6, least: 2) {
            for (number, blocks) in try await timesOf([1], objects, kernel) { times[number, default: []] += blocks }
            try await objects.each(Self.standing) { try await Self.create($0 + 1, objects) }
            try await kernel.settle()
            for (number, blocks) in try await timesOf([99, 100], objects, kernel) {
                times[number, default: []] += blocks
            }
            try await objects.each(Self.standing) { try await objects.delete(.networkPolicies, Self.name($0 + 1)) }
            try await kernel.settle()
        }
        return times
    }

    private func note(_ name: String, _ rounds: [Double], _ unit: String, _ aim: Measure.Aim? = nil) {
        session.note(Measure(part: "policies", name, rounds: rounds, unit, aim))
    }

    private static func name(_ number: Int) -> String { "select-\(number)" }

    private static func create(_ number: Int, _ objects: BenchObjects) async throws {
        try await objects.create(
            .networkPolicies, name(number),
            Manifests.ingressPolicy(
                name(number), namespace: "bench", selecting: ("app", "server"), from: "client",
                port: Int64(10_000 + number)))
    }

    /// Creates the policies of these numbers one by one and deletes them again, several times. The median of the
    /// milliseconds that the kernel took to have each.
    private func timesOf(_ numbers: [Int], _ objects: BenchObjects, _ kernel: KernelView) async throws
        -> [Int: [Double]]
    {
        // Far enough apart that no change finds another one's grace period under way.
        let timer = ChangeTimer(changes: 1, perSecond: 25)
        var times: [Int: [Double]] = [:]
        for _ in 0..<Self.samples {
            for number in numbers {
                times[number, default: []] += try await timer.times(of: { kernel.generation }) { _ in
                    try await Self.create(number, objects)
                }
            }
            for number in numbers {
                _ = try await timer.times(of: { kernel.generation }) { _ in
                    try await objects.delete(.networkPolicies, Self.name(number))
                }
            }
        }
        return times.mapValues { [Figure.median($0)] }
    }
}
