import Glibc
import JSONText
import PolicyKernel

/// Runs the acceptance data under `$MARTLET_CASES` and prints `FILE: N passed, M failed` for each file. Ends with 1
/// where a case failed, or where the data or the kernel is missing under `CI=true`.
@main
struct Conformance {
    /// What runs a file.
    enum Runner: Sendable {
        case policy(@Sendable (JSONValue, KernelEngine?) -> FileResult)
        /// The parser, and an API server in this process.
        case policyAPI
        /// The API server, called in this process or over its sockets.
        case exchanges(overHTTPS: Bool)
        case protobuf
        /// Stands for a later issue.
        case notYet
    }

    static let files: [(path: String, runner: Runner)] = [
        ("netpol/cyclonus.json", .policy { ConnectivityRunner.run($0, $1) }),
        ("netpol/k8s-e2e-netpol.json", .policy { ConnectivityRunner.run($0, $1) }),
        ("netpol/k8s-e2e-netpol-api.json", .policyAPI),
        ("netpol/fuzz.json", .policy { FuzzRunner.run($0, $1) }),
        ("netpol/cluster-network-policy.json", .policy { ClusterPolicyRunner.run($0, $1) }),
        ("services/endpointslice.json", .policy { file, _ in EndpointSliceRunner.run(file) }),
        ("services/topology.json", .notYet),
        ("services/proxy-flows.json", .notYet),
        ("protobuf/protobuf-bodies.json", .protobuf),
        ("api/exchanges.json", .exchanges(overHTTPS: false)),
        ("api/exchanges.json", .exchanges(overHTTPS: true)),
        ("api/aggregated-discovery-1.36.json", .notYet),
    ]

    static func main() async {
        let root = variable("MARTLET_CASES") ?? "../shared/cases"
        if let isGood = await special(root) { exit(isGood ? 0 : 1) }
        var hasFailure = false
        var missing = 0
        var kernel: KernelEngine?
        do {
            kernel = try KernelEngine()
            print("policy cases run by: evaluator, compiled maps, kernel")
        } catch {
            print("policy cases run by: evaluator, compiled maps (kernel: not run, \(error))")
            missing += 1
        }
        print("service-name probes stand for the ClusterIP, and so for the pod behind it, until there is a DNS")
        defer { kernel?.close() }
        for (path, runner) in files {
            if case .notYet = runner {
                print("\(path): not yet run")
                continue
            }
            guard let bytes = read("\(root)/\(path)") else {
                print("\(path): not run (no such file under \(root))")
                missing += 1
                continue
            }
            do {
                let result = try await run(runner, try JSONValue(parsing: bytes), kernel, root)
                result.print(title(path, runner))
                hasFailure = hasFailure || result.isFailure
            } catch {
                print("\(title(path, runner)): 0 passed, 1 failed")
                print("  not run: \(error)")
                hasFailure = true
            }
        }
        if hasFailure || (missing > 0 && variable("CI") == "true") {
            kernel?.close()
            exit(1)
        }
    }

    /// `real [sample]` (or `REAL=1`): the connectivity cases with real connections. `oracle TUPLES [SEED]` (or
    /// `FULL=1`): random flows through every engine. Nil where neither is asked.
    private static func special(_ root: String) async -> Bool? {
        var words = Array(CommandLine.arguments.dropFirst())
        if words.isEmpty && variable("REAL") == "1" { words = ["real"] }
        if words.isEmpty && variable("FULL") == "1" { words = ["oracle", "10000000"] }
        do {
            switch words.first {
            case "real": return try await RealRunner.run(try contents(root), sample: words.last == "sample")
            case "oracle": return try oracle(words)
            default: return nil
            }
        } catch {
            print("failed: \(error)")
            return false
        }
    }

    private static func contents(_ root: String) throws -> [JSONValue] {
        try RealRunner.files.map { path in
            guard let bytes = read("\(root)/\(path)") else {
                throw KernelEngine.Fault(message: "\(path): not run (no such file under \(root))")
            }
            return try JSONValue(parsing: bytes)
        }
    }

    private static func oracle(_ words: [String]) throws -> Bool {
        let kernel = try KernelEngine(clusterPods: RandomOracle.clusterPods)
        defer { kernel.close() }
        let seed = words.count > 2 ? UInt64(words[2]) ?? 1 : 1
        var oracle = RandomOracle(
            tuples: words.count > 1 ? Int(words[1]) ?? 200_000 : 200_000, firstSeed: seed, kernel: kernel)
        let start = ContinuousClock.now
        try oracle.run()
        print("oracle, seeds from \(seed): \(oracle.summary); \(ContinuousClock.now - start)")
        return true
    }

    private static func run(_ runner: Runner, _ file: JSONValue, _ kernel: KernelEngine?, _ root: String)
        async throws -> FileResult
    {
        switch runner {
        case .policy(let run): return run(file, kernel)
        case .policyAPI: return try await PolicyAPIRunner.run(file)
        case .exchanges(let overHTTPS): return try await ExchangeRunner.run(file, overHTTPS: overHTTPS)
        case .protobuf:
            let types = read("\(root)/../reference/schema.json")
            return ProtobufRunner.run(file, reference: try types.map { try JSONValue(parsing: $0) })
        case .notYet: return FileResult()
        }
    }

    private static func title(_ path: String, _ runner: Runner) -> String {
        if case .exchanges(overHTTPS: true) = runner { return "\(path) over HTTPS" }
        return path
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Nil where the file cannot be read.
    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return ferror(file) == 0 ? bytes : nil
    }
}

/// What became of the cases of one file.
struct FileResult {
    static let shownMax = 20

    private(set) var passed = 0
    private(set) var failed = 0
    /// How many comparisons the cases hold.
    var checks = 0
    /// What there is to say beside the counts: groups, cases that another engine runs.
    var notes: [String] = []
    /// Whether what failed is within what the file's runner allows.
    var isWithinBounds = false
    var isFailure: Bool { failed > 0 && !isWithinBounds }
    private var messages: [String] = []

    /// Counts a case; it passed where nothing is said against it.
    mutating func count(_ id: String, _ faults: [String]) {
        if faults.isEmpty {
            passed += 1
            return
        }
        failed += 1
        for fault in faults.prefix(3) where messages.count < Self.shownMax { messages.append("\(id): \(fault)") }
    }

    func print(_ path: String) {
        Swift.print("\(path): \(passed) passed, \(failed) failed" + (checks > 0 ? " (\(checks) verdicts)" : ""))
        for note in notes { Swift.print("  \(note)") }
        for message in messages { Swift.print("  \(message)") }
    }
}
