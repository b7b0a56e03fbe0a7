import CLibbpf
import Glibc
import Testing

@testable import BPFRuntime

/// A bpffs of a test's own, unmounted with it: pins, and with them links, go too.
final class TemporaryBPFFS: Sendable {
    let path: String

    init() throws {
        try #require(geteuid() == 0, "kernel tests need root")
        var template = Array("/tmp/mt-bpffs-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCall.error("mkdtemp", "a directory for a bpffs") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard mount("bpf", path, "bpf", 0, nil) == 0 else { throw SystemCall.error("mount", "a bpffs at \(path)") }
    }

    /// Where a datapath pins.
    var pins: String { path + "/martlet" }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }
}

/// A body that a C thread calls by pointer.
private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}

/// Runs a body in a network namespace of its own, which is gone when it ends. Expectations belong outside: the body
/// runs on a thread that knows of no test.
func inOwnNetwork<Value>(_ body: () throws -> Value) throws -> Value {
    var outcome: Result<Value, any Error>?
    let code = withoutActuallyEscaping(body) { body in
        let thread = ThreadBody { outcome = Result { try body() } }
        return withExtendedLifetime(thread) {
            martlet_in_network_namespace(
                nil,
                { context in
                    guard let context else { return -EINVAL }
                    Unmanaged<ThreadBody>.fromOpaque(context).takeUnretainedValue().run()
                    return 0
                }, Unmanaged.passUnretained(thread).toOpaque())
        }
    }
    guard code == 0, let outcome else { throw SystemCall.error("unshare", "a network namespace", code: -code) }
    return try outcome.get()
}

/// Runs a program of the machine's and gives back its output; throws where it fails.
@discardableResult
func run(_ command: String) throws -> String {
    guard let pipe = popen(command + " 2>&1", "r") else { throw SystemCall.error("popen", command) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { text += buffer.prefix(count) }
    let output = String(decoding: text, as: UTF8.self)
    guard pclose(pipe) == 0 else { throw DatapathError(.system, "\(command): \(output)", call: "system") }
    return output
}

/// Makes a veth pair in the network namespace of the calling thread, down; returns the index of its first end.
func makeVeth(_ name: String = "mt0", peer: String = "mt1") throws -> UInt32 {
    try run("ip link add \(name) type veth peer name \(peer)")
    return if_nametoindex(name)
}

/// Sends datagrams out of one end of a veth pair; returns how many the stack received at the other.
/// - Parameter meanwhile: repeated for as long as sending takes.
func sendFrames(
    from sender: String, counting receiver: String, _ count: Int = 10, meanwhile: (() throws -> Void)? = nil
) throws -> Int {
    let link = try run("ip -br link show \(receiver)")
    let address = link.split(whereSeparator: \.isWhitespace).first { $0.split(separator: ":").count == 6 } ?? ""
    try run("ip addr replace 10.99.0.1/24 dev \(sender)")
    try run("ip neigh replace 10.99.0.2 lladdr \(address) dev \(sender)")
    let before = try receivedPackets()
    let command = "bash -c 'for i in $(seq \(count)); do echo x > /dev/udp/10.99.0.2/9; done; echo done'"
    guard let sending = popen(command, "r") else { throw SystemCall.error("popen", command) }
    defer { pclose(sending) }
    if let meanwhile {
        var ready = pollfd(fd: fileno(sending), events: Int16(POLLIN), revents: 0)
        while poll(&ready, 1, 0) == 0 { try meanwhile() }
    }
    var buffer = [CChar](repeating: 0, count: 64)
    guard fgets(&buffer, Int32(buffer.count), sending) != nil else { throw SystemCall.error("fgets", command) }
    return try receivedPackets() - before
}

/// `InReceives` of IPv4 in the calling thread's network namespace.
private func receivedPackets() throws -> Int {
    let lines = try run("grep ^Ip: /proc/self/net/snmp").split(separator: "\n").map { $0.split(separator: " ") }
    guard lines.count == 2, let column = lines[0].firstIndex(of: "InReceives"), let count = Int(lines[1][column])
    else { throw DatapathError(.missing, "no InReceives in /proc/self/net/snmp") }
    return count
}

/// A cgroup2 directory of a test's own.
final class TemporaryCGroup: Sendable {
    let path: String

    init() throws {
        let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        guard let root = roots.first(where: { access($0 + "/cgroup.procs", F_OK) == 0 }) else {
            throw DatapathError(.missing, "no cgroup2 is mounted")
        }
        var template = Array("\(root)/mt-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCall.error("mkdtemp", "a cgroup") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { rmdir(path) }
}
