import GRDB
import GRDBSQLite
import Glibc
import Synchronization

/// The log on the disk: one SQLite file in WAL mode, one table per `StoreTable`, rows appended in revision order.
///
/// `state.db` comes into being by a rename, complete; whatever is found there and is not ours is left as it is.
/// A commit is in the write-ahead log, where it outlives the process, and on the disk with the next `sync`. The writing
/// connection never checkpoints by itself; a second one does that.
final class StoreLog: Sendable {
    static let fileName = "state.db"
    /// "MRTL" in the file's header.
    static let applicationID: Int32 = 0x4d52_544c
    static let formatVersion: Int32 = 1
    /// The WAL is copied back into the file when more than this is not there yet. After that the next commit begins it
    /// anew, which takes a sync: so not every second.
    static let walBytesBeforeCheckpoint = 4 << 20
    /// Above this the writer checkpoints by itself: only then can the WAL start from the beginning under steady load.
    static let walBytesMax = 64 << 20

    let path: String
    let tables: [StoreTable]
    private let lock: StateLock
    private let queue: DatabaseQueue
    private let checkpointQueue: DatabaseQueue
    let ahead = WriteAhead()
    /// The write-ahead log; -1 once it is closed.
    private let aheadFile = Mutex<Int32>(-1)
    private let syncFile: @Sendable (Int32) -> Int32

    struct Loaded {
        var model: StoreModel
        var histories: [EventHistory]
    }

