import APIClient
import CLinux
import CommandLineUI
import DaemonAPI
import Glibc
import JSONText
import KubeObjects
import Logging
import Netlink

/// A node of its own, made by `martletd node start`: its API over HTTPS, its local socket, its pods' namespaces.
struct RealNode {
    static let waitSecondsMax = 60
    static let image = "martlet.local/shop:1"

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    let id: String
    let api: HTTPSClient
    private let binary: String
    private let socket: DaemonSocket
    private var directory: String { "/run/martlet/\(id)" }

    /// Starts it and imports the image of `Examples/shop`, which the project writes itself. Needs root.
    init() throws {
        id = "case-\(getpid())"
        binary = try Self.besides("martletd")
        try Self.call([binary, "node", "start", "--id", id])
        do {
            try Self.call([binary, "node", "image", "--id", id, "--shop"])
            socket = DaemonSocket(path: "/run/martlet/\(id)/martletd.sock")
            api = try HTTPSClient(
                try Kubeconfig(path: "/run/martlet/\(id)/admin.kubeconfig").access(),
                logger: Logger(label: "conformance"))
        } catch {
            try? Self.call([binary, "node", "stop", "--id", id])
            throw error
        }
    }

    /// Removes the node and everything on it.
    func stop() async {
        await api.shutDown()
        do { try Self.call([binary, "node", "stop", "--id", id]) } catch { print("  \(error)") }
    }

    /// A program that was built beside this one.
    private static func besides(_ name: String) throws -> String {
        var path = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let found = own.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/\(name)"
        guard access(found, X_OK) == 0 else { throw Fault(description: "\(found) is not there; make build") }
        return found
    }

    /// Runs a command to its end; what it printed is in the error where it fails.
    private static func call(_ words: [String]) throws {
        let output = memfd()
        defer { close(output) }
        let strings = words.map { strdup($0) }
        defer { for string in strings { free(string) } }
        var pointers = strings.map { UnsafePointer($0) } + [nil]
        let pid = pointers.withUnsafeMutableBufferPointer { arguments in
            var spawn = clinux_spawn()
            spawn.argv = UnsafePointer(arguments.baseAddress)
            spawn.network_namespace_fd = -1
            spawn.output_fd = output
            spawn.listen_fd = -1
            return clinux_spawn(&spawn)
        }
        var status: Int32 = 0
        guard pid > 0, waitpid(pid, &status, 0) == pid else { throw Fault(description: "cannot run \(words[0])") }
        guard status == 0 else {
            var bytes = [UInt8](repeating: 0, count: 4_096)
            let count = pread(output, &bytes, bytes.count, 0)
            throw Fault(
                description: words.joined(separator: " ") + ": "
                    + String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
        }
    }

    private static func memfd() -> Int32 { clinux_memfd("output") }

    // MARK: What is in force

    /// Polls until `condition` holds.
    func wait(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(Self.waitSecondsMax)
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                throw Fault(description: "\(what): not within \(Self.waitSecondsMax) s")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Returns when the policies are those, at those revisions, and everything written until now is in the kernel: a
    /// mark written after the policies were seen in the daemon's cache is behind them in its queue.
    func settle(_ policies: [String: String]) async throws {
        try await wait("the daemon knows the policies") {
            let rows = try socket.call(Request(.policies))["items"]?.array ?? []
            return Dictionary(
                rows.map { ($0["policy"]?.string ?? "", $0["revision"]?.string ?? "") }, uniquingKeysWith: { $1 })
                == policies
        }
        let mark = try await api.patch(
            ObjectReference(.namespaces, name: "default"), subresource: "", type: .merge,
            fieldManager: "conformance", force: false,
            ["metadata": ["labels": ["martlet.local/mark": .string("\(clinux_monotonic_ns())")]]])
        let revision = mark[path: "metadata", "resourceVersion"]?.string.flatMap { Int64($0) } ?? .max
        try await wait("revision \(revision) is in force") {
            try (socket.call(Request(.status))[path: "policy", "revision"]?.integer ?? 0) >= revision
        }
    }

    /// Services (`namespace/name`) and how many addresses are behind the one with the fewest.
    func backends() throws -> [String: Int] {
        let rows = try socket.call(Request(.services))["items"]?.array ?? []
        return Dictionary(
            rows.map { ($0["service"]?.string ?? "", $0["backends"]?.array?.count ?? 0) }, uniquingKeysWith: min)
    }

    /// The network namespace of a pod, by the daemon's journal of attachments.
    func networkNamespace(of key: ObjectKey, uid: String) throws -> NetworkNamespace {
        guard let file = fopen("\(directory)/state/attachments.journal", "r") else {
            throw Fault(description: "no journal of attachments in \(directory)/state")
        }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var found: String?
        while getline(&line, &capacity, file) > 0, let text = line {
            let record = try? JSONValue(parsing: Array(String(cString: text).utf8))["record"]
            guard record?[path: "pod", "uid"]?.string == uid else { continue }
            found = record?["netns"]?.string ?? found
        }
        guard let found else { throw Fault(description: "\(key) is in no record of the journal of attachments") }
        return try NetworkNamespace(path: found)
    }
}
