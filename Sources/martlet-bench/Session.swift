import APIClient
import BenchReport
import Glibc
import JSONText

/// One run: the node that is measured, what was found so far, and what is to be removed at the end.
final class Session {
    let isQuick: Bool
    /// The path of this program; its other subcommands are the ends of the measured connections.
    let own: String
    let node: Node
    /// A second node for what would disturb the first one's figures.
    let scaleNode: Node
    private(set) var report: BenchReport
    private var pods: [String: Int] = [:]

    init(id: String, isQuick: Bool) throws {
        self.isQuick = isQuick
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { throw BenchError("/proc is not mounted") }
        own = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = own.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        node = Node(id: id, programs: folder)
        scaleNode = Node(id: id + "-scale", programs: folder)
        report = BenchReport(Self.machine())
    }

    private static func machine() -> BenchReport.Machine {
        BenchReport.Machine(
            date: Shell.line("date -u +%F"), kernel: Shell.line("uname -r | cut -d - -f 1"),
            processor: Shell.line("sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo"),
            cores: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            load: Double(Shell.line("cut -d ' ' -f 1 /proc/loadavg")) ?? .nan,
            version: Shell.line("git describe --always 2>/dev/null"))
    }

    /// `whole` in a run to be quoted, a tenth of it in a quick one; never less than `least`.
    func count(_ whole: Int, least: Int = 1) -> Int { isQuick ? max(least, whole / 10) : whole }

    func measure(_ part: Part) async throws {
        switch part {
        case .start: try await StartPart(session: self).run()
        case .cni: try await CNIPart(session: self).run()
        case .network: try await NetworkPart(session: self).run()
        case .control: try await ControlPart(session: self).run()
        case .restart: try await RestartPart(session: self).run()
        case .services: try await ServicesPart(session: self).run()
        case .rules:
            var rules = RulesPart(session: self)
            try await rules.run()
        case .policies: try await PoliciesPart(session: self).run()
        case .flows: try await FlowsPart(session: self).run()
        case .compile: try CompilePart(session: self).run()
        case .scale: try await ScalePart(session: self).run()
        }
    }

    func note(_ measure: Measure) {
        report.add(measure)
        Shell.say(measure.line)
    }

    /// The report, which is published, has no path of this machine.
    func fail(_ part: Part, _ error: any Error) {
        let words = (error as? APIError)?.message ?? "\(error)"
        report.fail(part.rawValue, BenchReport.reason(words, without: [node.programs, Shell.line("pwd -P")]))
        Shell.say("\(part.rawValue): not measured: \(words)")
    }

    /// Calls `body` with objects of the node. Where it throws, what it made and did not delete is deleted.
    func withObjects<Result>(_ body: (BenchObjects) async throws -> Result) async throws -> Result {
        let client = try node.client()
        let objects = BenchObjects(client: client)
        do {
            let result = try await body(objects)
            await client.shutDown()
            return result
        } catch {
            await objects.removeMade()
            await client.shutDown()
            throw error
        }
    }

    /// The namespaces of a Pod of namespace `bench`, as a prefix of a command; the two Pods are made by the first call.
    func inside(_ pod: String) async throws -> String {
        if pods.isEmpty { try await deploy() }
        guard let process = pods[pod] else { throw BenchError("no pod \(pod)") }
        return "nsenter --target \(process) --net -- "
    }

    private func deploy() async throws {
        try node.martletd("node image --shop")
        pods = try await withObjects { objects in
            try await objects.namespace("bench")
            for name in ["server", "client"] { try await objects.create(.pods, name, Manifests.pod(name)) }
            try await objects.create(.networkPolicies, "measured", Manifests.policy(extraPort: 9_999))
            try await objects.create(.services, "measured", Manifests.service("measured", ports: Manifests.ports))
            var processes: [String: Int] = [:]
            for name in ["server", "client"] {
                guard let process = Shell.poll(seconds: 30, { try node.podProcess(name) }) else {
                    let last = Shell.line("tail -n 1 \(node.directory)/martletd.log")
                    throw BenchError("pod \(name) does not run: \(last)")
                }
                processes[name] = process
            }
            return processes
        }
    }

    /// Takes everything away that the run made. Says so where it cannot; what is left is named by the nodes' ids.
    func remove() {
        Plain.removeAll(node.id)
        for made in [node, scaleNode] where made.isThere {
            do { try made.martletd("node stop") } catch { Shell.say("node \(made.id) is left: \(error)") }
        }
    }
}
