import ArgumentParser
import CommandLineUI
import DaemonAPI
import JSONText

/// What `wait` and `trace` can be asked about.
enum PolicySubject: String, ExpressibleByArgument { case policy }

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until every Ready node enforces a policy as the API has it, or everything up to a revision.",
        discussion: """
            Exits with 1 where the policy is not there, cannot be enforced, or is not in force in time; for a \
            revision, where an object up to it cannot be enforced.
            """)

    @OptionGroup var options: DaemonOptions

    @Argument(help: "What to wait for: policy.")
    var subject: PolicySubject?

    @Argument(help: "NAMESPACE/NAME, or NAME of a ClusterNetworkPolicy.")
    var name: String?

    @Option(help: "A resourceVersion of any object: wait for everything up to it.")
    var revision: Int64?

    @Option(help: "Seconds to wait, at most 50.")
    var timeout = 30

    func validate() throws {
        if revision == nil, name == nil { throw ValidationError("wait for policy NAME, or with --revision N") }
        if revision != nil, subject != nil { throw ValidationError("either a policy or --revision") }
    }

    func run() throws {
        var params: JSONValue = ["timeoutSeconds": .integer(Int64(timeout))]
        if let revision { params["revision"] = .integer(revision) }
        if let name { params["policy"] = .string(name) }
        let answer = try options.ask(.wait, params)
        options.show(answer) {
            let what =
                $0["policy"] == nil
                ? "everything up to revision \(ListView.cell($0["revision"])) is in force"
                : "policy \(ListView.cell($0["policy"])) is in force: version \(ListView.cell($0["version"]))"
            return what + ", generation \(ListView.cell($0["generation"])) of this node; "
                + "nodes: \(ListView.cell($0["nodes"]))"
                + ($0["notReady"]?.array?.isEmpty == false
                    ? "; not Ready, not waited for: \(ListView.cell($0["notReady"]))\n" : "\n")
        }
    }
}

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "When the last versions of a policy were stored, compiled and in force here.",
        discussion: "Exits with 1 where no version was seen since the daemon started.")

    @OptionGroup var options: DaemonOptions

    @Argument(help: "What to trace: policy.")
    var subject: PolicySubject

    @Argument(help: "NAMESPACE/NAME, or NAME of a ClusterNetworkPolicy.")
    var name: String

    func run() throws {
        let answer = try options.ask(.trace, ["policy": .string(name)])
        options.show(answer, TraceView.text)
    }
}
