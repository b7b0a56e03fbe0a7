import ArgumentParser
import CommandLineUI
import DaemonAPI
import Glibc
import JSONText

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What is in force, at which revision; what is wrong comes first.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        let status = try options.ask(.status)
        options.show(status) { StatusView(style: options.style).text($0) }
        if StatusView.hasErrors(status) { throw ExitCode(1) }
    }
}

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Which rules judge a flow, and what the kernel answers.",
        discussion: """
            Exits with 1 where evaluator and kernel disagree, 64 where the question makes no sense (the address of a
            Service, ends of two families), 66 where there is no such pod, 69 where the daemon does not answer.
            """)

    @OptionGroup var options: DaemonOptions

    @Argument(help: "NAMESPACE/POD or an address.")
    var source: String

    @Argument(help: "NAMESPACE/POD:PORT or ADDRESS:PORT ([ADDRESS]:PORT for IPv6). A pod's PORT may be a name.")
    var destination: String

    @Option(name: .customLong("protocol"), help: "TCP, UDP or SCTP.")
    var transport = "TCP"

    func validate() throws {
        if parts == nil { throw ValidationError("\(destination) is not POD:PORT, ADDRESS:PORT or [ADDRESS]:PORT") }
    }

    /// The destination without its port, and the port.
    private var parts: (host: String, port: String)? {
        guard let colon = destination.lastIndex(of: ":"), !destination.hasSuffix(":") else { return nil }
        let (host, port) = (destination[..<colon], String(destination[destination.index(after: colon)...]))
        // An IPv6 address without brackets is all colons, and none before a port.
        if host.hasPrefix("[") { return host.hasSuffix("]") ? (String(host.dropFirst().dropLast()), port) : nil }
        return host.isEmpty || host.contains(":") ? nil : (String(host), port)
    }

    func run() throws {
        guard let (host, word) = parts else { return }
        let port = Int64(word).map { JSONValue.integer($0) } ?? .string(word)
        let answer = try options.askShortly(
            .explain,
            [
                "source": .string(source), "destination": .string(host), "port": port,
                "protocol": .string(transport.uppercased()),
            ])
        options.show(answer) { ExplainView(style: options.style).text($0) }
        if answer["agrees"]?.bool == false { throw ExitCode(1) }
    }
}

struct ServicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "Frontends and their backends, as they are compiled.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        options.show(try options.ask(.services)) { ListView.text($0, ["service", "frontend", "number", "backends"]) }
    }
}

struct EndpointsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints", abstract: "Endpoints with their addresses, numbers and classes.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        options.show(try options.ask(.endpoints)) {
            ListView.text($0, ["number", "owner", "addresses", "class", "interface", "incarnation"])
        }
    }
}

struct PoliciesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies", abstract: "Policies, how many pods each selects, and what is wrong with it.")

    @OptionGroup var options: DaemonOptions

    func run() throws {
        options.show(try options.ask(.policies)) {
            ListView.text(
                $0, ["tier", "priority", "policy", "pods", "ingressRules", "egressRules", "revision", "problem"])
        }
    }
}

struct MapsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maps", abstract: "Fill of the kernel's maps; with a name, its content.")

    @OptionGroup var options: DaemonOptions

    @Argument(help: "A map to show.")
    var name: String?

    func run() throws {
        if let name {
            options.show(try options.ask(.maps, ["name": .string(name)])) { answer in
                let left = (answer["total"]?.integer ?? 0) - Int64(answer["items"]?.array?.count ?? 0)
                return ListView.text(answer, ["key", "value"]) + (left > 0 ? "\(left) more\n" : "")
            }
        } else {
            options.show(try options.ask(.maps)) { ListView.text($0, ["name", "used", "capacity", "bytes"]) }
        }
    }
}

struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck", abstract: "Compare the desired state with the kernel's.",
        discussion: "Exits with 1 where something differs and was not repaired.")

    @OptionGroup var options: DaemonOptions

    @Flag(help: "Write what is wanted over what differs.")
    var repair = false

    func run() throws {
        let answer = try options.ask(.fsck, ["repair": .bool(repair)])
        let items = answer["items"]?.array ?? []
        options.show(answer) { value in
            let checked = ListView.cell(value["checked"])
            if items.isEmpty { return "\(checked) values compared, no difference\n" }
            return ListView.text(value, ["map", "key", "wanted", "found", "repaired"])
                + "\(checked) values compared, \(items.count) differ"
                + (repair ? "\n" : "; martlet fsck --repair writes what is wanted\n")
        }
        if items.contains(where: { $0["repaired"]?.bool != true }) { throw ExitCode(1) }
    }
}

struct UninstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Take every program, filter and pin of Martlet off this node.",
        discussion: "Pods keep their links and lose all policy: the closed filters go too.")

    @OptionGroup var options: DaemonOptions

    @Option(help: "State directory of a daemon that is down. Default: /var/lib/martlet, or that of --id.")
    var state: String?

    @Option(help: "Pins of a daemon that is down. Default: /sys/fs/bpf/martlet, or those of --id.")
    var bpffs: String?

    @Flag(help: "Do it: without this flag the command only says what it would do.")
    var yes = false

    func run() throws {
        guard yes else {
            print(
                "would take off all programs, closed filters, links and pins of this node: nothing enforces policy "
                    + "then. Add --yes to do it.")
            return
        }
        let answer: JSONValue
        do throws(DaemonError) {
            answer = try DaemonSocket(path: options.path).call(Request(.uninstall))
        } catch {
            guard error.code == .tryAgainLater else { throw DaemonOptions.fail(error) }
            try withoutDaemon()
        }
        options.show(answer) { _ in "taken off; the daemon puts it back when it is started again\n" }
    }

    /// No daemon answers: the daemon's own program does it, which knows the kernel and refuses while another one holds
    /// the state. This program becomes that one.
    private func withoutDaemon() throws -> Never {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = max(0, readlink("/proc/self/exe", &buffer, buffer.count))
        let own = String(decoding: buffer.prefix(count), as: UTF8.self)
        let folder = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        var words = ["\(folder)/martletd", "uninstall", "--yes"]
        if let id = options.id { words += ["--id", id] }
        if let state { words += ["--state", state] }
        if let bpffs { words += ["--bpffs", bpffs] }
        var arguments = words.map { strdup($0) } + [nil]
        execv(words[0], &arguments)
        Terminal.error(
            "no daemon answers on \(options.path), and \(words[0]) cannot be run: \(String(cString: strerror(errno)))")
        throw ExitCode(69)
    }
}
