import FoundationEssentials
import Glibc
import JSONText
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization

/// Numbers exec sessions and bounds how many there are at a time.
final class ExecSessions: Sendable {
    private let state = Mutex((open: 0, next: UInt64(0)))

    func begin() throws(NodeAgentError) -> String {
        let number = state.withLock { state -> UInt64? in
            guard state.open < NodeAgentConfiguration.Limit.execSessions else { return nil }
            state.open += 1
            state.next += 1
            return state.next
        }
        guard let number else {
            throw NodeAgentError(
                .limit, "more than \(NodeAgentConfiguration.Limit.execSessions) commands run at a time on this node")
        }
        return "martlet-\(String(SystemClock.now().nanoseconds, radix: 36))-\(number)"
    }

    func end() { state.withLock { $0.open -= 1 } }
}

/// One command in a running container, by containerd's task service. Its streams are named pipes that containerd's
/// shim opens; nothing is buffered here but one chunk in each direction.
struct ExecSession: Sendable {
    let id: String
    let container: String
    let request: ExecRequest
    let connection: RuntimeConnection
    let folder: String
    let services: PodServices
    private static let tasks = "containerd.services.tasks.v1.Tasks"
    private static let callTimeout = Duration.seconds(30)
    /// A command may run for as long as its client stays.
    private static let waitTimeout = Duration.seconds(7 * 86400)

    private var stdinPath: String { request.stdin ? folder + "/stdin" : "" }
    private var stdoutPath: String { request.stdout || request.tty ? folder + "/stdout" : "" }
    private var stderrPath: String { request.stderr && !request.tty ? folder + "/stderr" : "" }

    func run(
        next: @escaping @Sendable () async throws -> ExecInput?,
        write: @escaping @Sendable (ExecOutput) async throws -> Void
    ) async throws -> Int32 {
        let (folder, stdinPath, stdoutPath, stderrPath) = (self.folder, stdinPath, stdoutPath, stderrPath)
        let pipes = try await services.blocking { () throws(NodeAgentError) -> ExecPipes in
            try ExecPipes(folder: folder, stdin: stdinPath, stdout: stdoutPath, stderr: stderrPath)
        }
        defer { pipes.remove() }
        let process = try await processSpec()
        try await create(process)
        do {
            let code = try await withThrowingTaskGroup(of: Happening.self) { group in
                group.addTask { .exited(try await wait()) }
                try await start()
                let code = try await pump(pipes, &group, next: next, write: write)
                group.cancelAll()
                return code
            }
            await delete()
            return code
        } catch {
            // The client's task may have been cancelled: cleaning up is not its business any more.
            services.background.add { [self] in
                await kill()
                await delete()
            }
            throw error
        }
    }

    private enum Happening: Sendable {
        case exited(Int32)
        case outputEnded
        case inputEnded
    }

    /// Moves bytes until the command has ended and all it wrote is delivered.
    private func pump(
        _ pipes: ExecPipes, _ group: inout ThrowingTaskGroup<Happening, any Error>,
        next: @escaping @Sendable () async throws -> ExecInput?,
        write: @escaping @Sendable (ExecOutput) async throws -> Void
    ) async throws -> Int32 {
        let (stdin, stdout, stderr) = pipes.started()
        var outputs = 0
        if let stdout {
            outputs += 1
            group.addTask {
                try await Self.read(stdout) { bytes in try await write(.stdout(bytes)) }
                return .outputEnded
            }
        }
        if let stderr {
            outputs += 1
            group.addTask {
                try await Self.read(stderr) { bytes in try await write(.stderr(bytes)) }
                return .outputEnded
            }
        }
        group.addTask {
            try await feed(stdin, next: next)
            return .inputEnded
        }
        var code: Int32?
        while code == nil || outputs > 0 {
            switch try await group.next() {
            case .exited(let value): code = value
            case .outputEnded: outputs -= 1
            case .inputEnded: continue
            case nil: throw NodeAgentError(.runtime, "exec: the command's end was not reported")
            }
        }
        return code ?? -1
    }

    // MARK: Streams

