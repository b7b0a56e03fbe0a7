import Glibc

/// System calls on files, each failure with its errno and the call's name. All of them block.
enum FileCalls {
    static func failure(_ call: String, _ path: String) -> NodeAgentError {
        let number = errno
        return NodeAgentError(.system, "\(call) \(path): \(String(cString: strerror(number))) (errno \(number))")
    }

    /// Makes the folder and those above it.
    static func makeFolder(_ path: String, mode: UInt32 = 0o755) throws(NodeAgentError) {
        if mkdir(path, mode) == 0 || isFolder(path) { return }
        let number = errno
        if number == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeFolder(String(path[..<slash]), mode: 0o755)
            if mkdir(path, mode) == 0 || errno == EEXIST { return }
        }
        throw failure("mkdir", path)
    }

    static func isFolder(_ path: String) -> Bool { kind(path) == S_IFDIR }

    /// The file's type bits, following links; nil where there is nothing.
    static func kind(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    /// The file's bytes, at most `limit`; nil where it cannot be read.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let chunk = [UInt8](unsafeUninitializedCapacity: min(limit - bytes.count, 65536)) { buffer, count in
                count = max(0, Glibc.read(file, buffer.baseAddress, buffer.count))
            }
            if chunk.isEmpty { break }
            bytes += chunk
        }
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws(NodeAgentError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard file >= 0 else { throw failure("open", path) }
        defer { close(file) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: sent), $0.count - sent) }
            guard count > 0 else { throw failure("write", path) }
            sent += count
        }
        guard fchmod(file, mode) == 0 else { throw failure("fchmod", path) }
    }

    /// Replaces the file in one step.
    static func replace(_ path: String, with bytes: [UInt8], mode: UInt32) throws(NodeAgentError) {
        let temporary = path + ".new"
        try write(bytes, to: temporary, mode: mode)
        guard rename(temporary, path) == 0 else { throw failure("rename", path) }
    }

    static func names(in folder: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a tree without following links and without leaving the file system it begins in: a mount inside is
    /// detached first.
    static func removeTree(_ path: String) throws(NodeAgentError) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure("lstat", path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 || errno == ENOENT else { throw failure("unlink", path) }
            return
        }
        while isMountPoint(path) {
            guard umount2(path, Int32(MNT_DETACH)) == 0 else { throw failure("umount2", path) }
        }
        for name in names(in: path) { try removeTree(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure("rmdir", path) }
    }

    static func isMountPoint(_ path: String) -> Bool {
        var own = stat()
        var parent = stat()
        guard lstat(path, &own) == 0, lstat(path + "/..", &parent) == 0 else { return false }
        return own.st_dev != parent.st_dev
    }

    static func mountMemory(at path: String, bytes: Int64?) throws(NodeAgentError) {
        if isMountPoint(path) { return }
        let options = "mode=0777" + (bytes.map { ",size=\($0)" } ?? "")
        guard mount("tmpfs", path, "tmpfs", 0, options) == 0 else { throw failure("mount tmpfs", path) }
    }

    static func own(_ path: String, group: Int64?) throws(NodeAgentError) {
        guard let group else { return }
        guard lchown(path, uid_t.max, gid_t(truncatingIfNeeded: group)) == 0 else { throw failure("lchown", path) }
    }
}

/// The machine's clock.
package enum SystemClock {
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
