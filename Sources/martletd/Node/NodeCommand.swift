import ArgumentParser
import CLinux
import Glibc
import NodeAgent

/// `martletd node`: a node of its own on any machine, in namespaces, cgroup and directories that carry its run id.
struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Make, list and remove nodes of their own on this machine.",
        subcommands: [
            NodeStart.self, NodeStop.self, NodeList.self, NodeImage.self, NodeSupervise.self,
        ])
}

struct NodeIdentity: ParsableArguments {
    @Option(help: "The run's id: 1 to 16 lower-case letters, digits and inner hyphens.")
    var id = "dev"
}

/// Starts the supervisor in the background, and returns when the node can be used.
struct NodeStart: ParsableCommand {
    private static let readySecondsMax = 60
    private static let removalSecondsMax = 20

    static let configuration = CommandConfiguration(commandName: "start", abstract: "Start a node; removes dead ones.")

    @OptionGroup var identity: NodeIdentity

    @Argument(parsing: .postTerminator, help: "Further arguments of martletd run.")
    var daemonArguments: [String] = []

    func run() throws {
        let layout = try NodeLayout(id: identity.id)
        removeOtherDead(layout)
        guard try !isAlive(layout) else {
            print("\(layout.name) runs already; kubeconfig: \(layout.kubeconfig)")
            return
        }
        try NodeFiles.makeDirectory(layout.directory)
        let log = layout.log("supervisor")
        // Open before anything can fail: a node that does not come up takes its directory away, and the log with it.
        let reason = open(log, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard reason >= 0 else { throw NodeError.call("open \(log)", -errno) }
        defer { close(reason) }
        let supervisor = try ChildProcess.start(
            "supervisor",
            ChildProcess.Options(
                arguments: [try NodeFiles.ownPath(), "node", "supervise", "--id", layout.id, "--"] + daemonArguments,
                log: log))
        for _ in 0..<(Self.readySecondsMax * 50) {
            if supervisor.reap() != nil {
                let text = String(decoding: try NodeFiles.bytes(of: reason, named: log), as: UTF8.self)
                throw NodeError(.notReady, "the node did not come up: \(text)")
            }
            if NodeFiles.exists(layout.kubeconfig), NodeFiles.exists(layout.socket) { return try announce(layout) }
            usleep(20_000)
        }
        throw NodeError(
            .notReady,
            "no \(layout.kubeconfig) within \(Self.readySecondsMax) s; see \(layout.log("martletd")). "
                + "\(try NodeFiles.ownPath()) node stop --id \(layout.id) removes it")
    }

    private func removeOtherDead(_ own: NodeLayout) {
        for id in NodeFiles.entries(NodeLayout.root) where id != own.id {
            guard let layout = try? NodeLayout(id: id) else { continue }
            do {
                try NodeRemains.removeDead(layout)
            } catch {
                // Its fault, not this node's.
                print("what the dead \(layout.name) left was not removed: \(error)")
            }
        }
    }

    /// Whether the run lives; removes what is left of a dead one. Waits while another process looks or removes.
    private func isAlive(_ layout: NodeLayout) throws -> Bool {
        for _ in 0..<(Self.removalSecondsMax * 50) {
            if try NodeRemains.removeDead(layout) || !NodeFiles.exists(layout.lock) { return false }
            if NodeRemains.recorded(layout).contains(where: { $0.name == "supervisor" && $0.isAlive }) { return true }
            usleep(20_000)
        }
        throw NodeError(.busy, "\(layout.lock) is held, by no supervisor that is known")
    }

    private func announce(_ layout: NodeLayout) throws {
        let tool = try NodeFiles.programBeside("martlet")
        print(
            """
            \(layout.name) is up.
              export KUBECONFIG=\(layout.kubeconfig)
              kubectl get nodes
              \(tool) status --id \(layout.id)
            Stop it with: \(try NodeFiles.ownPath()) node stop --id \(layout.id)
            """)
    }
}

/// Ends a node and removes what it made; a dead one too.
struct NodeStop: ParsableCommand {
    private static let stopSecondsMax = 60

