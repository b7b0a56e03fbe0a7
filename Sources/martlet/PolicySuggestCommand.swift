import ArgumentParser
import CommandLineUI
import JSONText
import PolicyTools

enum SuggestedDirection: String, ExpressibleByArgument {
    case ingress
    case egress
    case both
}

struct PolicySuggestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suggest", abstract: "Policies for the flows of the last hour, each rule with its proof.",
        discussion: """
            Writes YAML: a policy for each workload that was talked to (or that talked), with the flows that prove each
            rule and what else the rule lets through as comments. Flows that are rare did not happen in this hour: read
            it before you apply it, and try it with policy.martlet.io/dry-run first.
            """)

    @OptionGroup var sources: PolicySources
    @OptionGroup var daemon: DaemonSocketOptions

    @Option(help: "Only for workloads of this namespace.")
    var namespace: String?

    @Option(help: "ingress, egress or both.")
    var direction: SuggestedDirection = .ingress

    func run() async throws {
        let world = try await sources.worldInPlace()
        PolicySources.namePassed(world)
        try PolicySources.require(namespace, in: world)
        for entry in world.unreadable { Terminal.error("\(entry.text): it is left out") }
        let seen = daemon.traffic(id: sources.target.id)
        if let fault = seen.fault {
            Terminal.error("flows are not known: \(fault)")
            throw ExitCode(69)
        }
        for note in seen.traffic.notes { Terminal.error(note) }
        let directions: [PolicySuggestion.Direction] =
            switch direction {
            case .ingress: [.ingress]
            case .egress: [.egress]
            case .both: [.ingress, .egress]
            }
        let suggestion = PolicySuggestion(world, seen.traffic, directions: directions, namespace: namespace)
        sources.show(suggestion.json) { _ in
            suggestion.yaml + (suggestion.policies.isEmpty ? "# no flow of the last hour asks for a policy\n" : "")
        }
    }
}

enum GraphFormat: String, ExpressibleByArgument {
    case svg
    case dot
}

struct PolicyGraphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph", abstract: "Who may reach whom, and who did in the last hour, as SVG or for Graphviz.",
        discussion: """
            Grey arrows: a rule allows it; green: it was seen; red: it was dropped. Dashed workloads take everything,
            since no policy decides who may ask them. Without a daemon the picture has no flows. -o json gives workloads
            and arrows in place of a picture.
            """)

    @OptionGroup var sources: PolicySources
    @OptionGroup var daemon: DaemonSocketOptions
    @OptionGroup var services: ServiceRangeOptions

    @Option(help: "svg or dot.")
    var format: GraphFormat = .svg

    @Option(help: "Only workloads of this namespace, and those that reach them or are reached.")
    var namespace: String?

    func run() async throws {
        let blocks = try services.blocks()
        let world = try await sources.worldInPlace().inForce
        PolicySources.namePassed(world)
        try PolicySources.require(namespace, in: world)
        for entry in world.unreadable { Terminal.error("\(entry.text): it is left out") }
        let seen = daemon.traffic(id: sources.target.id, isWanted: sources.asksCluster)
        if let fault = seen.fault { Terminal.error("drawn without flows: \(fault)") }
        for note in seen.traffic.notes { Terminal.error(note) }
        let mesh = PolicyMesh(world, places: PodPlaces(world))
        let regions = OutsideRegion.all(of: [world], services: blocks).regions
        guard let graph = PolicyGraph(mesh, seen.traffic, outside: regions, namespace: namespace) else {
            Terminal.error("more than \(PolicyGraph.nodesMax) workloads; choose a --namespace")
            throw ExitCode(1)
        }
        switch (sources.output, format) {
        case (.json, _): print(graph.json.prettyText)
        case (.table, .svg): print(graph.svg, terminator: "")
        case (.table, .dot): print(graph.dot, terminator: "")
        }
    }
}
