/// What `GET …/pods/NAME/log` asks for.
package struct PodLogRequest: Hashable, Sendable {
    package var namespace: String
    package var pod: String
    package var container: String
    package var follow = false
    /// The run before the present one.
    package var previous = false
    package var timestamps = false
    package var tailLines: Int64?
    package var limitBytes: Int64?
    package var sinceSeconds: Int64?
    /// RFC 3339.
    package var sinceTime: String?
}

/// What `…/pods/NAME/exec` asks for.
package struct PodExecRequest: Hashable, Sendable {
    package var namespace: String
    package var pod: String
    package var container: String
    package var command: [String]
    package var stdin: Bool
    package var stdout: Bool
    package var stderr: Bool
    package var tty: Bool
}

/// What a client sends to a command.
package enum PodExecInput: Hashable, Sendable {
    case bytes([UInt8])
    /// Standard input ends; the command goes on.
    case endOfInput
    case resize(width: UInt16, height: UInt16)
}

/// What a command sends to its client.
package enum PodExecOutput: Hashable, Sendable {
    case stdout([UInt8])
    case stderr([UInt8])
}

/// Logs of, and commands in, running containers: implemented by the node agent, through an adapter of the daemon.
///
/// Both wait for `write`, so that a slow client slows the source; both end when their task is cancelled. A refusal that
/// the client shall see is thrown as an `APIStatus`; any other error becomes a Status with its text.
package protocol NodeStreams: Sendable {
    /// Ends at the log's end, or with `follow` when the container has ended.
    func logs(_ request: PodLogRequest, write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws

    /// Runs a command to its end and gives the exit code. `next` gives nil when the client has gone: the command is
    /// then killed.
    func exec(
        _ request: PodExecRequest, next: @escaping @Sendable () async throws -> PodExecInput?,
        write: @escaping @Sendable (PodExecOutput) async throws -> Void
    ) async throws -> Int32
}