    /// Opens or creates the file; checks that it is whole.
    init(
        directory: String, tables: [StoreTable], syncFile: @escaping @Sendable (Int32) -> Int32 = { fdatasync($0) }
    ) throws(StoreError) {
        for table in tables where table.name.isEmpty || !table.name.allSatisfy({ $0.isASCII && $0.isLowercase }) {
            throw StoreError(.invalid, "table name \(table.name) is not made of lower-case letters")
        }
        path = "\(directory)/\(Self.fileName)"
        self.tables = tables
        self.syncFile = syncFile
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir", directory) }
        lock = try StateLock(path: "\(directory)/lock")
        if access(path, F_OK) != 0 {
            guard errno == ENOENT else { throw .system("access", path) }
            try Self.create(at: path, directory: directory) { _ in }
        }
        try Self.checkHeader(path)
        let path = path
        queue = try StoreError.mapping(path) { try DatabaseQueue(path: path, configuration: Self.configuration()) }
        checkpointQueue = try StoreError.mapping(path) {
            try DatabaseQueue(path: path, configuration: Self.configuration())
        }
        try run { database in
            ahead.follow(database)
            guard try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok" else {
                throw StoreError(.corrupt, "\(path) fails SQLite's integrity check; restore a backup")
            }
            let version = try Int32.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard version == Self.formatVersion else {
                throw StoreError(
                    .corrupt, "\(path) has format \(version), this program knows format \(Self.formatVersion)")
            }
            for table in tables { try database.execute(sql: Self.schema(of: table.name)) }
        }
        // SQLite holds no lock on this file that a second descriptor would end.
        let file = open(aheadPath, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .system("open", aheadPath) }
        aheadFile.withLock { $0 = file }
        // What a process before wrote is here, and may not be on the disk yet.
        try sync()
    }

    private var aheadPath: String { "\(path)-wal" }

    /// Returns when all that was committed before is on the disk. Want of room is no `diskFull` here: it is committed.
    func sync() throws(StoreError) {
        guard aheadFile.withLock({ syncFile($0) }) != 0 else { return }
        throw StoreError(.system, StoreError.system("fdatasync", aheadPath).message)
    }

    // MARK: Connections

    /// Runs on the log's own serial queue, after what is queued there already.
    func perform(_ body: @escaping @Sendable (Database) -> Void) { queue.asyncWriteWithoutTransaction(body) }

    /// The same, and waits; not for the cooperative pool.
    func run<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        try StoreError.mapping(path) { try queue.writeWithoutTransaction(body) }
    }

    /// Runs on the log's own queue and suspends the caller until it is done.
    func perform<Result: Sendable>(_ body: @escaping @Sendable (Database) throws -> Result) async throws(StoreError)
        -> Result
    {
        try await Self.perform(on: queue, path, body)
    }

    static func perform<Result: Sendable>(
        on queue: DatabaseQueue, _ path: String, _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        let result = await withCheckedContinuation { continuation in
            queue.asyncWriteWithoutTransaction { database in
                do throws(StoreError) {
                    continuation.resume(
                        returning: Swift.Result<Result, StoreError>.success(
                            try StoreError.mapping(path) { try body(database) }))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    func close() {
        // In this order: the writer's last work may still have the other connection copy back.
        try? queue.close()
        try? checkpointQueue.close()
        closeAhead()
        lock.release()
    }

    private func closeAhead() {
        aheadFile.withLock { file in
            if file >= 0 { Glibc.close(file) }
            file = -1
        }
    }

    deinit { closeAhead() }

    /// The file is in WAL mode from its creation: opening writes nothing to it before it is known to be whole.
    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            // A commit is synced by `sync`; SQLite by itself syncs where the order matters: around a checkpoint, and
            // where the write-ahead log begins anew. Rows are appended, and read once: SQLite's own page cache is of
            // little use, two MiB by default.
            try database.execute(
                sql: "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -256")
        }
        return configuration
    }

    // MARK: The file

    /// Columns that compaction reads stand before the value, so that it never touches a value's pages. `previous` is
    /// the row that this one supersedes, 0 for none; a row without value is a deletion.
    static func schema(of table: String) -> String {
        """
        CREATE TABLE IF NOT EXISTS log_\(table) (
            sequence INTEGER PRIMARY KEY, previous INTEGER NOT NULL, created INTEGER NOT NULL,
            written INTEGER NOT NULL, key TEXT NOT NULL, value BLOB
        );
        INSERT OR IGNORE INTO meta (name, value) VALUES ('compacted_\(table)', 0);
        """
    }

    /// Writes a whole new file beside `path` and renames it.
    static func create(at path: String, directory: String, fill: (Database) throws -> Void) throws(StoreError) {
        let fresh = "\(path).new"
        for suffix in ["", "-wal", "-shm"] where unlink(fresh + suffix) != 0 && errno != ENOENT {
            throw .system("unlink", fresh + suffix)
        }
        try StoreError.mapping(fresh) {
            var configuration = Configuration()
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let queue = try DatabaseQueue(path: fresh, configuration: configuration)
            try queue.write { database in
                try database.execute(
                    sql: """
                        PRAGMA application_id = \(applicationID);
                        PRAGMA user_version = \(formatVersion);
                        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                        INSERT INTO meta (name, value) VALUES ('revision', 0);
                        """)
                try fill(database)
            }
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
            try queue.close()
        }
        try name(fresh, path, in: directory)
    }

    /// Gives a finished file its name, once it is on the disk.
    static func name(_ fresh: String, _ path: String, in directory: String) throws(StoreError) {
        guard chmod(fresh, 0o600) == 0 else { throw .system("chmod", fresh) }
        let descriptor = open(fresh, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open", fresh) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system("fsync", fresh) }
        guard rename(fresh, path) == 0 else { throw .system("rename", fresh) }
        try syncDirectory(directory)
    }

    private static func syncDirectory(_ directory: String) throws(StoreError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open", directory) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system("fsync", directory) }
    }

    /// Before SQLite may write to the file: is it SQLite's, and ours?
    static func checkHeader(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open", path) }
        defer { Glibc.close(descriptor) }
        var header = [UInt8](repeating: 0, count: 100)
        let count = pread(descriptor, &header, header.count, 0)
        guard count >= 0 else { throw .system("pread", path) }
        guard count == header.count, header.starts(with: Array("SQLite format 3\u{0}".utf8)) else {
            throw StoreError(.corrupt, "\(path) is no SQLite file, or a damaged one; it is left as it is")
        }
        let identifier = header[68..<72].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard identifier == applicationID else {
            throw StoreError(.corrupt, "\(path) is another program's SQLite file; it is left as it is")
        }
    }

    // MARK: Checkpoints

    /// Copies what the WAL holds into the file as far as that needs nobody to wait. Returns the pages left.
    @discardableResult
    func checkpoint() async throws(StoreError) -> Int {
        try await Self.perform(on: checkpointQueue, path) { database in
            try self.copyBack(database)
        }
    }

    private func copyBack(_ database: Database) throws -> Int {
        let result = try database.checkpoint(.passive)
        ahead.copied(result.checkpointedFrameCount)
        return result.walFrameCount - result.checkpointedFrameCount
    }

    /// Called by the writer between two commits, which waits: nobody appends, so all of it is copied and the next write
    /// starts anew. One connection does all copying.
    func checkpointIfOverdue() throws(StoreError) {
        guard ahead.bytes > Self.walBytesMax else { return }
        try StoreError.mapping(path) { _ = try checkpointQueue.writeWithoutTransaction(copyBack) }
    }
}

extension StoreError {
    /// Runs GRDB or SQLite and says their errors as ours.
    static func mapping<Result>(_ path: String, _ body: () throws -> Result) throws(StoreError) -> Result {
        do {
            return try body()
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw sqlite(error.extendedResultCode.rawValue, error.message ?? "", path, cause: error)
        } catch {
            throw StoreError(.system, "\(path): \(error)", cause: error)
        }
    }

    static func sqlite(_ code: CInt, _ message: String, _ path: String, cause: (any Error)? = nil) -> StoreError {
        let kind: Code =
            switch code & 0xff {
            case SQLITE_FULL: .diskFull
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
            case SQLITE_BUSY, SQLITE_LOCKED: .inUse
            default: .system
            }
        return StoreError(kind, "\(path): \(message) (SQLite \(code))", cause: cause)
    }
}
