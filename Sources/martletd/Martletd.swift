import ArgumentParser
import Logging

/// The daemon. `run` is what a node runs; `node` makes a node of its own on any machine; `apiserver` serves the API
/// alone.
@main
struct Martletd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletd",
        abstract: "Martlet's daemon: control plane, node agent and datapath of one node.",
        version: "0.1.0",
        subcommands: [
            RunCommand.self, APIServerCommand.self, NodeCommand.self, StoreCommand.self, UninstallCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    static func main() async {
        LoggingSystem.bootstrap { LogfmtHandler(label: $0) }
        await main(nil)
    }
}
