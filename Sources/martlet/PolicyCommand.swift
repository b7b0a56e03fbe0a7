import APIClient
import ArgumentParser
import CommandLineUI
import Glibc
import JSONText
import Logging
import NetTypes
import PolicyTools

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "What policies mean, before they are applied.",
        subcommands: [PolicyLintCommand.self, PolicyTestCommand.self])
}

private struct ClusterFault: Error, CustomStringConvertible {
    let description: String
}

/// Where objects come from: files, a cluster, or a cluster with files over it.
struct PolicySources: ParsableArguments {
    @Option(name: [.short, .customLong("filename")], help: "A file, or a folder whose *.yaml are taken in order.")
    var files: [String] = []

    @Flag(help: "Take the objects of the cluster too; those of files replace them. Default where no file is given.")
    var cluster = false

    @Option(help: "Kubeconfig. Default: KUBECONFIG, else the administrator's own.")
    var kubeconfig: String?

    @Option(name: [.short, .customLong("output")], help: "table or json.")
    var output: OutputFormat = .table

    var style: Style { Style(isColoured: isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil) }

    /// What cannot be read ends the program with 1.
    func world() async throws -> PolicyWorld {
        var world = PolicyWorld()
        do {
            if cluster || files.isEmpty { try await addCluster(to: &world) }
            for document in try ManifestFiles.read(files) { world.add(document.body, source: document.source) }
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        return world
    }

    private func addCluster(to world: inout PolicyWorld) async throws {
        let path = kubeconfig ?? getenv("KUBECONFIG").map { String(cString: $0) } ?? "/etc/martlet/admin.kubeconfig"
        let client = try HTTPSClient(try Kubeconfig(path: path).access(), logger: Logger(label: "martlet"))
        var lists: [(APIResource, ObjectList)] = []
        do throws(APIError) {
            for resource in [
                APIResource.namespaces, .nodes, .pods, .services, .networkPolicies, .clusterNetworkPolicies,
            ] {
                lists.append((resource, try await client.list(resource, ListOptions())))
            }
        } catch {
            await client.shutDown()
            throw ClusterFault(description: error.message)
        }
        await client.shutDown()
        for (resource, list) in lists {
            for var item in list.items {
                item["kind"] = .string(resource.kind)
                world.add(item)
            }
        }
    }

    func show(_ value: JSONValue, _ table: (JSONValue) -> String) {
        switch output {
        case .json: print(value.prettyText)
        case .table: print(table(value), terminator: "")
        }
    }
}

struct PolicyLintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Find what policies probably do not mean.",
        discussion: "Exits with 1 where there is an error or a warning; notes do not count.")

    @OptionGroup var sources: PolicySources

    @Option(name: .customLong("service-cidr"), help: "Addresses of Services, as the daemon has them.")
    var serviceCIDRs = ["10.96.0.0/16", "fd00:96::/112"]

    func run() async throws {
        var blocks: [CIDR] = []
        for text in serviceCIDRs {
            guard let block = CIDR(text) else { throw ValidationError("\(text) is not an address block") }
            blocks.append(block)
        }
        let world = try await sources.world()
        let findings = PolicyLint(world, serviceBlocks: blocks).findings()
        let answer: JSONValue = [
            "policies": .integer(Int64(world.policies.count)), "pods": .integer(Int64(world.pods.count)),
            "items": .array(findings.map(\.json)),
        ]
        sources.show(answer) { LintView(style: sources.style).text($0) }
        if findings.contains(where: { $0.severity != .note }) { throw ExitCode(1) }
    }
}

enum PolicyEngineName: String, ExpressibleByArgument {
    case maps
    case evaluator
}

struct PolicyTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Check a file of expectations (kind PolicyTest) against policies.",
        discussion: "Exits with 1 where one does not hold.")

    @OptionGroup var sources: PolicySources

    @Argument(help: "Files of kind PolicyTest.")
    var tests: [String]

    @Option(help: "maps: the compiled map entries in user space; evaluator: the direct reading of the API.")
    var engine: PolicyEngineName = .maps

    @Option(help: "Also write the results as JUnit XML.")
    var junit: String?

    func run() async throws {
        let world = try await sources.world()
        for entry in world.unreadable { Terminal.error("\(entry.source): \(entry.object): \(entry.error)") }
        if !world.unreadable.isEmpty { throw ExitCode(1) }
        var expectations: [PolicyExpectation] = []
        do {
            for document in try ManifestFiles.read(tests) { expectations += try PolicyExpectation.read(document.body) }
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(1)
        }
        let places = PodPlaces(world)
        let run = PolicyTestRun(world, places: places)
        let results: [PolicyTestRun.Result]
        switch engine {
        case .evaluator:
            let engine = EvaluatorEngine(world)
            results = expectations.map { run.check($0, engine) }
        case .maps:
            let engine = MapsEngine(world, places: places)
            for problem in engine.problems { Terminal.error(problem) }
            if !engine.problems.isEmpty { throw ExitCode(1) }
            results = expectations.map { run.check($0, engine) }
        }
        sources.show(["engine": .string(engine.rawValue), "items": .array(results.map(\.json))]) {
            PolicyTestView(style: sources.style).text($0)
        }
        if let junit { try write(JUnitText.print(results, suite: "martlet policy test"), to: junit) }
        if results.contains(where: { !$0.faults.isEmpty }) { throw ExitCode(1) }
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            Terminal.error("\(path): fopen: \(String(cString: strerror(errno)))")
            throw ExitCode(1)
        }
        let written = fputs(text, file)
        if fclose(file) != 0 || written < 0 {
            Terminal.error("\(path) cannot be written: \(String(cString: strerror(errno)))")
            throw ExitCode(1)
        }
    }
}
