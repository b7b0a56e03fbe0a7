import CLinux
import Glibc
import Netlink

/// Makes a node of its own, keeps its daemon running, and takes everything away at the end, in reverse order.
final class NodeSupervisor {
    /// A daemon that ends within this is started again only after a pause.
    private static let shortLifeNanoseconds: Int64 = 5_000_000_000
    private static let pauseMillisecondsMax: Int32 = 5_000
    private static let stopSecondsMax = 10
    /// What a program ends with that does not take its arguments (`EX_USAGE`).
    private static let usageStatus: Int32 = 64
    private static let reasonLengthMax = 2_048

    private let layout: NodeLayout
    /// Further arguments of `martletd run`.
    private let extraArguments: [String]
    private var children: [ChildProcess] = []
    private var listener: Int32 = -1
    private var signals: Int32 = -1

    init(_ layout: NodeLayout, extraArguments: [String]) {
        self.layout = layout
        self.extraArguments = extraArguments
    }

    /// Returns when the node was told to stop and is gone. Throws where it could not be made; what was made is gone
    /// too.
    func run() throws(NodeError) {
        let lock = try RunLock(creating: layout.lock)
        defer { withExtendedLifetime(lock) {} }
        signals = clinux_catch_signals()
        guard signals >= 0 else { throw .call("catch signals", signals) }
        do throws(NodeError) {
            try work()
        } catch {
            note("failed: \(error)")
            try end()
            throw error
        }
        try end()
    }

    private func work() throws(NodeError) {
        try record(ChildProcess(name: "supervisor", pid: getpid(), startTime: ChildProcess.startTime(getpid()) ?? 0))
        var port: UInt16 = 0
        listener = clinux_loopback_listen(&port)
        guard listener >= 0 else { throw .call("listen on 127.0.0.1", listener) }
        for path in [layout.state, layout.bpffs, layout.staticPods] { try NodeFiles.makeDirectory(path) }
        let cgroup = try NodeCgroup(layout)
        try cgroup.make()
        let result = clinux_mount(
            "bpf", layout.bpffs, "bpf", clinux_ms_nosuid | clinux_ms_nodev | clinux_ms_noexec, nil)
        guard result == 0 else { throw .call("mount bpffs at \(layout.bpffs)", result) }
        let network = try NodeNetwork.make(layout)
        let containerd = NodeContainerd(layout: layout)
        let program = try containerd.prepare()
        let runtime = [program, "--config", layout.containerdConfiguration]
        try start("containerd", runtime, network, cgroup)
        try containerd.importPause()
        note("containerd is up; the API server listens on 127.0.0.1:\(port)")
        try superviseDaemon(network, cgroup, runtime)
    }

    /// Starts the daemon, and again whenever it ends, until told to stop. The listening socket is the same each time.
    private func superviseDaemon(_ network: NodeNetwork, _ cgroup: NodeCgroup, _ runtime: [String]) throws(NodeError) {
        let program = try NodeFiles.ownPath()
        var pause: Int32 = 0
        var starts = 0
        while true {
            let began = clinux_monotonic_ns()
            let daemon: ChildProcess
            do throws(NodeError) {
                daemon = try start("martletd", [program] + daemonArguments(cgroup), network, cgroup, listener: listener)
                starts += 1
            } catch {
                guard starts > 0 else { throw error }
                // A program that is being replaced, say. Pods go on meanwhile: no reason to end the node.
                note("martletd cannot be started, and is tried again: \(error)")
                if isToldToStop(within: Self.pauseMillisecondsMax) { return }
                continue
            }
            guard
                let status = try waitForEnd(
                    of: daemon,
                    { () throws(NodeError) in
                        try keepContainerd(runtime, network, cgroup)
                    })
            else { return }
            children.removeAll { $0 == daemon }
            if status == Self.usageStatus, starts == 1 {
                let reason = (NodeFiles.read(layout.log("martletd")) ?? "").suffix(Self.reasonLengthMax)
                throw NodeError(.refused, "martletd does not take its arguments: \(reason)")
            }
            let short = clinux_monotonic_ns() - began < Self.shortLifeNanoseconds
            pause = short ? min(Self.pauseMillisecondsMax, max(100, pause * 2)) : 0
            // A daemon that was killed had no fault of its own: it is started again at once.
            if status == 128 + SIGKILL { pause = 0 }
            note("martletd ended with \(status); starting it again" + (pause > 0 ? " in \(pause) ms" : ""))
            if pause > 0, isToldToStop(within: pause) { return }
        }
    }

