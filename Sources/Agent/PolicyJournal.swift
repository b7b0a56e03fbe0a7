import CLinux
import Glibc
package import JSONText
package import KubeObjects
package import Logging
import Synchronization

/// `policies.journal` of the state directory: each policy as it is in force on this node, for a next daemon that finds
/// a version of it which does not fit or cannot be read (`docs/decisions/0014`).
///
/// The file is lines: the first names the format, each other one is `crc TAB policy TAB version TAB uid TAB object` or,
/// where none is in force any more, `crc TAB policy`; the last line of a policy counts. It is appended to before a
/// change comes into force, and synced within 5 s, and before it is said of a policy that an earlier version stays. It
/// is made anew, synced and renamed, where it has grown to `growthMax` times what it holds, or is not as it should be.
/// Nothing that is wrong with it stops the daemon: of policies that it does not tell, no earlier version is known. It
/// never tells an older version than the last one: where it cannot be appended to, it is emptied.
package final class PolicyJournal: Sendable {
    static let growthMax = 8
    /// A file that is smaller is not worth making anew.
    static let rewriteBytesMin = 4 << 20
    static let format = "martlet policies 1"
    /// Between the tries to make good what failed.
    static let retryInterval = Duration.seconds(5)

    /// A version that was in force.
    private struct Entry {
        let version: String
        let uid: String
        let object: String
    }

    private struct State: ~Copyable {
        var file: Int32 = -1
        /// Of the file, and of it what counted when it was read or made.
        var length = 0
        var liveBytes = 0
        /// The file lacks something, or is not as it should be: it is made anew with the next note.
        var isBehind = true
        /// Not all of it is on the disk.
        var isDirty = false
        /// What the daemon before had in force, and whether that is all of it.
        var former: [ObjectKey: Entry] = [:]
        var knowsFormer = false
        /// What was wrong with the file that this daemon found; empty: nothing.
        var damage = ""
        /// Why the file is not up to date; empty where it is.
        var fault = ""
        var failed: ContinuousClock.Instant?
    }

    private let path: String
    private let logger: Logger
    private let state = Mutex(State())

    package init(path: String, logger: Logger) {
        self.path = path
        self.logger = logger
        state.withLock { state in
            do throws(AgentError) {
                try read(&state)
            } catch {
                state.damage = "\(error)"
            }
            if !state.damage.isEmpty {
                logger.error("policies as they were in force are not all known", metadata: ["why": "\(state.damage)"])
            }
        }
    }

    deinit { state.withLock { if $0.file >= 0 { close($0.file) } } }

    // MARK: What was in force

    /// The version that was in force, where the object is the same.
    package func object(_ policy: ObjectKey, uid: String) -> JSONValue? {
        let entry = state.withLock { $0.former[policy] }
        guard let entry, entry.uid == uid else { return nil }
        return try? JSONValue(parsing: Array(entry.object.utf8))
    }

    /// - Parameter version: the one that there is now.
    package func former(_ policy: ObjectKey, uid: String, version: String) -> FormerPolicy {
        let (entry, knowsFormer) = state.withLock { ($0.former[policy], $0.knowsFormer) }
        guard let entry, entry.uid == uid else { return knowsFormer ? .none : .present }
        if entry.version == version { return .present }
        return object(policy, uid: uid).map { .another($0) } ?? .none
    }

    /// Whether the file has this version since the daemon before.
    func holds(_ policy: ObjectKey, uid: String, version: String) -> Bool {
        state.withLock { state in
            guard let entry = state.former[policy], !state.isBehind else { return false }
            return entry.uid == uid && entry.version == version
        }
    }

    /// From now on only of these policies it counts what the daemon before had in force.
    func forget(except kept: Set<ObjectKey>) {
        state.withLock { state in
            state.former = state.former.filter { kept.contains($0.key) }
            state.knowsFormer = false
        }
    }

    /// Policies that the daemon before had in force.
    var formerKeys: Set<ObjectKey> { state.withLock { Set($0.former.keys) } }

    /// What was wrong with the file that this daemon found; empty: nothing.
    var damage: String { state.withLock { $0.damage } }
    /// Why the file is not up to date; empty where it is.
    var fault: String { state.withLock { $0.fault } }

    // MARK: What is in force

    /// Notes what became of these policies.
    /// - Parameters:
    ///   - all: every policy of which a version is in force.
    ///   - object: the version that is; nil: none.
    func note(_ policies: [ObjectKey], all: () -> [ObjectKey], object: (ObjectKey) -> JSONValue?) {
        state.withLock { state in
            if Self.isGone(state.file) { state.isBehind = true }
            // A file that could not be made is tried again with the next policy, and not with each change of others.
            let isDue = state.failed.map { ContinuousClock.now - $0 >= Self.retryInterval } ?? true
            if policies.isEmpty, !state.isBehind || !isDue { return }
            do throws(AgentError) {
                let isLarge = state.length > max(Self.rewriteBytesMin, Self.growthMax * state.liveBytes)
                if state.isBehind || isLarge {
                    try rewrite(&state, all(), object)
                } else {
                    try append(&state, policies, object)
                }
                (state.fault, state.failed) = ("", nil)
            } catch {
                if state.fault.isEmpty {
                    logger.error("what is in force is not in the journal", metadata: ["why": "\(error)"])
                }
                Self.empty(&state, path)
                (state.fault, state.failed, state.isBehind) = ("\(error)", .now, true)
            }
        }
    }

    /// Whether somebody took the file away.
    private static func isGone(_ file: Int32) -> Bool {
        var status = stat()
        return file >= 0 && fstat(file, &status) == 0 && status.st_nlink == 0
    }

    /// What the file has may be older than what is in force: a version that opens what the last one closed. Takes no
    /// room on the disk.
    private static func empty(_ state: inout State, _ path: String) {
        let isEmptied = state.file >= 0 && ftruncate(state.file, 0) == 0 || truncate(path, 0) == 0
        if !isEmptied { unlink(path) }
        if state.file >= 0 { fdatasync(state.file) }
        state.length = 0
    }

    /// Returns when all that was noted before is on the disk. Notes need not wait for it.
    func sync() {
        let file = state.withLock { state -> Int32? in
            guard state.isDirty, state.file >= 0 else { return nil }
            state.isDirty = false
            return dup(state.file)
        }
        guard let file else { return }
        defer { close(file) }
        if fdatasync(file) == 0 { return }
        let error = IDJournal.failure("fdatasync", path)
        state.withLock { ($0.fault, $0.isBehind) = ("\(error)", true) }
    }

    private func append(
        _ state: inout State, _ policies: [ObjectKey], _ object: (ObjectKey) -> JSONValue?
    ) throws(AgentError) {
        var bytes: [UInt8] = []
        for policy in policies {
            bytes += Self.line(policy, object(policy))
            state.former[policy] = nil
        }
        if bytes.isEmpty { return }
        try IDJournal.writeAll(state.file, bytes, path)
        state.length += bytes.count
        state.isDirty = true
    }

    private func rewrite(
        _ state: inout State, _ policies: [ObjectKey], _ object: (ObjectKey) -> JSONValue?
    ) throws(AgentError) {
        let fresh = path + ".new"
        let out = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0o600)
        guard out >= 0 else { throw IDJournal.failure("open", fresh) }
        var bytes = IDJournal.line(Self.format)
        for policy in policies.sorted() {
            if let found = object(policy) { bytes += Self.line(policy, found) }
        }
        do throws(AgentError) {
            try IDJournal.writeAll(out, bytes, fresh)
            guard fsync(out) == 0 else { throw IDJournal.failure("fsync", fresh) }
            guard rename(fresh, path) == 0 else { throw IDJournal.failure("rename", path) }
            let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            let synced = clinux_sync_directory(directory.isEmpty ? "." : directory)
            guard synced == 0 else { throw IDJournal.failure("fsync", directory, code: -synced) }
        } catch {
            close(out)
            throw error
        }
        if state.file >= 0 { close(state.file) }
        state.file = out
        (state.length, state.liveBytes) = (bytes.count, bytes.count)
        (state.isBehind, state.isDirty) = (false, false)
    }

    // MARK: Text

    private static func field(_ name: String, _ object: JSONValue) -> String {
        object[path: "metadata", name]?.string ?? ""
    }

    /// Nothing where a name has a control character, which the API lets nobody write.
    private static func line(_ policy: ObjectKey, _ object: JSONValue?) -> [UInt8] {
        var fields = [policy.description]
        if let object { fields += [field("resourceVersion", object), field("uid", object), object.compactText] }
        guard fields.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x20 } }) else { return [] }
        return IDJournal.line(fields.joined(separator: "\t"))
    }

    private func read(_ state: inout State) throws(AgentError) {
        let text = try IDJournal.readFile(path)
        if text.isEmpty {
            if access(path, F_OK) == 0 { state.damage = "\(path) is empty: of no policy an earlier version is known" }
            return
        }
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // What follows the last line end: nothing, or a line that its writer was killed over.
        let torn = lines.removeLast()
        guard let first = lines.first else { return }
        guard let head = IDJournal.soundBody(first) else {
            state.damage = "\(path) does not begin as it should: of no policy an earlier version is known"
            return
        }
        guard head.elementsEqual(Self.format.utf8) else {
            state.damage = "\(path) is of another format: of no policy an earlier version is known"
            return
        }
        for (index, line) in lines.enumerated().dropFirst() {
            if let body = IDJournal.soundBody(line), Self.take(body, &state.former) { continue }
            // It may have been about any policy: what stands before it may not be what was in force last.
            state.former = [:]
            state.damage =
                "\(path): line \(index + 1) is damaged: of policies noted before it no earlier version is known"
        }
        Self.take(torn: torn, &state, path)
        state.knowsFormer = true
        state.length = text.count
        state.liveBytes = state.former.values.reduce(0) { $0 + $1.object.utf8.count }
        if !torn.isEmpty || !state.damage.isEmpty { return }
        let file = open(path, O_WRONLY | O_CLOEXEC | O_APPEND)
        guard file >= 0 else { throw IDJournal.failure("open", path) }
        (state.file, state.isBehind) = (file, false)
        // How the daemon before ended is not known.
        state.isDirty = true
    }

    /// What stands before the last line, of which a piece is there, is not what was in force last: of the policy that
    /// it names, and where it does not have the name whole, of any.
    private static func take(torn: ArraySlice<UInt8>, _ state: inout State, _ path: String) {
        if torn.isEmpty { return }
        let fields = torn.split(separator: UInt8(ascii: "\t"), maxSplits: 2, omittingEmptySubsequences: false)
        if fields.count == 3, take(fields[1], &state.former) { return }
        state.former = [:]
        state.damage = "\(path) ends in a piece of a line: of policies noted before it no earlier version is known"
    }

    /// False where the line makes no sense.
    private static func take(_ body: ArraySlice<UInt8>, _ former: inout [ObjectKey: Entry]) -> Bool {
        let fields = body.split(separator: UInt8(ascii: "\t"), maxSplits: 3, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let name = fields[0].split(separator: "/", maxSplits: 1).map(String.init)
        guard let last = name.last, fields.count == 1 || fields.count == 4 else { return false }
        let policy = ObjectKey(name.count == 2 ? name[0] : "", last)
        former[policy] = fields.count == 4 ? Entry(version: fields[1], uid: fields[2], object: fields[3]) : nil
        return true
    }
}
