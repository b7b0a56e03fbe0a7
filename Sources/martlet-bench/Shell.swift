import BenchReport
import Glibc

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Other programs, and time.
enum Shell {
    /// What the command wrote. Throws what it wrote where it did not end with 0.
    @discardableResult
    static func run(_ command: String) throws -> String { try Running(command).wait() }

    /// The first line of what the command wrote; empty where it wrote nothing or failed.
    static func line(_ command: String) -> String {
        (try? run(command))?.split(separator: "\n").first.map(String.init) ?? ""
    }

    /// A command that goes on. `wait` returns when it has ended; `end` ends it.
    final class Running {
        private let command: String
        private let pid: pid_t
        private let output: Int32

        init(_ command: String) throws {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw BenchError("no pipe: \(String(cString: strerror(errno)))") }
            defer { close(ends[1]) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            self.command = command
            output = ends[0]
            pid = try Shell.start(["/bin/sh", "-c", command], environment: nil, input: "/dev/null", output: ends[1])
        }

        deinit { close(output) }

        func wait() throws -> String {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(output, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                text += buffer[..<count]
            }
            let words = String(decoding: text, as: UTF8.self)
            guard Shell.status(of: pid) == 0 else { throw BenchError("\(command): \(words)") }
            return words
        }

        /// Ends a command that heeds SIGTERM by ending well, and returns what it wrote.
        func finish() throws -> String {
            kill(pid, SIGTERM)
            return try wait()
        }

        /// A command that begins with `exec` is the process that ends.
        func end() {
            kill(pid, SIGTERM)
            _ = Shell.status(of: pid)
        }
    }

    /// Runs a program with a file as its input and returns how it ended: no shell between, so that its time is its own.
    static func spawn(_ path: String, environment: [String], input: String, output: String) throws -> Int32 {
        let file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw BenchError("cannot write \(output)") }
        defer { close(file) }
        return status(of: try start([path], environment: environment, input: input, output: file))
    }

    private static func start(_ words: [String], environment: [String]?, input: String, output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
        for end in [STDOUT_FILENO, STDERR_FILENO] { posix_spawn_file_actions_adddup2(&actions, output, end) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = (environment ?? []).map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let result =
            environment == nil
            ? posix_spawn(&pid, words[0], &actions, nil, &arguments, environ)
            : posix_spawn(&pid, words[0], &actions, nil, &arguments, &variables)
        guard result == 0 else { throw BenchError("cannot run \(words[0]): \(String(cString: strerror(result)))") }
        return pid
    }

    private static func status(of pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { if errno != EINTR { return -1 } }
        return status
    }

    static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else {
            throw BenchError("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { throw BenchError("cannot write \(path)") }
    }

    /// Nil where the file is not there.
    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// A line to standard output, at once: a run that is cut off has shown what it found.
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    /// Microseconds of the monotonic clock.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }

    /// Tries until `body` answers; nil past the deadline.
    static func poll<Value>(seconds: Double, _ body: () throws -> Value?) -> Value? {
        let end = now + seconds * 1e6
        repeat {
            if let value = try? body() { return value }
            usleep(1_000)
        } while now < end
        return nil
    }
}
