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

    private static func refuseExisting(_ path: String) throws(StoreError) {
        guard access(path, F_OK) != 0 else {
            throw StoreError(.inUse, "\(path) is there already and is not overwritten")
        }
    }
}

extension StoreLog {
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
