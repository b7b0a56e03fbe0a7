import Glibc
import Synchronization

/// The named pipes of one command. Until the command runs, a keeper holds both ends of each open, so that nobody sees
/// an end that is none.
final class ExecPipes: Sendable {
    private struct State {
        var keepers: [Int32] = []
        var stdin: Int32?
        var stdout: Int32?
        var stderr: Int32?
    }

    private let folder: String
    private let state: Mutex<State>
    private static let pipeBytes: Int32 = 1 << 20
    /// F_SETPIPE_SZ of fcntl(2).
    private static let setPipeSize: Int32 = 1031

    /// Empty paths: no such stream. Blocks.
    init(folder: String, stdin: String, stdout: String, stderr: String) throws(NodeAgentError) {
        self.folder = folder
        try FileCalls.makeFolder(folder, mode: 0o700)
        var made = State()
        do {
            if !stdin.isEmpty { made.stdin = try Self.make(stdin, O_WRONLY, &made.keepers) }
            if !stdout.isEmpty { made.stdout = try Self.make(stdout, O_RDONLY, &made.keepers) }
            if !stderr.isEmpty { made.stderr = try Self.make(stderr, O_RDONLY, &made.keepers) }
        } catch {
            Self.close(made)
            throw error
        }
        state = Mutex(made)
    }

    deinit { state.withLock { Self.close($0) } }

    private static func close(_ state: State) {
        for descriptor in state.keepers + [state.stdin, state.stdout, state.stderr].compactMap({ $0 }) {
            Glibc.close(descriptor)
        }
    }

    private static func make(_ path: String, _ flags: Int32, _ keepers: inout [Int32]) throws(NodeAgentError) -> Int32 {
        guard mkfifo(path, 0o600) == 0 else { throw FileCalls.failure("mkfifo", path) }
        let keeper = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard keeper >= 0 else { throw FileCalls.failure("open", path) }
        keepers.append(keeper)
        // More room means fewer switches; the kernel's limit for others than root may forbid it.
        _ = fcntl(keeper, Self.setPipeSize, Self.pipeBytes)
        let own = open(path, flags | O_NONBLOCK | O_CLOEXEC)
        guard own >= 0 else { throw FileCalls.failure("open", path) }
        return own
    }

    /// The command runs and holds its ends: hands over ours, and lets the keepers go.
    func started() -> (stdin: PipeWriter?, stdout: Int32?, stderr: Int32?) {
        state.withLock { state in
            for keeper in state.keepers { Glibc.close(keeper) }
            let result = (state.stdin.map { PipeWriter($0) }, state.stdout, state.stderr)
            state = State()
            return result
        }
    }

    /// Blocks for a moment.
    func remove() {
        for name in FileCalls.names(in: folder) { unlink(folder + "/" + name) }
        rmdir(folder)
    }
}

/// The writing end of a pipe.
final class PipeWriter: Sendable {
    private let descriptor: Mutex<Int32>
    private static let firstPause = Duration.microseconds(200)
    private static let longestPause = Duration.milliseconds(5)

    init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { close() }

    func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    /// Writes all; waits while the pipe is full. False: nobody reads any more.
    func write(_ bytes: [UInt8]) async throws -> Bool {
        var sent = 0
        var pause = Self.firstPause
        while sent < bytes.count {
            let (count, number) = descriptor.withLock { descriptor in
                let count = bytes.withUnsafeBytes {
                    Glibc.write(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent)
                }
                return (count, errno)
            }
            if count > 0 {
                sent += count
                pause = Self.firstPause
            } else if count < 0 && number == EAGAIN {
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            } else if count < 0 && number == EINTR {
                continue
            } else {
                close()
                return false
            }
        }
        return true
    }
}
