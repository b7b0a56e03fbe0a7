import ArgumentParser
import CommandLineUI
import DaemonAPI
import Glibc
import JSONText

enum OutputFormat: String, ExpressibleByArgument {
    case table
    case json
}

/// Where the daemon is, and how its answers are shown.
struct DaemonOptions: ParsableArguments {
    @Option(help: "The daemon's socket. Default: MARTLET_SOCKET, else /run/martlet/martletd.sock.")
    var socket: String?

    @Option(help: "A node made by martletd node start: /run/martlet/ID/martletd.sock.")
    var id: String?

    @Option(name: [.short, .customLong("output")], help: "table or json.")
    var output: OutputFormat = .table

    var path: String { Self.path(socket: socket, id: id) }

    static func path(socket: String?, id: String?) -> String {
        if let socket { return socket }
        if let id { return "/run/martlet/\(id)/martletd.sock" }
        if let value = getenv("MARTLET_SOCKET") { return String(cString: value) }
        return "/run/martlet/martletd.sock"
    }

    var style: Style { Style(isColoured: isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil) }

    /// Asks the daemon; a daemon that does not answer ends the program with 69.
    func ask(_ method: DaemonAPI.Method, _ params: JSONValue = [:]) throws -> JSONValue {
        do throws(DaemonError) {
            return try DaemonSocket(path: path).call(Request(method, params: params))
        } catch {
            throw Self.fail(error)
        }
    }

    /// Asks what takes the daemon no time: one that is stopped ends the program within seconds, with 69. What was
    /// asked wrongly ends it with 64, what is not there with 66.
    func askShortly(_ method: DaemonAPI.Method, _ params: JSONValue) throws -> JSONValue {
        do throws(DaemonError) {
            let request = Request(method, params: params)
            return try DaemonSocket(path: path).call(request, secondsMax: DaemonSocket.questionSecondsMax)
        } catch {
            let code = Self.fail(error)
            switch error.code {
            case .decodingFailure: throw ExitCode(64)
            case .notFound: throw ExitCode(66)
            case .incompatibleVersion, .unsupportedField, .unknownContainer, .invalidEnvironment, .ioFailure,
                .invalidConfiguration, .tryAgainLater, .unavailable, .limitedConnectivity, .internalFailure,
                .unknownMethod, .tooLarge, .stateMismatch:
                throw code
            }
        }
    }

    static func fail(_ error: DaemonError) -> ExitCode {
        Terminal.error(error.cause.isEmpty ? error.message : "\(error.message): \(error.cause)")
        return error.code == .tryAgainLater ? ExitCode(69) : ExitCode(1)
    }

    /// JSON as it came, or what `table` makes of it.
    func show(_ value: JSONValue, _ table: (JSONValue) -> String) {
        switch output {
        case .json: print(value.prettyText)
        case .table: print(table(value), terminator: "")
        }
    }
}

enum Terminal {
    /// A line at once, not when a buffer is full.
    static func line(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }

    static func error(_ text: String) {
        let line = Array("martlet: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
