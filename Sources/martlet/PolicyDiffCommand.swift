import ArgumentParser
import CommandLineUI
import DaemonAPI
import JSONText
import KubeObjects
import PolicyTools

struct PolicyDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Which workloads would gain or lose which ports, and which connections it would cut.",
        discussion: """
            Compares the cluster (or the files of -f) as it is with what it would be with the objects of FILE. The flows
            of the last hour and the open connections are asked of the daemon. Exits with 0, with 1 where --refuse-cuts
            is given and a flow would be cut, 66 where a file cannot be read, 69 where the cluster does not answer, or
            where --refuse-cuts is given and no daemon tells the flows. A change that does not fit ends it with 1.
            """)

    @OptionGroup var sources: PolicySources
    @OptionGroup var daemon: DaemonSocketOptions
    @OptionGroup var services: ServiceRangeOptions

    @Argument(help: "Files with the policies (and namespaces and pods) as they shall be.")
    var changes: [String] = []

    @Option(help: "A policy that shall be gone: NAMESPACE/NAME, or NAME of a ClusterNetworkPolicy.")
    var remove: [String] = []

    @Flag(
        help: """
            Exit with 1 where open connections or flows of the last hour would be cut, with 69 where that is not known.
            """)
    var refuseCuts = false

    func validate() throws {
        if changes.isEmpty, remove.isEmpty {
            throw ValidationError("name a file with the policies as they shall be, or --remove a policy")
        }
    }

    func run() async throws {
        let blocks = try services.blocks()
        let old = try await sources.worldInPlace()
        var new = old
        for document in try PolicySources.read(changes) { new.add(document.body, source: document.source) }
        for name in remove {
            let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
            let key = parts.count == 2 ? ObjectKey(parts[0], parts[1]) : ObjectKey("", name)
            guard new.remove(policy: key) else {
                Terminal.error("there is no policy \(name) to remove; \(old.policyNames(like: key))")
                throw ExitCode(66)
            }
        }
        try PolicySources.requireAcceptable(new, over: old)
        let diff = PolicyDiff(old.inForce, new.inForce, services: blocks)
        for misfit in diff.misfits { Terminal.error("does not fit: \(misfit)") }
        if !diff.misfits.isEmpty { throw ExitCode(1) }
        let seen = daemon.traffic(id: sources.target.id, isWanted: sources.asksCluster)
        let effect = diff.effect(on: seen.traffic)
        var notes = diff.notes
        if let fault = seen.fault { notes.append("flows were not looked at: \(fault)") }
        notes += seen.traffic.notes
        notes += PolicyWorld.dryRunNotes(old, new) + PolicyWorld.idleNotes(old, new)
        let passed = new.passedText(templates: false)
        if !passed.isEmpty { notes.append("not judged: \(passed)") }
        let answer: JSONValue = [
            "rows": .array(diff.rows.map(\.json)), "touched": .integer(Int64(diff.touchedParts)),
            "sets": .integer(Int64(diff.parts)), "pods": .integer(Int64(old.pods.count)),
            "flowsKnown": .bool(seen.fault == nil),
            "cutLive": .array(effect.cutLive.map(\.json)), "keptLive": .array(effect.keptLive.map(\.json)),
            "stillKeptLive": .array(effect.stillKeptLive.map(\.json)),
            "allowedAgainLive": .array(effect.allowedAgainLive.map(\.json)),
            "cut": .array(effect.cut.map(\.json)), "opened": .array(effect.opened.map(\.json)),
            "notes": .array(notes.map { .string($0) }),
        ]
        sources.show(answer) { PolicyDiffView(style: sources.style).text($0) }
        if refuseCuts, let fault = seen.fault {
            Terminal.error("--refuse-cuts: what would be cut is not known: \(fault)")
            throw ExitCode(69)
        }
        if refuseCuts, !effect.cutLive.isEmpty || !effect.cut.isEmpty { throw ExitCode(1) }
    }
}

/// The daemon that knows the flows.
struct DaemonSocketOptions: ParsableArguments {
    @Option(help: "The daemon's socket. Default: that of --id, MARTLET_SOCKET, else /run/martlet/martletd.sock.")
    var socket: String?

    /// What was seen, or why that is not known. Not asked where the objects are not the cluster's.
    func traffic(id: String?, isWanted: Bool = true) -> (traffic: SeenTraffic, fault: String?) {
        guard isWanted else { return (SeenTraffic(), "the objects come from files (--cluster asks the cluster)") }
        do throws(DaemonError) {
            let path = DaemonOptions.path(socket: socket, id: id)
            return (SeenTraffic(try DaemonSocket(path: path).call(Request(.traffic))), nil)
        } catch {
            let words = error.cause.isEmpty ? error.message : "\(error.message): \(error.cause)"
            return (SeenTraffic(), words + (error.code == .tryAgainLater ? "; --id or --socket names another" : ""))
        }
    }
}
