import Synchronization

extension Store {
    /// What changed under a prefix after a revision, without waiting: whole revisions in order, at most about
    /// `StoreWatch.batchEventsMax` events; `revision` of the batch says how far it reaches. Throws `tooOld` where that
    /// past is compacted and `closed` where the store is closed.
    package func changes(prefix: String, after revision: Int64) throws(StoreError) -> StoreBatch {
        let table = published.withLock { $0.model.table(of: prefix) }
        switch try pull(after: revision, table: table, prefix: prefix) {
        case .batch(let batch): return batch
        case .closed: throw StoreError(.closed, "the store is closed")
        }
    }

    /// Says how far the one reader of `changes` has come: what is newer waits for it, however much is written
    /// meanwhile. Who writes waits for that reader, so that this is no more than the writes on their way.
    package func hasRead(through revision: Int64) { published.withLock { $0.unread = revision } }
}
