import ArgumentParser
import BenchReport
import CLibbpf
import Glibc

/// The ends of measured connections, as commands: each is started in the network namespace that it is to be in.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give back each byte.", shouldDisplay: false)
    /// A server that everybody forgot ends by itself.
    static let secondsMax: UInt32 = 900

    @Option var port: UInt16
    @Flag(help: "Each UDP packet, instead of the bytes of connections.") var datagrams = false

    func run() throws {
        alarm(Self.secondsMax)
        if datagrams { try Datagrams.serve(port: port, isEcho: true) }
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
    static let configuration = CommandConfiguration(
        abstract: "Take UDP packets, and answer those that ask for it.", shouldDisplay: false)
    @Option var port: UInt16
    @Flag(help: "Connections instead, which are kept open.") var connections = false

    func run() throws {
        alarm(Serve.secondsMax)
        if connections { try Datagrams.keepConnections(port: port) }
        try Datagrams.serve(port: port, isEcho: false)
    }
}

struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send UDP packets.", shouldDisplay: false)
    @Option var address: String
    @Option var port: UInt16
    @Option(help: "The source port, or the first of them.") var from: UInt16
    @Option var count: Int
    @Option(help: "The pinned program whose time is measured, too.") var program: String?
    @Flag(help: "Each packet is the first of a flow, from the next source port.") var new = false

    /// Prints the median nanoseconds of a send, and of a run of the program: the median of laps, which an interrupt now
    /// and then does not move.
    func run() throws {
        Echo.prefer()
        let program = try program.map { try KernelProgramTime(path: $0) }
        var readings: [KernelProgramTime.Reading] = []
        let times = try Datagrams.send(address, port, from: from, count: count, isNew: new) {
            if let program { readings.append(program.reading) }
        }
        guard program != nil else {
            print(Figure.median(times))
            return
        }
        let laps = zip(readings, readings.dropFirst()).filter { $1.runs > $0.runs }.map {
            Double($1.nanoseconds - $0.nanoseconds) / Double($1.runs - $0.runs)
        }
        guard !laps.isEmpty else { throw BenchError("the program did not run") }
        print(Figure.median(times), Figure.median(laps))
    }
}

struct Flows: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Keep flows open.", shouldDisplay: false)
    /// Connections are looked at for so long.
    static let secondsMax = 30.0

    @Option var address: String
    @Option var port: UInt16
    @Option(help: "The first source port.") var from: UInt16
    @Option var count: Int
    @Flag(help: "Connections that say nothing, instead of UDP that asks in turn.") var connections = false

    func run() throws {
        alarm(Serve.secondsMax)
        if connections {
            try OpenFlows.hold(address, port, from: from, count: count, seconds: Self.secondsMax)
        } else {
            try OpenFlows.ask(address, port, from: from, count: count)
        }
    }
}
