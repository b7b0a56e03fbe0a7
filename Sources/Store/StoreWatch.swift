import Synchronization

/// A watcher that has seen everything and waits for more.
struct WatchWaiter: Sendable {
    enum Outcome: Sendable {
        /// Look again: everything up to this revision is seen, or does not match.
        case look(after: Int64)
        case bookmark(revision: Int64)
        case ended
    }

    let table: Int
    let prefix: String
    let continuation: UnsafeContinuation<Outcome, Never>
}

/// Changes under a prefix after a revision, as batches. It has no buffer: an iterator reads the table's history at its
/// own pace, and ends with `tooOld` when the history has moved past it. Ends without error when the task is cancelled
/// or the store closed.
package struct StoreWatch: AsyncSequence, Sendable {
    package typealias Element = StoreBatch
    package typealias Failure = StoreError
    /// Events of one batch, unless one revision has more.
    package static let batchEventsMax = 256

    let store: Store
    let table: Int
    let prefix: String
    let revision: Int64

    package func makeAsyncIterator() -> Iterator { Iterator(watch: self) }

    package struct Iterator: AsyncIteratorProtocol {
        private let watch: StoreWatch
        private var cursor: Int64

        init(watch: StoreWatch) {
            self.watch = watch
            cursor = watch.revision
        }

        /// Waits until there is something, at most the bookmark interval; then the batch has no events.
        package mutating func next() async throws(StoreError) -> StoreBatch? {
            try await next(isolation: nil)
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(StoreError) -> StoreBatch? {
            while !Task.isCancelled {
                switch try watch.store.pull(after: cursor, table: watch.table, prefix: watch.prefix) {
                case .closed: return nil
                case .batch(let batch):
                    cursor = batch.revision
                    if !batch.events.isEmpty { return batch }
                }
                switch await watch.store.wait(after: cursor, table: watch.table, prefix: watch.prefix) {
                case .look(let revision): cursor = Swift.max(cursor, revision)
                case .bookmark(let revision):
                    cursor = Swift.max(cursor, revision)
                    return StoreBatch(events: [], revision: cursor)
                case .ended: return nil
                }
            }
            return nil
        }
    }
}

extension Store {
    enum Pull {
        case batch(StoreBatch)
        case closed
    }

    /// Watches the keys with a prefix, from the revision after `revision`. Throws `tooOld` where that is compacted,
    /// and `future` where it is not written yet.
    package func watch(prefix: String, after revision: Int64) throws(StoreError) -> StoreWatch {
        let (table, start, newest) = published.withLock { published in
            let table = published.model.table(of: prefix)
            return (table, published.histories[table].startRevision, published.model.revision)
        }
        guard revision <= newest else {
            throw StoreError(.future, "revision \(revision) is not written yet; the newest is \(newest)")
        }
        guard revision >= start else { throw Self.tooOld(revision, start) }
        return StoreWatch(store: self, table: table, prefix: prefix, revision: revision)
    }

    /// The revision from which a watch under the prefix may start.
    package func oldestWatchRevision(prefix: String) -> Int64 {
        published.withLock { $0.histories[$0.model.table(of: prefix)].startRevision }
    }

    /// Gives each watcher that waits a bookmark of the present revision.
    package func sendBookmarks() {
        let (waiters, revision) = published.withLock { published in
            defer { published.watchers = [:] }
            return (Array(published.watchers.values), published.model.revision)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .bookmark(revision: revision)) }
    }

    func pull(after cursor: Int64, table: Int, prefix: String) throws(StoreError) -> Pull {
        let (batch, start, isClosed) = published.withLock { published in
            let history = published.histories[table]
            let batch = history.batch(
                after: cursor, prefix: prefix, limit: StoreWatch.batchEventsMax, through: published.model.revision)
            return (batch, history.startRevision, published.isClosed)
        }
        if isClosed { return .closed }
        guard let batch else { throw Self.tooOld(cursor, start) }
        return .batch(batch)
    }

    /// Returns at once where something was committed after `cursor`.
    func wait(after cursor: Int64, table: Int, prefix: String) async -> WatchWaiter.Outcome {
        let id = published.withLock { published in
            published.nextWatcher += 1
            return published.nextWatcher
        }
        let outcome = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<WatchWaiter.Outcome, Never>) in
                let waiter = WatchWaiter(table: table, prefix: prefix, continuation: continuation)
                if let outcome = register(waiter, id: id, cursor: cursor) { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            cancelWaiter(id)
        }
        if Task.isCancelled { published.withLock { _ = $0.cancelled.remove(id) } }
        return outcome
    }

    private func register(_ waiter: WatchWaiter, id: Int, cursor: Int64) -> WatchWaiter.Outcome? {
        published.withLock { published in
            if published.isClosed || published.cancelled.contains(id) { return .ended }
            if published.model.revision > cursor { return .look(after: cursor) }
            published.watchers[id] = waiter
            return nil
        }
    }

    private func cancelWaiter(_ id: Int) {
        let waiter = published.withLock { published in
            let waiter = published.watchers.removeValue(forKey: id)
            if waiter == nil { published.cancelled.insert(id) }
            return waiter
        }
        waiter?.continuation.resume(returning: .ended)
    }

    private static func tooOld(_ revision: Int64, _ start: Int64) -> StoreError {
        StoreError(.tooOld, "revision \(revision) is compacted; the oldest to watch from is \(start)")
    }
}

extension Store.Published {
    /// Takes out the watchers that one of the events concerns.
    mutating func takeWaiters(matching committed: [[StoreEvent]], tables: Set<Int>) -> [WatchWaiter] {
        var taken: [WatchWaiter] = []
        for (id, waiter) in watchers where tables.contains(waiter.table) {
            let matches = committed.contains { events in events.contains { $0.key.hasPrefix(waiter.prefix) } }
            guard matches else { continue }
            taken.append(waiter)
            watchers[id] = nil
        }
        return taken
    }
}
