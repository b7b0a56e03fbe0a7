import ArgumentParser
import CommandLineUI
import DaemonAPI
import JSONText

/// What `flows --verdict` takes: what became of a flow, or what dry runs would make of it.
enum ShownVerdict: String, ExpressibleByArgument, CaseIterable {
    case allow
    case drop
    case close
    case reset
    case wouldDeny = "would-deny"
    case wouldAllow = "would-allow"

    /// Member and value of the daemon's filter.
    var filter: (name: String, value: String) {
        switch self {
        case .allow: ("verdict", "allowed")
        case .drop: ("verdict", "dropped")
        case .close: ("verdict", "closed")
        case .reset: ("verdict", "reset")
        case .wouldDeny, .wouldAllow: ("trial", rawValue)
        }
    }
}

struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows", abstract: "Flows, drops and closes with the rules that decided.",
        discussion: "Exits with 64 for a filter that makes no sense, 69 where the daemon does not answer.")

    @OptionGroup var options: DaemonOptions

    @Flag(name: .shortAndLong, help: "Go on with what comes.")
    var follow = false

    @Option(help: "NAMESPACE/NAME of either end.")
    var pod: String?

    @Option(help: "Namespace of either end.")
    var namespace: String?

    @Option(help: "What became of it; would-: what dry runs would make of it.")
    var verdict: ShownVerdict?

    @Option(help: "Port of either end, or the one dialled.")
    var port: Int?

    @Option(name: .customLong("protocol"), help: "TCP, UDP, SCTP, ICMP, ICMPv6 or a number.")
    var transport: String?

    @Option(help: "Drop reason.")
    var reason: String?

    @Option(help: "NAMESPACE/NAME of a policy that decided, or NAME of a ClusterNetworkPolicy.")
    var policy: String?

    @Option(help: "How many of the latest to show.")
    var last = 50

    func run() throws {
        let view = FlowsView(style: options.style)
        guard follow else {
            options.show(try options.askShortly(.flows, .object(filter))) { view.text($0) }
            return
        }
        // A stream may be silent for long, a daemon that is stopped too: this one answers at once.
        _ = try options.askShortly(.flows, .object(filter.merging(["limit": 0]) { $1 }))
        let request = Request(.flows, params: .object(filter.merging(["follow": true]) { $1 }))
        do throws(DaemonError) {
            try DaemonSocket(path: options.path).follow(request) { item in
                switch options.output {
                case .json: Terminal.line(item.compactText)
                case .table: Terminal.line(view.line(item))
                }
                return true
            }
        } catch {
            throw DaemonOptions.fail(error)
        }
    }

    private var filter: [String: JSONValue] {
        var params: [String: JSONValue] = ["limit": .integer(Int64(last))]
        params["pod"] = pod.map { .string($0) }
        params["namespace"] = namespace.map { .string($0) }
        if let (name, value) = verdict?.filter { params[name] = .string(value) }
        params["port"] = port.map { .integer(Int64($0)) }
        params["protocol"] = transport.map { .string($0) }
        params["reason"] = reason.map { .string($0) }
        params["policy"] = policy.map { .string($0) }
        return params
    }
}
