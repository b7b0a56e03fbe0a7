import CLinux
import DaemonAPI
import Glibc
import JSONText

/// The CNI plugin: validates what the container runtime says, asks the daemon, and writes the answer in the version
/// that was asked for. It keeps no state and makes nothing itself.
@main
struct Main {
    static func main() {
        let started = clinux_boottime_ns()
        let deadline = clinux_monotonic_ns() + DaemonCall.limitNanoseconds
        let input = readInput()
        do throws(DaemonError) {
            let environment = variables()
            let invocation = try CNIInvocation(environment: environment, input: input, started: started)
            if let answer = try Self.run(invocation, deadline: deadline) { write(answer) }
        } catch {
            var answer = error.json
            answer["cniVersion"] = .string(CNIInvocation.answerVersion(input: input).rawValue)
            write(answer)
            exit(1)
        }
    }

    /// The answer; nil where success says nothing.
    private static func run(_ invocation: CNIInvocation, deadline: Int64) throws(DaemonError) -> JSONValue? {
        let call = DaemonCall(path: invocation.socketPath, deadline: deadline)
        switch invocation.verb {
        case .add(let request):
            let result = try CNIResult(json: try call.perform(Request(.cniAdd, params: request.json)))
            return result.text(invocation.version)
        case .delete(let request):
            _ = try call.perform(Request(.cniDel, params: request.json))
        case .check(let request):
            _ = try call.perform(Request(.cniCheck, params: request.json))
        case .collect(let request):
            _ = try call.perform(Request(.cniGC, params: request.json))
        case .status:
            try status(call)
        case .version(let named):
            return [
                "cniVersion": .string(named),
                "supportedVersions": .array(CNIVersion.allCases.map { .string($0.rawValue) }),
            ]
        }
        return nil
    }

    /// A daemon that does not answer is, for STATUS, a network that is not available.
    private static func status(_ call: DaemonCall) throws(DaemonError) {
        do throws(DaemonError) {
            _ = try call.perform(Request(.cniStatus), waits: false)
        } catch {
            guard error.code == .tryAgainLater else { throw error }
            throw DaemonError(.unavailable, error.message, cause: error.cause)
        }
    }

    private static func variables() -> [String: String] {
        var found: [String: String] = [:]
        for name in ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"] {
            if let value = getenv(name) { found[name] = String(cString: value) }
        }
        return found
    }

    private static func readInput() -> [UInt8] {
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while input.count <= CNIInvocation.inputBytesMax {
            let count = read(0, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            input += buffer.prefix(count)
        }
        return input
    }

    private static func write(_ answer: JSONValue) {
        var rest = (answer.compactBytes + [10])[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { exit(1) }
            rest = rest.dropFirst(count)
        }
    }
}
