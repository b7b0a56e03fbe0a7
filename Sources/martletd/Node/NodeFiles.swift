import CLinux
import FoundationEssentials
import Glibc

/// Files as the launcher needs them; blocking.
enum NodeFiles {
    static func makeDirectory(_ path: String) throws(NodeError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw NodeError(.system, "cannot make directory \(path)", cause: error)
        }
    }

    static func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws(NodeError) {
        try write(path, bytes: Array(text.utf8), mode: mode)
    }

    static func write(_ path: String, bytes: [UInt8], mode: mode_t = 0o644) throws(NodeError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .call("open \(path)", -errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw .call("write \(path)", -errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// Puts a new file in the old one's place: whoever reads finds one or the other, whole.
    static func replace(_ path: String, _ text: String, mode: mode_t = 0o644) throws(NodeError) {
        try write(path + ".new", text, mode: mode)
        guard rename(path + ".new", path) == 0 else { throw .call("rename \(path)", -errno) }
    }

    /// The text of a file; nil where it cannot be read.
    static func read(_ path: String) -> String? {
        (try? bytes(of: path)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// To the end: files of /proc come in pieces, each shorter than what was asked for.
    static func bytes(of path: String) throws(NodeError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .call("open \(path)", -errno) }
        defer { close(descriptor) }
        return try bytes(of: descriptor, named: path)
    }

    /// From where the descriptor stands. `path` is for the error.
    static func bytes(of descriptor: Int32, named path: String) throws(NodeError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .call("read \(path)", -errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func entries(_ directory: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    }

    static func link(_ path: String, to target: String) throws(NodeError) {
        _ = unlink(path)
        if symlink(target, path) != 0 { throw .call("symlink \(path)", -errno) }
    }

    /// Removes a tree that holds no mount.
    static func removeTree(_ path: String) throws(NodeError) {
        guard exists(path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            throw NodeError(.system, "cannot remove \(path)", cause: error)
        }
    }

    /// The path of this program.
    static func ownPath() throws(NodeError) -> String {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        } catch {
            throw NodeError(.system, "cannot read /proc/self/exe", cause: error)
        }
    }

    /// The path of another program of ours, which is installed beside this one.
    static func programBeside(_ name: String) throws(NodeError) -> String {
        try ownPath().split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + name
    }

    static func firstExisting(_ paths: [String]) -> String? { paths.first(where: exists) }
}

/// The lock that a living run holds. Released when the process ends, however it ends.
final class RunLock {
    private let descriptor: Int32

    /// Makes the lock of a run that begins. It has its name only once it is held, so that nobody takes the run for a
    /// dead one in between. Throws `busy` where there is a lock, held or not.
    init(creating path: String) throws(NodeError) {
        let unnamed = "\(path).\(getpid())"
        descriptor = open(unnamed, O_RDWR | O_CLOEXEC | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw .call("open \(unnamed)", -errno) }
        defer { _ = unlink(unnamed) }
        let result = clinux_lock_exclusive(descriptor)
        guard result == 0 else { throw .call("flock \(unnamed)", result) }
        guard link(unnamed, path) == 0 else {
            throw errno == EEXIST ? NodeError(.busy, "\(path) is there already") : .call("link \(path)", -errno)
        }
    }

    /// Takes the lock that a dead run left. Nil where a process holds it, or where there is none.
    init?(ofDead path: String) throws(NodeError) {
        for _ in 0..<16 {
            let descriptor = open(path, O_RDWR | O_CLOEXEC)
            if descriptor < 0, errno == ENOENT { return nil }
            guard descriptor >= 0 else { throw .call("open \(path)", -errno) }
            let result = clinux_lock_exclusive(descriptor)
            if result == -EWOULDBLOCK {
                close(descriptor)
                return nil
            }
            guard result == 0 else {
                close(descriptor)
                throw .call("flock \(path)", result)
            }
            if Self.isStill(descriptor, path) {
                self.descriptor = descriptor
                return
            }
            // Whoever held it has removed the file: it guards nothing.
            close(descriptor)
        }
        throw NodeError(.busy, "\(path) is replaced again and again")
    }

    deinit { close(descriptor) }

    private static func isStill(_ descriptor: Int32, _ path: String) -> Bool {
        var held = stat()
        var named = stat()
        return fstat(descriptor, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino
            && held.st_dev == named.st_dev
    }
}
