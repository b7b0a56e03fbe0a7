/// What `GET …/pods/NAME/log` asks for.
package struct LogRequest: Hashable, Sendable {
    package var namespace: String
    package var pod: String
    /// Empty: the pod's only container.
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

    package init(namespace: String, pod: String, container: String) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
    }
}

/// What `POST …/pods/NAME/exec` asks for.
package struct ExecRequest: Hashable, Sendable {
    package var namespace: String
    package var pod: String
    /// Empty: the pod's only container.
    package var container: String
    package var command: [String]
    package var stdin = false
    package var stdout = true
    package var stderr = true
    package var tty = false

    package init(namespace: String, pod: String, container: String, command: [String]) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.command = command
    }
}

/// What a client sends to a command. The caller is asked for the next one only when the last has been taken.
package enum ExecInput: Hashable, Sendable {
    case bytes([UInt8])
    /// Standard input ends; the command goes on.
    case endOfInput
    case resize(width: UInt16, height: UInt16)
}

/// What a command sends to its client.
package enum ExecOutput: Hashable, Sendable {
    case stdout([UInt8])
    case stderr([UInt8])
}

/// Logs of, and commands in, the containers of this node. Both wait for `write`, so that a slow client slows the
/// source and nothing piles up. Cancelling the task ends them (and kills the command).
package protocol PodStreams: Sendable {
    /// Ends at the log's end, or with `follow` when the container has ended.
    func logs(_ request: LogRequest, write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws
    /// The exit code. `next` gives nil when the client has gone: the command is then killed.
    func exec(
        _ request: ExecRequest, next: @escaping @Sendable () async throws -> ExecInput?,
        write: @escaping @Sendable (ExecOutput) async throws -> Void
    ) async throws -> Int32
}