    private func daemonArguments(_ cgroup: NodeCgroup) -> [String] {
        var arguments = [
            "run", "--state", layout.state, "--run-dir", layout.directory, "--bpffs", layout.bpffs, "--cgroup",
            cgroup.directory, "--containerd", layout.containerdSocket, "--node-name", layout.name, "--uplink",
            NodeLayout.uplink, "--static-pods", layout.staticPods, "--kubeconfig", layout.kubeconfig,
        ]
        for address in NodeLayout.nodeAddresses { arguments += ["--node-address", address] }
        return arguments + extraArguments
    }

    /// The daemon's exit code; nil where the node was told to stop first.
    private func waitForEnd(of daemon: ChildProcess, _ everySecond: () throws(NodeError) -> Void) throws(NodeError)
        -> Int32?
    {
        while true {
            if let status = daemon.reap() { return status }
            try everySecond()
            let signal = clinux_next_byte(signals, 1_000)
            if signal == SIGTERM || signal == SIGINT { return nil }
        }
    }

    /// Starts containerd again where it has ended (its containers go on without it), and keeps the logs within bounds.
    private func keepContainerd(_ runtime: [String], _ network: NodeNetwork, _ cgroup: NodeCgroup) throws(NodeError) {
        for part in ["martletd", "containerd", "supervisor"] {
            // A disk that is full is no reason to end a node.
            do { try LogCut.apply(layout.log(part)) } catch { note("\(part).log was not cut: \(error)") }
        }
        guard let old = children.first(where: { $0.name == "containerd" }), let status = old.reap() else { return }
        children.removeAll { $0 == old }
        note("containerd ended with \(status); starting it again")
        try start("containerd", runtime, network, cgroup)
    }

    private func isToldToStop(within milliseconds: Int32) -> Bool {
        let end = clinux_monotonic_ns() + Int64(milliseconds) * 1_000_000
        while clinux_monotonic_ns() < end {
            let left = Int32((end - clinux_monotonic_ns()) / 1_000_000) + 1
            let signal = clinux_next_byte(signals, left)
            if signal == SIGTERM || signal == SIGINT { return true }
        }
        return false
    }

    /// The daemon first, so that it can say goodbye to its clients; then containerd with all containers; then the rest.
    private func end() throws(NodeError) {
        note("stopping")
        let (runtime, daemons) = (
            children.filter { $0.name == "containerd" }, children.filter { $0.name != "containerd" }
        )
        for child in daemons + runtime { child.stop(graceSeconds: Self.stopSecondsMax) }
        children = []
        if listener >= 0 { close(listener) }
        listener = -1
        try NodeRemains.remove(layout)
    }

    @discardableResult
    private func start(
        _ name: String, _ arguments: [String], _ network: NodeNetwork, _ cgroup: NodeCgroup, listener: Int32 = -1
    ) throws(NodeError) -> ChildProcess {
        let options = ChildProcess.Options(
            arguments: arguments, namespaceDescriptor: network.node.descriptor,
            cgroupProcesses: cgroup.daemonProcesses, log: layout.log(name), listenDescriptor: listener)
        let child = try ChildProcess.start(name, options)
        children.append(child)
        try record(child)
        return child
    }

    private func record(_ child: ChildProcess) throws(NodeError) {
        let earlier = NodeRemains.recorded(layout).filter { $0.isAlive }.map(\.line)
        try NodeFiles.replace(layout.processes, (earlier + [child.line]).joined(separator: "\n") + "\n", mode: 0o600)
    }

    /// Into the supervisor's log, at once.
    private func note(_ text: String) {
        let line = Array("\(layout.name): \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}