    static let configuration = CommandConfiguration(commandName: "stop", abstract: "Stop a node and remove all of it.")

    @OptionGroup var identity: NodeIdentity

    func run() throws {
        let layout = try NodeLayout(id: identity.id)
        guard NodeFiles.exists(layout.directory) else {
            print("\(layout.name) is not there")
            return
        }
        for _ in 0..<(Self.stopSecondsMax * 20) {
            // A start that did not get as far as its lock, or is just about to.
            if !NodeFiles.exists(layout.lock), NodeFiles.exists(layout.directory),
                let lock = try? RunLock(creating: layout.lock)
            {
                try NodeRemains.remove(layout)
                withExtendedLifetime(lock) {}
            }
            if try NodeRemains.removeDead(layout) || !NodeFiles.exists(layout.directory) {
                print("\(layout.name) is gone")
                return
            }
            NodeRemains.recorded(layout).first { $0.name == "supervisor" }?.signal(SIGTERM)
            usleep(50_000)
        }
        throw NodeError(.busy, "\(layout.name) does not end; see \(layout.log("supervisor"))")
    }
}

struct NodeList: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the nodes on this machine.")

    func run() throws {
        for id in NodeFiles.entries(NodeLayout.root) {
            guard let layout = try? NodeLayout(id: id), NodeFiles.exists(layout.lock) else { continue }
            let lock = try RunLock(ofDead: layout.lock)
            print("\(id)\t\(lock == nil ? "alive" : "dead")\t\(layout.kubeconfig)")
        }
    }
}

/// Writes an image of files of this machine, and imports it into a node.
struct NodeImage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Make an image of files and import it into a node; no registry.")

    @OptionGroup var identity: NodeIdentity

    @Flag(help: "The image of Examples/shop, made of this machine's static busybox.")
    var shop = false

    @Option(name: .customLong("command"), help: "A word of the command; may be given more than once.")
    var words: [String] = []

    @Argument(help: "The image's reference, such as example.org/shop:1, then PATH=FILE or PATH=->TARGET.")
    var referenceAndFiles: [String] = []

    func run() throws {
        let layout = try NodeLayout(id: identity.id)
        let containerd = NodeContainerd(layout: layout)
        if shop {
            try containerd.importImage(NodeImages.shop(busybox: try NodeContainerd.busybox()), name: "shop")
            print("imported \(NodeImages.shopReference)")
        }
        guard let reference = referenceAndFiles.first else {
            guard shop else { throw ValidationError("give a reference and files, or --shop") }
            return
        }
        let entries = try referenceAndFiles.dropFirst().map { text -> ImageArchive.Entry in
            let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard halves.count == 2, halves[0].hasPrefix("/") else {
                throw ValidationError("\(text) is not /PATH=FILE")
            }
            let path = String(halves[0].dropFirst())
            if halves[1].hasPrefix("->") { return .link(path, target: String(halves[1].dropFirst(2))) }
            return .file(path, try NodeFiles.bytes(of: halves[1]), mode: 0o755)
        }
        let name = String(reference.map { $0.isLetter || $0.isNumber ? $0 : "_" })
        try containerd.importImage(
            ImageArchive(reference: reference, command: words, entries: entries), name: name)
        print("imported \(reference)")
    }
}

/// What `start` runs in the background.
struct NodeSupervise: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise", abstract: "Run a node in the foreground.", shouldDisplay: false)

    @OptionGroup var identity: NodeIdentity

    @Argument(parsing: .postTerminator, help: "Further arguments of martletd run.")
    var daemonArguments: [String] = []

    func run() throws {
        try NodeSupervisor(try NodeLayout(id: identity.id), extraArguments: daemonArguments).run()
    }
}
