import Glibc

/// Reads the files of one run of a container one after the other, and goes over to the next when a file was rotated
/// away. Its calls block.
package struct LogReader: Sendable {
    private let path: String
    private var file: LogFile?
    private var position: Int64 = 0
    private static let chunkBytes = 65536

    package init(_ path: String, tailLines: Int64?) {
        self.path = path
        let files = LogRotation.files(of: path)
        guard let tailLines else {
            file = files.lazy.compactMap { LogFile($0) }.first
            return
        }
        var left = max(tailLines, 0)
        for name in files.reversed() {
            guard let opened = LogFile(name) else { continue }
            let lines = LogTail.lines(of: opened)
            file = opened
            position = LogTail.offset(of: name, lines: min(left, lines))
            if lines >= left { return }
            left -= lines
            position = 0
        }
    }

    /// The next bytes; empty where there are none for now.
    package mutating func read() -> [UInt8] {
        guard let file else {
            self.file = LogFile(path)
            return self.file == nil ? [] : read()
        }
        let bytes = file.read(at: position, count: Self.chunkBytes)
        if !bytes.isEmpty {
            position += Int64(bytes.count)
            return bytes
        }
        guard file.isReplaced(at: path) else { return [] }
        // Written between the last read and the rename.
        let rest = file.read(at: position, count: Self.chunkBytes)
        if !rest.isEmpty {
            position += Int64(rest.count)
            return rest
        }
        guard let next = successor(of: file) else { return [] }
        self.file = next
        position = 0
        return next.read(at: 0, count: Self.chunkBytes).isEmpty ? [] : read()
    }

    /// The file after this one in age; the oldest that is left where this one has been removed.
    private func successor(of file: LogFile) -> LogFile? {
        let files = LogRotation.files(of: path).compactMap { LogFile($0) }
        guard let index = files.firstIndex(where: { $0.inode == file.inode }) else { return files.first }
        return index + 1 < files.count ? files[index + 1] : nil
    }
}
