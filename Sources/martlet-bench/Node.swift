import APIClient
import CommandLineUI
import DaemonAPI
import Glibc
import JSONText
import Logging

/// A node of its own, as `make run` starts it.
struct Node: Sendable {
    let id: String
    /// The folder of Martlet's programs.
    let programs: String

    var directory: String { "/run/martlet/\(id)" }
    var socket: DaemonSocket { DaemonSocket(path: "\(directory)/martletd.sock") }
    var isThere: Bool { access(directory, F_OK) == 0 }

    func martletd(_ arguments: String) throws { try Shell.run("\(programs)/martletd \(arguments) --id \(id)") }

    func client() throws -> HTTPSClient {
        try HTTPSClient(
            try Kubeconfig(path: "\(directory)/admin.kubeconfig").access(), userAgent: "martlet-bench",
            logger: Logger(label: "martlet-bench"))
    }

    /// The daemon's process id.
    func daemon() throws -> Int {
        let line = try Shell.run("awk '$1 == \"martletd\" { print $2 }' \(directory)/processes")
        guard let pid = Int(line.split(separator: "\n").last ?? "") else { throw BenchError("no daemon runs") }
        return pid
    }

    func status() throws -> JSONValue { try socket.call(Request(.status)) }

    /// The first process of a container of the Pod of namespace `bench`.
    func podProcess(_ name: String) throws -> Int {
        let ctr = "ctr --address \(directory)/containerd/containerd.sock --namespace k8s.io"
        let filter =
            "labels.\\\"io.kubernetes.pod.name\\\"==\(name),labels.\\\"io.cri-containerd.kind\\\"==container"
        let text = try Shell.run(
            "\(ctr) tasks list | awk -v id=\"$(\(ctr) containers list -q \"\(filter)\" | head -n 1)\" "
                + "'$1 == id { print $2 }'")
        guard let pid = Int(text.split(separator: "\n").first ?? "") else {
            throw BenchError("pod \(name) does not run")
        }
        return pid
    }

    /// The IPv4 address of a Pod of namespace `bench`.
    func address(of name: String) throws -> String {
        let items = try socket.call(Request(.endpoints))["items"]?.array ?? []
        let owned = items.first { $0["owner"]?.string == "bench/\(name)" }
        let found = owned?["addresses"]?.array?.compactMap(\.string).first { $0.contains(".") }
        guard let found else { throw BenchError("no endpoint of bench/\(name)") }
        return found
    }

    /// Runs what follows as one of the node's processes: its sockets are translated when they connect.
    func asMember(_ prefix: String) throws -> String {
        let group = Shell.line("sed -n 's|^0::||p' /proc/\(try daemon())/cgroup")
        let root = Shell.line("awk '$3 == \"cgroup2\" { print $2; exit }' /proc/mounts")
        guard !group.isEmpty, !root.isEmpty else { throw BenchError("the daemon is in no cgroup2") }
        return "sh -c 'echo $$ > \(root)\(group)/cgroup.procs; exec \"$@\"' sh \(prefix)"
    }

    /// The daemon's resident memory in MB (10^6 bytes), and how much of it is of maps of kernel programs that it maps.
    func memory() throws -> (all: Double, maps: Double) {
        let awk =
            "/^[0-9a-f]+-/ { bpf = /bpf-map/ } /^Rss:/ { all += $2; if (bpf) maps += $2 } "
            + "END { print all + 0, maps + 0 }"
        let values = try Shell.run("awk '\(awk)' /proc/\(try daemon())/smaps").split(whereSeparator: \.isWhitespace)
            .compactMap { Double($0) }
        guard values.count == 2, values[0] > 0 else { throw BenchError("the daemon's smaps cannot be read") }
        return (values[0] * 1_024 / 1e6, values[1] * 1_024 / 1e6)
    }

    /// Starts the node. Milliseconds from the daemon's start (its containerd is up then) to the Node's condition Ready,
    /// as a client sees it.
    func start() async throws -> Double {
        try martletd("node start")
        // Field 22 of /proc/PID/stat: hundredths of a second after boot.
        guard let ticks = Double(Shell.line("awk '{ print $22 }' /proc/\(try daemon())/stat")) else {
            throw BenchError("the daemon has no start time")
        }
        let client = try client()
        let end = Shell.now + 20e6
        while Shell.now < end {
            let nodes = try? await client.list(.nodes, ListOptions()).items
            let conditions = nodes?.first?[path: "status", "conditions"]?.array ?? []
            if conditions.contains(where: { $0["type"]?.string == "Ready" && $0["status"]?.string == "True" }) {
                await client.shutDown()
                var boot = timespec()
                clock_gettime(CLOCK_BOOTTIME, &boot)
                return (Double(boot.tv_sec) + Double(boot.tv_nsec) / 1e9 - ticks / 100) * 1e3
            }
            usleep(1_000)
        }
        await client.shutDown()
        throw BenchError("the node does not become Ready")
    }
}
