import JSONText
import KubeObjects
import NetTypes

/// The connectivity cases with real connections: every pair of pods dials every port of the tables, all at once.
enum RealRunner {
    static let files = ["netpol/cyclonus.json", "netpol/k8s-e2e-netpol.json"]
    /// Of the sample: every so many cases of a file, and those that create or delete pods.
    static let sampleStride = 16

    /// Prints a line for each file. False where a case failed.
    /// - Parameter contents: of `files`, in their order.
    static func run(_ contents: [JSONValue], sample: Bool) async throws -> Bool {
        let node = try RealNode()
        let start = ContinuousClock.now
        var isGood = true
        do {
            let dialler = Dialler()
            print("real connections between real containers of node \(node.id), image \(RealNode.image)")
            print("service-name and service-ip probes dial the ClusterIP of a Service per pod: there is no DNS yet")
            print(
                dialler.hasSCTP
                    ? "SCTP: sockets"
                    : "SCTP: this kernel has no SCTP sockets; raw sockets send INIT and answer with INIT ACK")
            var cluster = RealCluster(node, dialler)
            for (path, file) in zip(files, contents) {
                let result = try await run(file, &cluster, sample: sample)
                result.print("\(path) with real connections" + (sample ? ", sample" : ""))
                isGood = isGood && !result.isFailure
            }
            print("took \(ContinuousClock.now - start)")
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
        return isGood
    }

    private static func run(_ file: JSONValue, _ cluster: inout RealCluster, sample: Bool) async throws -> FileResult {
        var result = FileResult()
        let all = file["cases"]?.array ?? []
        let cases =
            sample ? all.enumerated().filter { $0.offset % sampleStride == 0 || moves($0.element) }.map(\.element) : all
        let base = file["initialResources"]
        try await cluster.prepare(base.map { [$0] } ?? cases.compactMap { $0["resources"] })
        for entry in cases {
            var faults: [String] = []
            do {
                try await cluster.reset(entry["resources"] ?? base ?? .null)
                for (index, step) in (entry["steps"]?.array ?? []).enumerated() {
                    for action in step["actions"]?.array ?? [] { try await cluster.perform(action) }
                    try await cluster.settle()
                    faults += try check(step, cluster, &result.checks).map { "step \(index): \($0)" }
                }
            } catch {
                faults.append("\(error)")
            }
            result.count(entry["id"]?.string ?? "?", faults)
        }
        return result
    }

    /// Whether a case creates pods.
    private static func moves(_ entry: JSONValue) -> Bool {
        (entry["steps"]?.array ?? []).contains { step in
            (step["actions"]?.array ?? []).contains { $0["op"] == "createPod" }
        }
    }

    private static func check(_ step: JSONValue, _ cluster: RealCluster, _ checks: inout Int) throws -> [String] {
        let names = (step["pods"]?.array ?? []).compactMap(\.string)
        let byService = step[path: "probe", "mode"]?.string != "pod-ip"
        var questions: [Dialler.Question] = []
        var texts: [String] = []
        var faults: [String] = []
        for expect in step["expect"]?.array ?? [] {
            let table = ConnectivityRunner.Table(expect, "combined", names.count)
            for target in (expect["on"]?.array ?? []).compactMap(\.string) {
                guard let (number, port) = Target.read(target), let transport = TransportProtocol(rawValue: number)
                else {
                    faults.append("cannot read \(target)")
                    continue
                }
                for (row, from) in names.enumerated() {
                    for (column, to) in names.enumerated() where row != column {
                        guard let source = cluster.pods[Target.key(from)],
                            let destination = cluster.pods[Target.key(to)],
                            let allowed = table.allows(row, column)
                        else {
                            faults.append("no pod \(from) or \(to), or no table of \(target)")
                            continue
                        }
                        questions.append(
                            .init(
                                source: source.number,
                                address: byService ? destination.serviceAddress : destination.address, port: port,
                                transport: transport, expected: allowed ? destination.number : nil))
                        texts.append("\(from) to \(to) \(target)")
                    }
                }
            }
        }
        checks += questions.count
        let answers = try cluster.dialler.ask(questions)
        for ((question, answer), text) in zip(zip(questions, answers), texts) {
            let wanted = question.expected.map { Dialler.Answer.answered(by: $0) } ?? .silence
            if answer != wanted { faults.append("\(text): \(answer), not \(wanted)") }
        }
        return faults
    }
}
