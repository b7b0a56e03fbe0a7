import Flows
import Glibc
import JSONText
import NetTypes
import Netlink

/// `traffic.json` of the state directory: the last hour's flows over a restart. Losing it loses counts and nothing
/// else, so a file that cannot be read is begun anew.
actor TrafficFile {
    /// How much a daemon that is killed forgets at most.
    static let interval = Duration.seconds(30)

    private let path: String
    private let thread: SerialThread

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(path: String, thread: SerialThread) {
        self.path = path
        self.thread = thread
    }

    func load() -> TrafficLedger {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return TrafficLedger() }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        guard let json = try? JSONValue(parsing: bytes) else { return TrafficLedger() }
        return TrafficLedger(json)
    }

    /// Replaces the file: a reader sees the old or the new.
    func save(_ json: JSONValue) throws(AgentError) {
        let fresh = path + ".new"
        let file = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open", fresh) }
        defer { close(file) }
        var rest = Array(json.compactText.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw failure("write", fresh) }
            rest = rest.dropFirst(count)
        }
        guard rename(fresh, path) == 0 else { throw failure("rename", path) }
    }

    private func failure(_ call: String, _ path: String) -> AgentError {
        AgentError(.journal, "\(call) \(path): \(String(cString: strerror(errno)))")
    }
}
