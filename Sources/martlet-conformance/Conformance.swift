import Glibc
import JSONText

/// Runs the acceptance data under `$MARTLET_CASES` and prints `FILE: N passed, M failed` for each file. Ends with 1
/// where a case failed, or where the data or the kernel is missing under `CI=true`.
@main
struct Conformance {
    /// One entry a file: what runs it. Nil: stands for a later issue.
    static let files: [(path: String, run: (@Sendable (JSONValue, KernelEngine?) -> FileResult)?)] = [
        ("netpol/cyclonus.json", { ConnectivityRunner.run($0, $1) }),
        ("netpol/k8s-e2e-netpol.json", { ConnectivityRunner.run($0, $1) }),
        ("netpol/k8s-e2e-netpol-api.json", { file, _ in PolicyAPIRunner.run(file) }),
        ("netpol/fuzz.json", { FuzzRunner.run($0, $1) }),
        ("netpol/cluster-network-policy.json", nil),
        ("services/endpointslice.json", { file, _ in EndpointSliceRunner.run(file) }),
    ]

    static func main() {
        let root = variable("MARTLET_CASES") ?? "../shared/cases"
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
        defer { kernel?.close() }
        for file in files {
            guard let run = file.run else {
                print("\(file.path): not yet run")
                continue
            }
            guard let bytes = read("\(root)/\(file.path)") else {
                print("\(file.path): not run (no such file under \(root))")
                missing += 1
                continue
            }
            do {
                let result = run(try JSONValue(parsing: bytes), kernel)
                result.print(file.path)
                hasFailure = hasFailure || result.failed > 0
            } catch {
                print("\(file.path): 0 passed, 1 failed")
                print("  not readable: \(error)")
                hasFailure = true
            }
        }
        if hasFailure || (missing > 0 && variable("CI") == "true") {
            kernel?.close()
            exit(1)
        }
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
    /// Cases that another engine runs, and why.
    var elsewhere: [String] = []
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
        for note in elsewhere { Swift.print("  \(note)") }
        for message in messages { Swift.print("  \(message)") }
    }
}