    private static func read(_ descriptor: Int32, _ write: @escaping @Sendable ([UInt8]) async throws -> Void)
        async throws
    {
        let channel = try await NIOPipeBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .takingOwnershipOfDescriptor(input: descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, Never>(wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, _ in
            for try await buffer in inbound { try await write(Array(buffer.readableBytesView)) }
        }
    }

    /// Takes what the client sends; throws when it has gone.
    private func feed(_ stdin: PipeWriter?, next: @Sendable () async throws -> ExecInput?) async throws {
        var stdin = stdin
        while let input = try await next() {
            switch input {
            case .bytes(let bytes):
                guard let writer = stdin else { continue }
                if try await !writer.write(bytes) { stdin = nil }
            case .endOfInput:
                // Our end closes with the writer, the shim's own by this call; then the command reads the end.
                stdin?.close()
                stdin = nil
                if request.stdin { try await closeInput() }
            case .resize(let width, let height): await resize(width, height)
            }
        }
        if Task.isCancelled { return }
        throw NodeAgentError(.invalidRequest, "exec: the client has gone")
    }

    // MARK: Calls

    /// The container's own process with other arguments.
    private func processSpec() async throws(NodeAgentError) -> [UInt8] {
        var get = ContainerdGetContainerRequest()
        get.id = container
        let record = try await connection.call(
            "containerd.services.containers.v1.Containers", "Get", get, timeout: Self.callTimeout,
            as: ContainerdGetContainerResponse.self)
        do {
            let spec = try JSONValue(parsing: Array(record.container.spec.value))
            var process = spec["process"] ?? .object([:])
            process["args"] = .array(request.command.map { .string($0) })
            process["terminal"] = .bool(request.tty)
            if request.tty {
                let environment = process["env"]?.array ?? []
                let hasTerm = environment.contains { $0.string?.hasPrefix("TERM=") == true }
                process["env"] = .array(environment + (hasTerm ? [] : ["TERM=xterm"]))
            }
            return JSONPrinter(escapesHTML: false).bytes(process)
        } catch {
            throw NodeAgentError(.runtime, "specification of container \(container)", cause: error)
        }
    }

    private func create(_ process: [UInt8]) async throws(NodeAgentError) {
        var exec = ContainerdExecProcessRequest()
        exec.containerID = container
        exec.execID = id
        exec.terminal = request.tty
        exec.stdin = stdinPath
        exec.stdout = stdoutPath
        exec.stderr = stderrPath
        exec.spec.typeURL = "types.containerd.io/opencontainers/runtime-spec/1/Process"
        exec.spec.value = Data(process)
        try await call("Exec", exec)
    }

    private func start() async throws(NodeAgentError) {
        var start = ContainerdStartRequest()
        start.containerID = container
        start.execID = id
        _ = try await connection.call(
            Self.tasks, "Start", start, timeout: Self.callTimeout, as: ContainerdStartResponse.self)
    }

    private func wait() async throws(NodeAgentError) -> Int32 {
        var wait = ContainerdWaitRequest()
        wait.containerID = container
        wait.execID = id
        let answer = try await connection.call(
            Self.tasks, "Wait", wait, timeout: Self.waitTimeout, as: ContainerdWaitResponse.self)
        return Int32(truncatingIfNeeded: answer.exitStatus)
    }

    private func closeInput() async throws(NodeAgentError) {
        var close = ContainerdCloseIORequest()
        close.containerID = container
        close.execID = id
        close.stdin = true
        do { try await call("CloseIO", close) } catch  where error.code == .notFound {}
    }

    private func resize(_ width: UInt16, _ height: UInt16) async {
        guard request.tty else { return }
        var resize = ContainerdResizePtyRequest()
        resize.containerID = container
        resize.execID = id
        resize.width = UInt32(width)
        resize.height = UInt32(height)
        // The terminal may have gone with its command.
        try? await call("ResizePty", resize)
    }

    private func kill() async {
        var kill = ContainerdKillRequest()
        kill.containerID = container
        kill.execID = id
        kill.signal = UInt32(SIGKILL)
        // It may have ended by itself.
        try? await call("Kill", kill)
    }

    /// Frees the process in the shim; it may need a moment after a kill.
    private func delete() async {
        var delete = ContainerdDeleteProcessRequest()
        delete.containerID = container
        delete.execID = id
        for _ in 0..<50 {
            do throws(NodeAgentError) {
                _ = try await connection.call(
                    Self.tasks, "DeleteProcess", delete, timeout: Self.callTimeout, as: ContainerdDeleteResponse.self)
                return
            } catch {
                if error.code == .notFound { return }
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func call(_ method: String, _ message: some SwiftProtobuf.Message) async throws(NodeAgentError) {
        _ = try await connection.call(
            Self.tasks, method, message, timeout: Self.callTimeout, as: ContainerdNothing.self)
    }
}
