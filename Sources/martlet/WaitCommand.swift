import ArgumentParser
import CommandLineUI
import DaemonAPI
import JSONText

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until the node enforces a policy as the API has it now.",
        discussion: "Exits with 1 where the policy is not there, does not fit, or is not in force in time.")

    enum Subject: String, ExpressibleByArgument { case policy }

    @OptionGroup var options: DaemonOptions

    @Argument(help: "What to wait for: policy.")
    var subject: Subject

    @Argument(help: "NAMESPACE/NAME.")
    var name: String

    @Option(help: "Seconds to wait, at most 50.")
    var timeout = 30

    func run() throws {
        let answer = try options.ask(
            .wait, ["policy": .string(name), "timeoutSeconds": .integer(Int64(timeout))])
        options.show(answer) {
            "policy \(ListView.cell($0["policy"])) is in force: version \(ListView.cell($0["version"])), "
                + "generation \(ListView.cell($0["generation"]))\n"
        }
    }
}
