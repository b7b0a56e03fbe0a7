import Glibc

/// Keeps a run's logs within a limit: a full one is copied to `NAME.1`, over the copy before, and emptied. Its writer
/// appends and goes on; what it writes between copy and emptying is lost.
enum LogCut {
    static let bytesMax = 10 << 20

    /// Returns whether the file was full.
    @discardableResult
    static func apply(_ path: String, limit: Int = bytesMax) throws(NodeError) -> Bool {
        var facts = stat()
        guard stat(path, &facts) == 0, facts.st_size > limit else { return false }
        try NodeFiles.write(path + ".1", bytes: try NodeFiles.bytes(of: path), mode: 0o600)
        guard truncate(path, 0) == 0 else { throw .call("truncate \(path)", -errno) }
        return true
    }
}
