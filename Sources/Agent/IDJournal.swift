import CLinux
import Glibc
package import MapLayout

/// The ids that the kernel's maps hold, in a file: classes, lists, rules, endpoint and service numbers by key. Appended
/// before what they name is written to a map, so that a new daemon recompiles onto what is there.
///
/// It lives as long as the maps do: what is appended outlives the daemon, however that ends, and is not synced. Where
/// the machine ends, the maps end with it, and under another boot id the journal begins anew whatever is in the file.
///
/// The file is lines `crc TAB key TAB value`, the first of them with the boot id; a line without value removes its key.
/// A torn last line is dropped; a bad line before it is an error. It is rewritten whole, and synced, when it holds
/// `garbageFactor` times more lines than keys.
package struct IDJournal: ~Copyable {
    static let garbageFactor = 8
    static let rewriteLinesMin = 4_096
    private static let bootKey = "boot"

    package private(set) var entries: [String: String]
    private let path: String
    private let bootID: String
    private var file: Int32
    private var lines: Int
    /// Of the file, all of them whole lines.
    private var length: Int
    /// Whether `entries` has what the file has not: the next append writes it anew.
    private var isBehind: Bool

    /// Reads the journal at `path`. Of another boot, or where there is none, it is empty, and the first `append` writes
    /// it anew. Throws `journal` where it is corrupt: nothing is overwritten.
    package init(path: String, bootID: String) throws(AgentError) {
        let text = try Self.readFile(path)
        var found = Self.parse(text)
        let boot = found.entries.removeValue(forKey: Self.bootKey)
        let isOfThisBoot = boot == bootID
        if isOfThisBoot || boot == nil, let line = found.damagedLine {
            throw AgentError(.journal, "\(path): line \(line) is damaged; restore it or remove the file")
        }
        let isTorn = isOfThisBoot && found.soundBytes < text.count
        let file = try Self.openForAppending(path, soundBytes: found.soundBytes, cutting: isTorn)
        self.path = path
        self.bootID = bootID
        self.file = file
        entries = isOfThisBoot ? found.entries : [:]
        lines = found.lines
        length = found.soundBytes
        isBehind = !isOfThisBoot
    }

    deinit { close(file) }

    /// What could not be written is kept, and goes to the file with the next call.
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

    private mutating func rewrite() throws(AgentError) {
        let fresh = path + ".new"
        let out = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard out >= 0 else { throw Self.failure("open", fresh) }
        var bytes = Self.line(JournalEntry(Self.bootKey, bootID))
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
        lines = entries.count + 1
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
        line(entry.value.map { "\(entry.key)\t\($0)" } ?? entry.key)
    }

    static func line(_ body: String) -> [UInt8] { Array("\(checksum(body.utf8))\t\(body)\n".utf8) }

    struct Content {
        var entries: [String: String] = [:]
        /// How many lines the entries took.
        var lines = 0
        /// Of the text, up to where it is sound.
        var soundBytes = 0
        /// The first bad line with others behind it.
        var damagedLine: Int?
    }

    static func parse(_ text: [UInt8]) -> Content {
        var content = Content()
        while let end = text[content.soundBytes...].firstIndex(of: UInt8(ascii: "\n")) {
            guard let body = soundBody(text[content.soundBytes..<end]) else {
                if !text[(end + 1)...].isEmpty { content.damagedLine = content.lines + 1 }
                break
            }
            let cut = body.firstIndex(of: tab)
            let key = String(decoding: body[..<(cut ?? end)], as: UTF8.self)
            content.entries[key] = cut.map { String(decoding: body[($0 + 1)...], as: UTF8.self) }
            content.lines += 1
            content.soundBytes = end + 1
        }
        return content
    }

    private static let tab = UInt8(ascii: "\t")

    /// What follows a line's checksum; nil where that is another.
    static func soundBody(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let cut = line.firstIndex(of: tab) else { return nil }
        let body = line[(cut + 1)...]
        return String(decoding: line[..<cut], as: UTF8.self) == checksum(body) ? body : nil
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

    static func readFile(_ path: String) throws(AgentError) -> [UInt8] {
        // What is no file, a FIFO say, must not make a start wait.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        if file < 0 {
            if errno == ENOENT { return [] }
            throw failure("open", path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("fstat", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw AgentError(.journal, "\(path) is not a file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &chunk, chunk.count)
            if count < 0 { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }

    static func writeAll(_ file: Int32, _ bytes: [UInt8], _ path: String) throws(AgentError) {
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

    static func failure(_ call: String, _ path: String, code: Int32 = errno) -> AgentError {
        AgentError(.journal, "\(path): \(call): errno \(code) (\(String(cString: strerror(code))))")
    }
}
