import APIMachinery
import APIServer
import NodeAgent

/// Binds the API server's `log` and `exec` to this node's agent.
struct NodeStreamsAdapter: NodeStreams {
    let streams: any PodStreams

    func logs(_ request: PodLogRequest, write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
        var asked = LogRequest(namespace: request.namespace, pod: request.pod, container: request.container)
        asked.follow = request.follow
        asked.previous = request.previous
        asked.timestamps = request.timestamps
        asked.tailLines = request.tailLines
        asked.limitBytes = request.limitBytes
        asked.sinceSeconds = request.sinceSeconds
        asked.sinceTime = request.sinceTime
        do {
            try await streams.logs(asked, write: write)
        } catch let error as NodeAgentError {
            throw Self.answer(error)
        }
    }

    /// What the client can put right is its own mistake in the answer's code.
    private static func answer(_ error: NodeAgentError) -> any Error {
        error.code == .invalidRequest ? APIStatus.badRequest(error.message) : error
    }

    func exec(
        _ request: PodExecRequest, next: @escaping @Sendable () async throws -> PodExecInput?,
        write: @escaping @Sendable (PodExecOutput) async throws -> Void
    ) async throws -> Int32 {
        var asked = ExecRequest(
            namespace: request.namespace, pod: request.pod, container: request.container, command: request.command)
        asked.stdin = request.stdin
        asked.stdout = request.stdout
        asked.stderr = request.stderr
        asked.tty = request.tty
        do {
            return try await streams.exec(
                asked,
                next: {
                    switch try await next() {
                    case .bytes(let bytes): .bytes(bytes)
                    case .endOfInput: .endOfInput
                    case .resize(let width, let height): .resize(width: width, height: height)
                    case nil: nil
                    }
                },
                write: { output in
                    switch output {
                    case .stdout(let bytes): try await write(.stdout(bytes))
                    case .stderr(let bytes): try await write(.stderr(bytes))
                    }
                })
        } catch let error as NodeAgentError {
            throw Self.answer(error)
        }
    }
}
