import Logging
import ServiceLifecycle
import Synchronization

extension Store: Service {
    /// Rows that one slice of compaction looks at: the longest that a commit waits for it. At a hundred writes a second
    /// all rows of a second at once take 4 ms, in the way of one change in a hundred.
    static let compactionSliceRows = 32
    /// After so many small slices of a round more is written than they keep up with: the others are large.
    static let compactionSmallSlices = 16
    static let compactionLargeSliceRows = 512
    static let expirySliceRows = 256
    private static let packedPieces = 32
    private static let packedPieceValues = 64

    /// Compaction, checkpoints, expiry and bookmarks, until the group shuts down; then the store is closed.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var sinceBookmark = Duration.zero
            while !Task.isCancelled {
                do { try await Task.sleep(for: self.options.maintenanceInterval) } catch { break }
                do throws(StoreError) {
                    try await self.maintain()
                } catch {
                    self.tell(error, of: "maintenance of the store")
                }
                sinceBookmark += self.options.maintenanceInterval
                if sinceBookmark >= self.options.bookmarkInterval {
                    sinceBookmark = .zero
                    self.sendBookmarks()
                }
            }
        }
        close()
    }

    /// One round of what `run()` repeats.
    package func maintain() async throws(StoreError) {
        for table in log.tables { try await expire(table) }
        try await compact()
        if log.ahead.uncopiedBytes > StoreLog.walBytesBeforeCheckpoint { try await log.checkpoint() }
        await packWhatWaits()
    }

    /// After a start all of the state is as it was read, and what is large waits for this. Piece by piece: of usual
    /// objects one takes about a millisecond.
    private func packWhatWaits() async {
        for _ in 0..<Self.packedPieces {
            guard
                pack(atMost: Self.packedPieceValues, largest: Self.packedAtOnceBytesMax) > 0
                    || pack(atMost: 1, largest: .max) > 0
            else { return }
            await Task.yield()
        }
    }

    /// Gives up the history up to a revision: watches from before it are `tooOld`, superseded values leave the disk.
    package func compact(through revision: Int64) async throws(StoreError) {
        published.withLock { published in
            let bounded = min(revision, published.model.revision)
            for index in published.histories.indices { published.histories[index].drop(through: bounded) }
            published.paged.removeAll()
        }
        try await compact()
    }

    /// Brings the disk to where the histories in memory begin, slice by slice.
    private func compact() async throws(StoreError) {
        for (index, table) in log.tables.enumerated() {
            var isUnfinished = true
            var slices = 0
            while isUnfinished, !Task.isCancelled {
                let rows =
                    slices < Self.compactionSmallSlices ? Self.compactionSliceRows : Self.compactionLargeSliceRows
                slices += 1
                let start = published.withLock { $0.histories[index].startRevision }
                let log = log
                isUnfinished = try await log.perform { database in
                    // On the log's queue, so that no revision is taken between reading it and recording it.
                    let newest = self.revision
                    return try log.compactSlice(
                        table: table, through: start, newest: newest, rowsMax: rows, database)
                }
            }
        }
    }

    /// Deletes what has outlived its table's time to live. A key written again meanwhile stays.
    private func expire(_ table: StoreTable) async throws(StoreError) {
        guard let timeToLive = table.timeToLive else { return }
        let deadline = options.unixSeconds() - timeToLive.components.seconds
        while !Task.isCancelled {
            let cursor = published.withLock { $0.expired[table.name] ?? 0 }
            let log = log
            let rows = try await log.perform { database in
                try log.rows(
                    of: table, after: cursor, writtenBy: deadline, limit: Self.expirySliceRows, database)
            }
            guard let last = rows.last else { return }
            var operations: [StoreOperation] = []
            for row in rows where get(row.key)?.sequence == row.sequence {
                operations.append(.delete(key: row.key, expected: .revision(row.sequence.revision)))
            }
            do throws(StoreError) {
                if !operations.isEmpty { _ = try await commit(operations) }
            } catch  where error.code == .conflict {
                continue
            }
            published.withLock { $0.expired[table.name] = last.sequence.rawValue }
        }
    }
}
