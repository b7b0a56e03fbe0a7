import ArgumentParser

/// The CLI. Exit codes: 0 all is well; 1 something is wrong or differs; 64 the call's words are off; 69 no daemon
/// answers.
@main
struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Look into a node of Martlet: what is in force, what was dropped and why.",
        version: "0.1.0",
        subcommands: [
            StatusCommand.self, FlowsCommand.self, ExplainCommand.self, ServicesCommand.self, EndpointsCommand.self,
            PoliciesCommand.self, PolicyCommand.self, MapsCommand.self, FsckCommand.self, ApplyCommand.self,
            WaitCommand.self, TraceCommand.self, UninstallCommand.self,
        ])
}
