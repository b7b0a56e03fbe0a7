import ArgumentParser
import BPFRuntime
import Glibc
import Netlink

/// `martletd uninstall`: takes all of Martlet off the kernel while no daemon runs. `martlet uninstall` asks the daemon
/// and comes here where none answers.
struct UninstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Take every program, filter and pin off this node while no daemon runs.",
        discussion: "Refused while a daemon holds the state directory: martlet uninstall asks that one.")

    @Option(help: "The daemon's state directory.")
    var state = "/var/lib/martlet"

    @Option(help: "Where programs, links and maps are pinned.")
    var bpffs = "/sys/fs/bpf/martlet"

    @Option(help: "A node made by martletd node start: its state, pins and network namespace.")
    var id: String?

    @Flag(help: "Do it: without this flag the command only says what it would do.")
    var yes = false

    func run() throws {
        let layout = try id.map { try NodeLayout(id: $0) }
        let state = layout?.state ?? state
        let pins = layout?.bpffs ?? bpffs
        guard yes else {
            print(
                "would take all programs, closed filters, links and pins under \(pins) off: "
                    + "nothing enforces policy then. Add --yes to do it.")
            return
        }
        // No state, no daemon: a node whose disk is gone must be cleaned all the same.
        let lease = access(state, F_OK) == 0 ? try StateLease(directory: state) : nil
        defer { lease?.release() }
        let outcome: Result<Void, DatapathError>
        if let layout {
            // The closed filters are on links of the node's own namespace.
            outcome = try NetworkNamespace(path: layout.namespace).run { () throws(NetlinkError) in Self.clean(pins) }
        } else {
            outcome = Self.clean(pins)
        }
        do {
            try outcome.get()
        } catch {
            throw DaemonFault("could not take all off: \(error)")
        }
        print("taken off; a daemon puts it back when it is started")
    }

    private static func clean(_ pins: String) -> Result<Void, DatapathError> {
        Result { () throws(DatapathError) in try KernelDatapath.uninstall(pinDirectory: pins) }
    }
}
