import CLinux
import Glibc
package import MapLayout

/// The ids that the kernel's maps hold, on disk: classes, lists, rules, endpoint and service numbers by key. Appended
/// and synced before what they name is written to a map, so that a new daemon recompiles onto what is there.
///
/// The file is lines `crc TAB key TAB value`; a line without value removes its key. A torn last line is dropped; a bad
/// line before it is an error. It is rewritten whole when it holds `garbageFactor` times more lines than keys.
package struct IDJournal: ~Copyable {
    static let garbageFactor = 8
    static let rewriteLinesMin = 4_096

    package private(set) var entries: [String: String]
    private let path: String
    private var file: Int32
    private var lines: Int
    /// Of the file, all of them whole lines.
    private var length: Int
    /// Whether `entries` has what the file has not: the next append writes it anew.
    private var isBehind = false

    /// Reads the journal at `path`, or makes an empty one. Throws `journal` where it is corrupt: nothing is
    /// overwritten.
    package init(path: String) throws(AgentError) {
        let text = try Self.readFile(path)
        let (entries, lines, sound) = try Self.parse(text, path: path)
        let file = try Self.openForAppending(path, soundBytes: sound, cutting: sound < text.count)
        self.path = path
        self.entries = entries
        self.lines = lines
        self.file = file
        length = sound
    }

    deinit { close(file) }

    /// Appends and syncs. What could not be written is kept, and goes to the disk with the next call.
    package mutating func append(_ changes: [JournalEntry]) throws(AgentError) {
        if changes.isEmpty, !isBehind { return }
        var bytes: [UInt8] = []
        for change in changes {
            bytes += Self.line(change)
            entries[change.key] = change.value
        }
        if isBehind { return try rewrite() }
        do throws(AgentError) {
            try Self.writeAll(file, bytes, path)
            guard fdatasync(file) == 0 else { throw Self.failure("fdatasync", path) }
        } catch {
            // A piece of a line (a full disk) must not stand before the next one.
            _ = ftruncate(file, off_t(length))
            isBehind = true
            throw error
        }
        length += bytes.count
        lines += changes.count
        if lines > Self.rewriteLinesMin, lines > entries.count * Self.garbageFactor { try rewrite() }
    }

    /// Forgets everything: after a change of boot id nothing of the kernel's is left.
    package mutating func clear() throws(AgentError) {
        entries = [:]
        try rewrite()
    }

    private mutating func rewrite() throws(AgentError) {
        let fresh = path + ".new"
        let out = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard out >= 0 else { throw Self.failure("open", fresh) }
        var bytes: [UInt8] = []
        for (key, value) in entries { bytes += Self.line(JournalEntry(key, value)) }
        do throws(AgentError) {
            try Self.writeAll(out, bytes, fresh)
            guard fsync(out) == 0 else { throw Self.failure("fsync", fresh) }
            guard rename(fresh, path) == 0 else { throw Self.failure("rename", path) }
        } catch {
            close(out)
            throw error
        }
        let former = file
        defer { close(former) }
        file = out
        lines = entries.count
        length = bytes.count
        // Until its name is on the disk too, a crash may bring the old file back.
        isBehind = true
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let synced = clinux_sync_directory(directory.isEmpty ? "." : directory)
        guard synced == 0 else { throw Self.failure("fsync", directory, code: -synced) }
        isBehind = false
    }

    // MARK: Text

    static func line(_ entry: JournalEntry) -> [UInt8] {
        let body = entry.value.map { "\(entry.key)\t\($0)" } ?? entry.key
        return Array("\(checksum(body.utf8))\t\(body)\n".utf8)
    }

    /// The entries, how many lines they took, and how many bytes of the text are sound.
    static func parse(_ text: [UInt8], path: String) throws(AgentError)
        -> (entries: [String: String], lines: Int, sound: Int)
    {
        var entries: [String: String] = [:]
        var lines = 0
        var start = 0
        while let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let fields = String(decoding: text[start..<end], as: UTF8.self)
                .split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            guard fields.count == 2, fields[0] == checksum(fields[1].utf8) else {
                if text[(end + 1)...].isEmpty { break }
                throw AgentError(.journal, "\(path): line \(lines + 1) is damaged; restore it or remove the file")
            }
            let parts = fields[1].split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            entries[String(parts[0])] = parts.count == 2 ? String(parts[1]) : nil
            lines += 1
            start = end + 1
        }
        return (entries, lines, start)
    }

    /// FNV-1a over 32 bits, in hexadecimal.
    private static func checksum(_ bytes: some Sequence<UInt8>) -> String {
        String(bytes.reduce(UInt32(0x811c_9dc5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }, radix: 16)
    }

    // MARK: Files

    private static func openForAppending(_ path: String, soundBytes: Int, cutting: Bool) throws(AgentError) -> Int32 {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0o600)
        guard file >= 0 else { throw failure("open", path) }
        if cutting, ftruncate(file, off_t(soundBytes)) != 0 {
            let error = failure("ftruncate", path)
            close(file)
            throw error
        }
        return file
    }

    private static func readFile(_ path: String) throws(AgentError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        if file < 0 {
            if errno == ENOENT { return [] }
            throw failure("open", path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &chunk, chunk.count)
            if count < 0 { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }

    private static func writeAll(_ file: Int32, _ bytes: [UInt8], _ path: String) throws(AgentError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("write", path)
            }
            done += count
        }
    }

    private static func failure(_ call: String, _ path: String, code: Int32 = errno) -> AgentError {
        AgentError(.journal, "\(path): \(call): errno \(code) (\(String(cString: strerror(code))))")
    }
}
