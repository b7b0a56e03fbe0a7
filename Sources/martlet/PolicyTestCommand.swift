import ArgumentParser
import CommandLineUI
import Glibc
import JSONText
import NetTypes
import PolicyKernel
import PolicyTools

enum PolicyEngineName: String, ExpressibleByArgument {
    case kernel
    case maps
    case evaluator
}

struct PolicyTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Check a file of expectations (kind PolicyTest) against policies.",
        discussion: """
            The shipped kernel programs judge, loaded for this run and attached to nothing; that needs root, but no
            cluster. Without the privilege the compiled map entries are looked up in user space, and the output says so.
            Exits with 1 where an expectation does not hold, 66 where a file cannot be read, 69 where the engine
            that was asked for cannot be had.
            """)

    @OptionGroup var sources: PolicySources
    @OptionGroup var services: ServiceRangeOptions

    @Argument(help: "Files of kind PolicyTest.")
    var tests: [String]

    @Option(
        help: """
            kernel: the shipped programs, or nothing; maps: their map entries in user space; evaluator: the direct
            reading of the API. Default: kernel, else maps.
            """)
    var engine: PolicyEngineName?

    @Option(help: "Also write the results as JUnit XML to this file; - for standard output, in place of the table.")
    var junit: String?

    func run() async throws {
        let blocks = try services.blocks()
        let all = try await sources.worldInPlace()
        let world = all.inForce
        for name in all.dryRuns { Terminal.error("\(name) is a dry run and enforces nothing: left out") }
        PolicySources.namePassed(world)
        try PolicySources.requireAcceptable(world)
        var expectations: [PolicyExpectation] = []
        for document in try PolicySources.read(tests) {
            do {
                expectations += try PolicyExpectation.read(document.body)
            } catch {
                Terminal.error("\(document.source): \(error)")
                throw ExitCode(66)
            }
        }
        if expectations.isEmpty {
            Terminal.error("no expectation in \(tests.joined(separator: ", ")): a PolicyTest is wanted there")
            throw ExitCode(66)
        }
        let (results, judge, reason) = try judge(expectations, world, blocks)
        var answer: JSONValue = [
            "engine": .string(judge), "pods": .integer(Int64(world.pods.count)), "items": .array(results.map(\.json)),
        ]
        if let reason { answer["kernelNotAsked"] = .string(reason) }
        let report = { JUnitText.print(results, suite: "martlet policy test (\(judge))") }
        if junit == "-" {
            if let reason { Terminal.error("the kernel was not asked, but \(judge): \(reason)") }
            print(report(), terminator: "")
        } else {
            sources.show(answer) { PolicyTestView(style: sources.style).text($0) }
            if let junit { try write(report(), to: junit) }
        }
        if results.contains(where: { !$0.faults.isEmpty }) { throw ExitCode(1) }
    }

    /// Results, the engine that gave them, and why it was not the kernel where that would have been the default.
    private func judge(
        _ expectations: [PolicyExpectation], _ world: PolicyWorld, _ services: [CIDR]
    ) throws -> ([PolicyTestRun.Result], String, String?) {
        let places = PodPlaces(world)
        let run = PolicyTestRun(world, places: places, services: services)
        if engine == .evaluator {
            let evaluator = EvaluatorEngine(world, places: places)
            return (expectations.map { run.check($0, evaluator) }, evaluator.name, nil)
        }
        var reason: String?
        if engine != .maps {
            do {
                let kernel = try KernelVerdictEngine(world, places: places)
                defer { kernel.close() }
                try refuse(kernel.problems)
                return (expectations.map { run.check($0, kernel) }, kernel.name, nil)
            } catch let code as ExitCode {
                throw code
            } catch {
                reason = "\(error)"
                if engine == .kernel {
                    Terminal.error("the kernel's programs cannot be asked: \(error)")
                    throw ExitCode(69)
                }
            }
        }
        let maps = MapsEngine(world, places: places)
        try refuse(maps.problems)
        return (expectations.map { run.check($0, maps) }, maps.name, reason)
    }

    private func refuse(_ problems: [PolicyMisfit]) throws {
        for problem in problems {
            Terminal.error(problem.text + (problem.isOfCluster ? "; what stands in for it is judged" : ""))
        }
        if problems.contains(where: { !$0.isOfCluster }) { throw ExitCode(1) }
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            Terminal.error("\(path): fopen: \(String(cString: strerror(errno)))")
            throw ExitCode(66)
        }
        let written = fputs(text, file)
        if fclose(file) != 0 || written < 0 {
            Terminal.error("\(path) cannot be written: \(String(cString: strerror(errno)))")
            throw ExitCode(66)
        }
    }
}
