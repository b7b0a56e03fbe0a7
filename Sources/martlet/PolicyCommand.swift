import APIClient
import ArgumentParser
import CommandLineUI
import Glibc
import JSONText
import KubeObjects
import NetTypes
import PolicyTools

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "What policies mean, before they are applied.",
        subcommands: [
            PolicyLintCommand.self, PolicyTestCommand.self, PolicyDiffCommand.self, PolicySuggestCommand.self,
            PolicyGraphCommand.self,
        ])
}

private struct ClusterFault: Error, CustomStringConvertible {
    let description: String
}

/// Where objects come from: files, a cluster, or a cluster with files over it.
struct PolicySources: ParsableArguments {
    @Option(
        name: [.short, .customLong("filename")],
        help: "A file, a folder whose *.yaml, *.yml and *.json are taken in order, or - for standard input.")
    var files: [String] = []

    @Flag(help: "Take the objects of the cluster too; those of files replace them. Default where no file is given.")
    var cluster = false

    @OptionGroup var target: ClusterOptions

    var asksCluster: Bool { cluster || files.isEmpty }

    @Option(name: [.short, .customLong("output")], help: "table or json.")
    var output: OutputFormat = .table

    var style: Style { Style(isColoured: isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil) }

    /// As `world`, with what stands in for policies of the cluster that cannot be read; says so.
    func worldInPlace() async throws -> PolicyWorld {
        let (world, notes) = try await world().withStandIns()
        for note in notes { Terminal.error(note) }
        return world
    }

    /// A file that cannot be read ends the program with 66, a cluster that does not answer with 69.
    func world() async throws -> PolicyWorld {
        var world = PolicyWorld()
        if asksCluster {
            do {
                try await addCluster(to: &world)
            } catch {
                Terminal.error(
                    "the cluster cannot be asked: \(error); --id or --kubeconfig names another"
                        + (files.isEmpty ? ", -f reads files instead" : ""))
                throw ExitCode(69)
            }
        }
        for document in try Self.read(files) { world.add(document.body, source: document.source) }
        return world
    }

    /// A file that cannot be read ends the program with 66.
    static func read(_ files: [String]) throws -> [ManifestDocument] {
        do {
            return try ManifestFiles.read(files)
        } catch {
            Terminal.error("\(error)")
            throw ExitCode(66)
        }
    }

    /// A policy of a file that cannot be read, or that the API server refuses, ends the program with 66.
    /// - Parameter base: what is there already; its policies are in force, whoever let them in.
    static func requireAcceptable(_ world: PolicyWorld, over base: PolicyWorld = PolicyWorld()) throws {
        let known = Set(base.refusals)
        let faults = world.unreadable.map(\.text) + world.refusals.filter { !known.contains($0) }
        for fault in faults { Terminal.error(fault) }
        if !faults.isEmpty { throw ExitCode(66) }
    }

    /// A namespace that is not there ends the program with 66.
    static func require(_ namespace: String?, in world: PolicyWorld) throws {
        guard let namespace, world.namespaces[namespace] == nil else { return }
        let known = world.namespaces.keys.sorted().joined(separator: ", ")
        Terminal.error("there is no namespace \(namespace); there are \(known.isEmpty ? "none" : known)")
        throw ExitCode(66)
    }

    /// Says which kinds of the files no tool judges.
    static func namePassed(_ world: PolicyWorld) {
        let passed = world.passedText(templates: false)
        if !passed.isEmpty { Terminal.error("not judged: \(passed)") }
    }

    private func addCluster(to world: inout PolicyWorld) async throws {
        let client = try target.client()
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
                item["apiVersion"] = .string(resource.apiVersion)
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

/// The ranges of Services: no object of the API tells them.
struct ServiceRangeOptions: ParsableArguments {
    @Option(name: .customLong("service-cidr"), help: "Addresses of Services, as the daemon has them.")
    var serviceCIDRs = ["10.96.0.0/16", "fd00:96::/112"]

    func blocks() throws -> [CIDR] {
        try serviceCIDRs.map { text in
            guard let block = CIDR(text) else {
                throw ValidationError("--service-cidr: \(text) is no address block such as 10.96.0.0/16")
            }
            return block
        }
    }
}

struct PolicyLintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Find what policies probably do not mean.",
        discussion: """
            Exits with 1 where there is an error or a warning; notes do not count. What cannot be read ends it with 66,
            a cluster that does not answer with 69.
            """)

    @OptionGroup var sources: PolicySources

    @OptionGroup var services: ServiceRangeOptions

    @Option(
        help: """
            Whom pods ask for names: NAMESPACE/LABEL=VALUE, an address, or none where nobody is asked. The port is
            that of its Service, where that is read, else 53.
            """)
    var dns = NameServer.usual.name

    func run() async throws {
        let blocks = try services.blocks()
        let server = try nameServer()
        let world = try await sources.world()
        let findings = PolicyLint(world, serviceBlocks: blocks, nameServer: server).findings()
        let answer: JSONValue = [
            "policies": .integer(Int64(world.policies.count + world.clusterPolicies.count)),
            "pods": .integer(Int64(world.pods.count)),
            "items": .array(findings.map(\.json)),
        ]
        sources.show(answer) { LintView(style: sources.style).text($0) }
        if findings.contains(where: { $0.severity != .note }) { throw ExitCode(1) }
    }

    private func nameServer() throws -> NameServer? {
        if dns == "none" { return nil }
        do throws(ObjectError) {
            return try NameServer(dns)
        } catch {
            throw ValidationError("--dns: \(error.message)")
        }
    }
}
