import CLinux
import Glibc

/// A process that the launcher started.
struct ChildProcess: Sendable, Hashable {
    let name: String
    let pid: Int32
    /// Clock ticks since boot (`/proc/PID/stat`, field 22): tells it from a later process of the same number.
    let startTime: UInt64

    struct Options {
        var arguments: [String]
        var environment: [String]?
        var namespaceDescriptor: Int32 = -1
        var cgroupProcesses: String?
        /// Appended to.
        var log: String
        var listenDescriptor: Int32 = -1
    }

    static func start(_ name: String, _ options: Options) throws(NodeError) -> ChildProcess {
        let log = open(options.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw .call("open \(options.log)", -errno) }
        defer { close(log) }
        let pid = withCStrings(options.arguments) { arguments in
            withCStrings(options.environment ?? []) { environment in
                withOptionalCString(options.cgroupProcesses) { cgroup in
                    var spawn = clinux_spawn()
                    spawn.argv = arguments
                    spawn.environment = options.environment == nil ? nil : environment
                    spawn.network_namespace_fd = options.namespaceDescriptor
                    spawn.cgroup_procs = cgroup
                    spawn.output_fd = log
                    spawn.listen_fd = options.listenDescriptor
                    spawn.new_session = 1
                    return clinux_spawn(&spawn)
                }
            }
        }
        guard pid > 0 else { throw .call("start \(options.arguments.first ?? name)", pid) }
        return ChildProcess(name: name, pid: pid, startTime: Self.startTime(pid) ?? 0)
    }

    /// Nil where there is no such process.
    static func startTime(_ pid: Int32) -> UInt64? {
        guard let text = NodeFiles.read("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        // The name, field 2, may hold anything; what follows it starts with field 3.
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    /// True while this very process runs (or waits to be reaped).
    var isAlive: Bool { startTime != 0 && Self.startTime(pid) == startTime }

    /// Sends a signal to this very process; nothing where it has ended.
    func signal(_ number: Int32) {
        let descriptor = clinux_pidfd_open(pid)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // The descriptor is of this process for good: compare after it is open.
        if isAlive { _ = clinux_pidfd_signal(descriptor, number) }
    }

    /// The exit code (128 + signal) of a child of ours that has ended; nil while it runs.
    func reap() -> Int32? {
        var status: Int32 = 0
        return clinux_reap(pid, &status) == 0 ? nil : status
    }

    /// Asks a child to end, waits, and kills it where it does not.
    func stop(graceSeconds: Int) {
        signal(SIGTERM)
        for _ in 0..<(graceSeconds * 50) {
            if reap() != nil { return }
            usleep(20_000)
        }
        signal(SIGKILL)
        while reap() == nil { usleep(10_000) }
    }

    var line: String { "\(name) \(pid) \(startTime)" }

    init(name: String, pid: Int32, startTime: UInt64) {
        self.name = name
        self.pid = pid
        self.startTime = startTime
    }

    init?(line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 3, let pid = Int32(fields[1]), let startTime = UInt64(fields[2]), pid > 1 else {
            return nil
        }
        self.init(name: String(fields[0]), pid: pid, startTime: startTime)
    }
}

private func withCStrings<Value>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value) -> Value {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let pointers = copies.map { UnsafePointer($0) } + [nil]
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
}

private func withOptionalCString<Value>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Value) -> Value {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}
