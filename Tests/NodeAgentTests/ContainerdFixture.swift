import Foundation
import NodeAgent
import Synchronization
import Testing

/// A containerd of the test's own: in a network namespace and with folders named `mt-…`, ended by its process id.
/// Pods get addresses from the reference plugin `ptp`.
final class ContainerdFixture: Sendable {
    let name: String
    let folder: String
    private let pid = Mutex<Int32>(0)

    var socket: String { folder + "/containerd.sock" }

    init() async throws {
        try #require(geteuid() == 0, "real containers need root")
        name = "mt-node-\(String(UInt32.random(in: 0...UInt32.max), radix: 16))"
        folder = "/run/\(name)"
        try FileManager.default.createDirectory(atPath: folder + "/cni", withIntermediateDirectories: true)
        try Self.config(folder).write(toFile: folder + "/config.toml", atomically: true, encoding: .utf8)
        try Self.network(folder).write(toFile: folder + "/cni/10-test.conflist", atomically: true, encoding: .utf8)
        try Self.run("/usr/sbin/ip", "netns", "add", name)
        try Self.run("/usr/sbin/ip", "-n", name, "link", "set", "lo", "up")
        try await start()
        for archive in try Self.images() {
            let file = folder + "/image.tar"
            try Data(archive).write(to: URL(filePath: file))
            _ = try ctr("images", "import", file)
        }
    }

    /// Starts containerd, for the first time or again.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/nsenter")
        process.arguments = ["--net=/var/run/netns/\(name)", "/usr/bin/containerd", "-c", folder + "/config.toml"]
        let log = folder + "/containerd.log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        pid.withLock { $0 = process.processIdentifier }
        try await until(seconds: 20, "containerd answers") {
            (try? Self.run("/usr/bin/ctr", "-a", self.socket, "version")) != nil
        }
    }

    /// Ends containerd alone: containers go on under their shims.
    func stop() {
        let pid = pid.withLock { $0 }
        kill(pid, SIGTERM)
        for _ in 0..<100 where kill(pid, 0) == 0 { usleep(50_000) }
    }

    func ctr(_ arguments: String...) throws -> String {
        try Self.run("/usr/bin/ctr", ["-a", socket, "-n", "k8s.io"] + arguments)
    }

    /// Everything the test made: containers, containerd, namespace, folders.
    func end() {
        for task in ((try? ctr("tasks", "ls", "-q")) ?? "").split(separator: "\n") {
            _ = try? ctr("tasks", "rm", "-f", String(task))
        }
        stop()
        let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        for line in mounts.split(separator: "\n").reversed() {
            let point = line.split(separator: " ")[1]
            if point.hasPrefix(folder) { _ = try? Self.run("/usr/bin/umount", "-l", String(point)) }
        }
        _ = try? Self.run("/usr/sbin/ip", "netns", "del", name)
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func images() throws -> [[UInt8]] {
        let busybox = [UInt8](try Data(contentsOf: URL(filePath: NodeImages.busyboxPath)))
        return [try NodeImages.pause(busybox: busybox).bytes(), try NodeImages.shop(busybox: busybox).bytes()]
    }

    @discardableResult
    static func run(_ program: String, _ arguments: String...) throws -> String { try run(program, arguments) }

    @discardableResult
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw FixtureError(text: "\(program) \(arguments): \(text)") }
        return text
    }

    private static func network(_ folder: String) -> String {
        """
        {"cniVersion": "1.0.0", "name": "test", "plugins": [
          {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "\(folder)/ipam",
           "ranges": [[{"subnet": "10.199.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
        """
    }

    private static func config(_ folder: String) -> String {
        """
        version = 2
        root = "\(folder)/root"
        state = "\(folder)/state"
        [grpc]
          address = "\(folder)/containerd.sock"
        [plugins."io.containerd.grpc.v1.cri"]
          restrict_oom_score_adj = true
          disable_tcp_service = true
          netns_mounts_under_state_dir = true
          sandbox_image = "\(NodeImages.pauseReference)"
        [plugins."io.containerd.grpc.v1.cri".cni]
          bin_dir = "/usr/lib/cni"
          conf_dir = "\(folder)/cni"
        [plugins."io.containerd.internal.v1.opt"]
          path = "\(folder)/opt"
        """
    }
}

struct FixtureError: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// Polls until the condition holds; fails after the deadline.
func until(
    seconds: Double, _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("not within \(seconds) s: \(what)", sourceLocation: sourceLocation)
    throw FixtureError(text: what)
}
