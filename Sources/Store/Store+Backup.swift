import GRDB
import Glibc
import Synchronization

extension Store {
    /// Revisions that a restored store skips, so that none it gives out was given out before with other content.
    package static let restoreRevisionGap: Int64 = 1 << 24

    /// Writes the present state, without history, as a store of its own into a directory; writes go on meanwhile.
    /// Returns the revision that the backup reflects. What is there already is not overwritten.
    @discardableResult
    package func backup(to directory: String) async throws(StoreError) -> Int64 {
        let model = published.withLock { $0.model }
        let log = log
        let worker = try StoreError.mapping(":memory:") { try DatabaseQueue() }
        try await StoreLog.perform(on: worker, directory) { _ in
            try Self.write(model, of: log, to: directory)
        }
        return model.revision
    }

    /// Copies the store in `directory`, its history too, into a directory of its own, while another process may write
    /// to it: one read transaction, so it is the state at the revision that is returned. The copy is checked before it
    /// gets its name. Throws `inUse` where `target` has a store already, `system` where `directory` has none, `corrupt`
    /// where its file is damaged.
    @discardableResult
    package static func backup(of directory: String, to target: String) async throws(StoreError) -> Int64 {
        let worker = try StoreError.mapping(":memory:") { try DatabaseQueue() }
        return try await StoreLog.perform(on: worker, directory) { _ in
            try StoreLog.copy(of: directory, to: target)
        }
    }

    private static func write(_ model: StoreModel, of log: StoreLog, to directory: String) throws(StoreError) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir", directory) }
        let path = "\(directory)/\(StoreLog.fileName)"
        try refuseExisting(path)
        try StoreLog.create(at: path, directory: directory) { database in
            try log.fill(model, database)
        }
    }

    /// Makes a backup the state of `directory`, which must not have one. Watches from before are `tooOld` there.
    package static func restore(from backup: String, to directory: String, options: StoreOptions = StoreOptions())
        async throws(StoreError)
    {
        let worker = try StoreError.mapping(":memory:") { try DatabaseQueue() }
        try await StoreLog.perform(on: worker, directory) { _ in
            try refuseExisting("\(directory)/\(StoreLog.fileName)")
            guard access("\(backup)/\(StoreLog.fileName)", R_OK) == 0 else { throw StoreError.system("open", backup) }
            let empty = StoreModel(options: options)
            let source = try StoreLog(directory: backup, tables: empty.tables)
            defer { source.close() }
            var model = try source.load(into: empty).model
            model.advance(to: model.revision + restoreRevisionGap)
            try write(model, of: source, to: directory)
        }
    }

    fileprivate static func refuseExisting(_ path: String) throws(StoreError) {
        guard access(path, F_OK) != 0 else {
            throw StoreError(.inUse, "\(path) is there already and is not overwritten")
        }
    }
}

extension StoreLog {
    fileprivate static func copy(of directory: String, to target: String) throws(StoreError) -> Int64 {
        let source = "\(directory)/\(fileName)"
        try checkHeader(source)
        guard mkdir(target, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir", target) }
        let path = "\(target)/\(fileName)"
        try Store.refuseExisting(path)
        let fresh = "\(path).new"
        for suffix in ["", "-wal", "-shm"] where unlink(fresh + suffix) != 0 && errno != ENOENT {
            throw .system("unlink", fresh + suffix)
        }
        // Made here first, so that at no time anybody else may read it.
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("open", fresh) }
        Glibc.close(descriptor)
        try StoreError.mapping(source) {
            let live = try DatabaseQueue(path: source, configuration: configuration())
            try live.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [fresh]) }
            try live.close()
        }
        try StoreError.mapping(fresh) {
            let queue = try DatabaseQueue(path: fresh, configuration: configuration())
            try queue.writeWithoutTransaction { database in
                guard try String.fetchOne(database, sql: "PRAGMA integrity_check(1)") == "ok" else {
                    throw StoreError(.corrupt, "\(source) cannot be copied whole: the copy fails SQLite's check")
                }
                try database.execute(sql: "PRAGMA journal_mode = WAL")
            }
            try queue.close()
        }
        try name(fresh, path, in: target)
        let empty = StoreModel(options: StoreOptions())
        let copied = try StoreLog(directory: target, tables: empty.tables)
        defer { copied.close() }
        return try copied.load(into: empty).model.revision
    }

    /// Rows of the state alone: what was superseded is left out, and said to be compacted.
    func fill(_ model: StoreModel, _ database: Database) throws {
        for (index, table) in model.tables.enumerated() {
            try database.execute(sql: Self.schema(of: table.name))
            try model.keys[index].forEach { entry in
                let event = StoreEvent(
                    revision: entry.revision, key: entry.key, entry: entry, previous: nil, sequence: entry.sequence)
                try insert(event, table: table.name, seconds: systemUnixSeconds(), database)
            }
            try setMeta("compacted_\(table.name)", model.revision, database)
        }
        try setMeta("revision", model.revision, database)
    }
}
