import GRDB
import GRDBSQLite

extension StoreLog {
    /// Reads every row into the state, and what is newer than the last compaction into the histories.
    func load(into empty: StoreModel) throws(StoreError) -> Loaded {
        var loaded = Loaded(model: empty, histories: [])
        try run { database in
            loaded.model.advance(to: try meta("revision", database))
            for (index, table) in tables.enumerated() {
                let compacted = try compactedRevision(table.name, database)
                var history = EventHistory(table: table, startRevision: compacted)
                let sql = "SELECT sequence, created, key, value FROM log_\(table.name) ORDER BY sequence"
                try Self.forEachRow(of: sql, database) { row in
                    let key = Self.text(row, 2)
                    guard loaded.model.table(of: key) == index else {
                        throw StoreError(.corrupt, "\(path): key \(key) stands in table \(table.name)")
                    }
                    let sequence = LogSequence(rawValue: sqlite3_column_int64(row, 0))
                    let event = loaded.model.replay(
                        key: key, value: Self.blob(row, 3), createRevision: sqlite3_column_int64(row, 1),
                        sequence: sequence, table: index)
                    if sequence.revision > compacted { history.append(event) }
                }
                history.trim()
                loaded.histories.append(history)
            }
        }
        return loaded
    }

    /// One commit for all these transactions, which is on the disk after the next `sync`. On an error nothing of them
    /// is in the log.
    func append(_ transactions: [[StoreEvent]], of model: StoreModel, seconds: Int64, _ database: Database)
        throws(StoreError)
    {
        try StoreError.mapping(path) {
            try inTransaction(database) {
                for event in transactions.joined() {
                    try insert(event, table: tables[model.table(of: event.key)].name, seconds: seconds, database)
                }
            }
        }
    }

    func insert(_ event: StoreEvent, table: String, seconds: Int64, _ database: Database) throws {
        let sql = "INSERT INTO log_\(table) (sequence, previous, created, written, key, value) VALUES (?,?,?,?,?,?)"
        let statement = try database.cachedStatement(sql: sql).sqliteStatement
        sqlite3_bind_int64(statement, 1, event.sequence.rawValue)
        sqlite3_bind_int64(statement, 2, event.previous?.sequence.rawValue ?? 0)
        sqlite3_bind_int64(statement, 3, event.entry?.createRevision ?? 0)
        sqlite3_bind_int64(statement, 4, seconds)
        var key = event.key
        // The bindings borrow the bytes: both closures span the step.
        let code = key.withUTF8 { keyBytes in
            keyBytes.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text(statement, 5, characters.baseAddress, CInt(characters.count), nil)
                guard let value = event.entry?.value else {
                    sqlite3_bind_null(statement, 6)
                    return sqlite3_step(statement)
                }
                return value.withUnsafeBytes { bytes in
                    if bytes.isEmpty {
                        sqlite3_bind_zeroblob(statement, 6, 0)
                    } else {
                        sqlite3_bind_blob(statement, 6, bytes.baseAddress, CInt(bytes.count), nil)
                    }
                    return sqlite3_step(statement)
                }
            }
        }
        let message = database.lastErrorMessage ?? ""
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
        guard code == SQLITE_DONE else {
            throw StoreError.sqlite(sqlite3_extended_errcode(database.sqliteConnection), message, path)
        }
    }

    func inTransaction(_ database: Database, _ body: () throws -> Void) throws {
        try database.beginTransaction(.immediate)
        do {
            try body()
            try database.commit()
        } catch {
            // SQLite may have rolled back by itself, as it does when the disk is full.
            if database.isInsideTransaction { try? database.rollback() }
            throw error
        }
    }

    // MARK: Compaction and expiry

    /// Deletes rows that later ones up to `revision` supersede, at most `rowsMax` looked at. Returns whether any are
    /// left to look at.
    func compactSlice(table: StoreTable, through revision: Int64, newest: Int64, rowsMax: Int, _ database: Database)
        throws -> Bool
    {
        let compacted = max(revision, try compactedRevision(table.name, database))
        let start = try meta("cursor_\(table.name)", database)
        let end = LogSequence(revision: compacted, ordinal: StoreModel.operationsMax - 1).rawValue
        guard start < end else { return false }
        var doomed: [Int64] = []
        var last = start
        var seen = 0
        let sql = """
            SELECT sequence, previous, value IS NULL FROM log_\(table.name)
            WHERE sequence > \(start) AND sequence <= \(end) ORDER BY sequence LIMIT \(rowsMax)
            """
        try Self.forEachRow(of: sql, database) { row in
            last = sqlite3_column_int64(row, 0)
            seen += 1
            let previous = sqlite3_column_int64(row, 1)
            if previous != 0 { doomed.append(previous) }
            if sqlite3_column_int64(row, 2) != 0 { doomed.append(last) }
        }
        let isLast = seen < rowsMax
        try inTransaction(database) {
            // With the first deletion the rows up to here stop being a history that a watch may start in.
            try setMeta("compacted_\(table.name)", compacted, database)
            try setMeta("cursor_\(table.name)", isLast ? end : last, database)
            // The newest row may be a deletion that goes now; the revision must not go back with it.
            try setMeta("revision", newest, database)
            let delete = try database.cachedStatement(sql: "DELETE FROM log_\(table.name) WHERE sequence = ?")
            for sequence in doomed { try delete.execute(arguments: [sequence]) }
        }
        return !isLast
    }

    func setMeta(_ name: String, _ value: Int64, _ database: Database) throws {
        try database.execute(sql: "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", arguments: [name, value])
    }

    private func meta(_ name: String, _ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name]) ?? 0
    }

    func compactedRevision(_ table: String, _ database: Database) throws -> Int64 {
        try meta("compacted_\(table)", database)
    }

    struct WrittenRow: Sendable {
        let sequence: LogSequence
        let key: String
    }

    /// Rows after `cursor` that were written at `seconds` or before, oldest first.
    func rows(of table: StoreTable, after cursor: Int64, writtenBy seconds: Int64, limit: Int, _ database: Database)
        throws -> [WrittenRow]
    {
        var rows: [WrittenRow] = []
        var isDue = true
        let sql = """
            SELECT sequence, written, key FROM log_\(table.name)
            WHERE sequence > \(cursor) ORDER BY sequence LIMIT \(limit)
            """
        try Self.forEachRow(of: sql, database) { row in
            isDue = isDue && sqlite3_column_int64(row, 1) <= seconds
            guard isDue else { return }
            rows.append(
                WrittenRow(
                    sequence: LogSequence(rawValue: sqlite3_column_int64(row, 0)), key: Self.text(row, 2)))
        }
        return rows
    }

    // MARK: Rows

    private static func forEachRow(of sql: String, _ database: Database, _ body: (OpaquePointer) throws -> Void) throws
    {
        let owner = try database.makeStatement(sql: sql)
        defer { withExtendedLifetime(owner) {} }
        let statement = owner.sqliteStatement
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code), message: database.lastErrorMessage)
            }
            try body(statement)
        }
    }

    private static func text(_ row: OpaquePointer, _ column: CInt) -> String {
        guard let bytes = sqlite3_column_text(row, column) else { return "" }
        let count = Int(sqlite3_column_bytes(row, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    private static func blob(_ row: OpaquePointer, _ column: CInt) -> [UInt8]? {
        guard sqlite3_column_type(row, column) != SQLITE_NULL else { return nil }
        guard let bytes = sqlite3_column_blob(row, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(row, column))))
    }
}
