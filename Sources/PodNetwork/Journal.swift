import CLinux
import DaemonAPI
import Glibc
import JSONText
import Netlink

/// The file that the attachments are written to before they exist: appended, and on disk (fdatasync) when a call
/// returns. One daemon holds it at a time (the state directory's lock sees to that). Blocking.
package final class Journal {
    /// Lines that say nothing any more, after which the file is written anew.
    package static let deadLinesMax = 4_096

    private let directory: String
    private let limit: Int
    private let path: String
    private var descriptor: Int32 = -1
    private var deadLines = 0
    /// Bytes of whole lines.
    private var length = 0
    /// What the file says.
    package private(set) var state: JournalState

    /// Reads `attachments.journal` in `directory` (which must exist), or begins one. Throws `ioFailure` where it cannot
    /// be read or is corrupt; it is left as it is then.
    /// `deadLinesMax`: see there.
    package init(directory: String, deadLinesMax: Int = Journal.deadLinesMax) throws(PodNetworkError) {
        self.directory = directory
        limit = deadLinesMax
        path = directory + "/attachments.journal"
        state = try JournalState(parsing: try Self.read(path))
        try rewrite()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends, and returns when it is on disk.
    package func append(_ entry: JournalEntry) throws(PodNetworkError) {
        if deadLines >= limit { try rewrite() }
        let line = entry.json.compactBytes + [10]
        do throws(PodNetworkError) {
            try Self.write(descriptor, line, path)
            if fdatasync(descriptor) != 0 { throw PodNetworkError.system("fdatasync \(path)", errno) }
        } catch {
            // A piece of a line (a full disk) must not stand before the next one.
            _ = ftruncate(descriptor, off_t(length))
            throw error
        }
        length += line.count
        state.apply(entry)
        deadLines += 1
    }

    /// The journal of another boot: every record's addresses are free, and links of that name are gone.
    package func restart(boot: String) throws(PodNetworkError) {
        var fresh = JournalState()
        fresh.boot = boot
        for address in state.freed.keys { fresh.freed[address] = 0 }
        for record in state.records.values { for address in record.addresses { fresh.freed[address] = 0 } }
        state = fresh
        try rewrite()
    }

    /// Writes the shortest form beside the old one, and puts it in its place.
    private func rewrite() throws(PodNetworkError) {
        let temporary = path + ".new"
        let fresh = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard fresh >= 0 else { throw .system("open \(temporary)", errno) }
        var bytes: [UInt8] = []
        do throws(PodNetworkError) {
            for entry in state.entries { bytes += entry.json.compactBytes + [10] }
            try Self.write(fresh, bytes, temporary)
            if fdatasync(fresh) != 0 { throw PodNetworkError.system("fdatasync \(temporary)", errno) }
            if rename(temporary, path) != 0 { throw PodNetworkError.system("rename \(temporary)", errno) }
            let synced = clinux_sync_directory(directory)
            if synced != 0 { throw PodNetworkError.system("fsync \(directory)", -synced) }
        } catch {
            close(fresh)
            throw error
        }
        if descriptor >= 0 { close(descriptor) }
        descriptor = fresh
        length = bytes.count
        deadLines = 0
    }

    private static func read(_ path: String) throws(PodNetworkError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return [] }
        guard descriptor >= 0 else { throw .system("open \(path)", errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { throw .system("read \(path)", errno) }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
        }
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8], _ path: String) throws(PodNetworkError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { throw .system("write \(path)", errno) }
            rest = rest.dropFirst(count)
        }
    }
}

extension PodNetworkError {
    static func system(_ call: String, _ number: Int32) -> PodNetworkError {
        PodNetworkError(.ioFailure, "\(call): \(errnoText(number)) (errno \(number))")
    }
}
