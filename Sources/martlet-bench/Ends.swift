import ArgumentParser
import CLibbpf
import Glibc

/// The ends of measured connections, as commands: each is started in the network namespace that it is to be in.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give back each byte.", shouldDisplay: false)
    /// A server that everybody forgot ends by itself.
    static let secondsMax: UInt32 = 900

    @Option var port: UInt16

    func run() throws {
        alarm(Self.secondsMax)
        try Echo.serve(port: port)
    }
}

struct Ask: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measure one way.", shouldDisplay: false)
    static let clients = 8

    @Option var address: String
    @Option var port: UInt16
    @Option(help: "Of each of the three measures.") var milliseconds = 150

    /// Prints the median µs of a round trip and of a connect with a byte, and connections a second.
    func run() async throws {
        Echo.prefer()
        let seconds = Double(milliseconds) / 1e3
        let roundTrip = try Echo.roundTrip(address, port, seconds: seconds)
        let connect = try Echo.connect(address, port, seconds: seconds)
        let rate = try await Echo.rate(address, port, seconds: seconds, clients: Self.clients)
        print(roundTrip, connect, rate)
    }
}

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take UDP packets.", shouldDisplay: false)
    @Option var port: UInt16

    func run() throws {
        alarm(Serve.secondsMax)
        try Datagrams.drain(port: port)
    }
}

struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send UDP packets.", shouldDisplay: false)
    @Option var address: String
    @Option var port: UInt16
    @Option var count: Int
    @Option(help: "The pinned program whose time is measured.") var program: String
    @Flag(help: "Each packet is the first of a flow.") var new = false

    /// Prints the program's runs and its nanoseconds a run.
    func run() throws {
        let program = try KernelProgramTime(path: program)
        var before = KernelProgramTime.Reading()
        try Datagrams.send(address, port, count: count, isNew: new) { before = program.reading }
        let after = program.reading
        guard after.runs > before.runs else { throw BenchError("the program did not run") }
        print(
            after.runs - before.runs, Double(after.nanoseconds - before.nanoseconds) / Double(after.runs - before.runs))
    }
}
