import Glibc

/// An open log file, which may have been renamed since. Its calls block.
final class LogFile: Sendable {
    private let descriptor: Int32
    let inode: UInt64

    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        inode = fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    deinit { close(descriptor) }

    func read(at offset: Int64, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
    }

    /// Whether another file stands at the path now.
    func isReplaced(at path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && UInt64(status.st_ino) != inode
    }
}

/// Keeps a container's log files within their limit: when the present one is full it is renamed, the runtime opens a
/// new one, and the oldest goes. Its calls block.
package enum LogRotation {
    /// Files of one run of a container, oldest first, the present one last.
    static func files(of path: String) -> [String] {
        guard let slash = path.lastIndex(of: "/") else { return [path] }
        let folder = String(path[..<slash])
        let name = String(path[path.index(after: slash)...])
        let old = FileCalls.names(in: folder).filter { $0.hasPrefix(name + ".") }.map { "\(folder)/\($0)" }
        return old + [path]
    }

    /// The new name of a full file; nil while it is not full.
    package static func rotate(_ path: String, now: Timestamp, limit: Int64, kept: Int) throws(NodeAgentError)
        -> String?
    {
        guard let size = FileCalls.size(path), size > limit else { return nil }
        let stamp = now.microText.filter { $0.isNumber }
        let target = "\(path).\(stamp)"
        guard rename(path, target) == 0 else { throw FileCalls.failure("rename", path) }
        let old = files(of: path).dropLast()
        for surplus in old.dropLast(kept - 1) { try FileCalls.removeTree(surplus) }
        return target
    }

    /// Puts a file back whose successor the runtime did not open.
    static func undo(_ renamed: String, path: String) {
        if FileCalls.size(path) == nil { _ = rename(renamed, path) }
    }
}
