import CLinux
import Glibc

/// Small files of the state directory: read whole, replaced whole.
enum StateFile {
    /// The text of a file; nil where there is none.
    static func read(_ path: String) throws(ServerError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    /// Replaces a file: a new one is written beside it and renamed, so that a reader sees the old or the new, and its
    /// name is on the disk when this returns.
    static func write(_ path: String, _ text: String, mode: UInt32) throws(ServerError) {
        let fresh = "\(path).new"
        unlink(fresh)
        let file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure("open", fresh) }
        defer { close(file) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw failure("write", fresh) }
            rest = rest.dropFirst(count)
        }
        guard fsync(file) == 0 else { throw failure("fsync", fresh) }
        guard rename(fresh, path) == 0 else { throw failure("rename", path) }
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let synced = clinux_sync_directory(directory)
        guard synced == 0 else { throw failure("fsync", directory, -synced) }
    }

    /// Makes a directory and those above it.
    static func makeDirectory(_ path: String) throws(ServerError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw failure("mkdir", made) }
        }
    }

    private static func failure(_ call: String, _ path: String, _ number: Int32 = errno) -> ServerError {
        ServerError(.file, "\(call) \(path): \(String(cString: strerror(number))) (errno \(number))")
    }
}
