import GRDB
package import Logging
import Synchronization

/// A revisioned log with its present state in memory: compare-and-put, transactions under one revision, watches.
///
/// A write is queued, joins the group that the log's own queue commits next, and becomes visible, which wakes watchers
/// and whoever follows; then the group is brought to the disk in one sync, and acknowledged. What is visible outlives
/// this process; what is newer than `durableRevision` may be lost with the machine, so others are not to be told of it.
/// Reads never touch the disk and never wait for it.
///
/// Locks, outermost first: `inbox`, `writer`, `published`; none is held while a continuation is resumed.
package final class Store: Sendable {
    /// Transactions that may wait for a commit; more are refused as `overloaded`.
    package static let pendingTransactionsMax = 16_384
    /// Transactions that share one sync.
    static let groupTransactionsMax = 1_024
    /// A value of so many bytes is packed in about a millisecond.
    static let packedAtOnceBytesMax = 64 << 10
    /// States that are kept so that a list in pages can go on where it was.
    package static let pagedSnapshotsMax = 32

    private struct Pending: Sendable {
        let operations: [StoreOperation]
        let answer: UnsafeContinuation<Result<StoreCommit, StoreError>, Never>
    }

    private struct Inbox {
        var pending: [Pending] = []
        var isDraining = false
        var refusal: StoreError?
    }

    struct Published {
        var model: StoreModel
        var histories: [EventHistory]
        var watchers: [Int: WatchWaiter] = [:]
        var nextWatcher = 0
        /// Cancelled before they could wait.
        var cancelled: Set<Int> = []
        /// Oldest first.
        var paged: [StoreModel] = []
        /// Per table with a time to live: up to where expiry has looked.
        var expired: [String: Int64] = [:]
        /// History after this revision stays whatever its limits say.
        var unread = Int64.max
        var commits = CommitTimes()
        /// Up to here all is on the disk.
        var durable: Int64
        var isClosed = false
    }

    let log: StoreLog
    package let options: StoreOptions
    let logger: Logger
    private let inbox = Mutex(Inbox())
    private let disk = Mutex(DiskNotice())
    private let opened = ContinuousClock.now
    private let follower = Mutex<Follower?>(nil)

    /// A closure in a lock would be wrapped once more with each look at it.
    private final class Follower: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    /// The state as the group being written sees it; touched on the log's queue alone.
    private let writer: Mutex<StoreModel>
    private let fresh: Mutex<FreshValues>
    let published: Mutex<Published>

    /// Opens the store in a directory, which is made if it is not there. Reads the whole state. Throws `inUse` where
    /// another process has it open and `corrupt` where the file is damaged; it changes nothing then.
    package init(directory: String, options: StoreOptions = StoreOptions(), logger: Logger) throws(StoreError) {
        self.options = options
        self.logger = logger
        let model = StoreModel(options: options)
        log = try StoreLog(directory: directory, tables: model.tables, syncFile: options.syncFile)
        let loaded = try log.load(into: model)
        writer = Mutex(loaded.model)
        var values: [StoredValue] = []
        for table in loaded.model.keys { table.forEach { values.append($0.content) } }
        fresh = Mutex(FreshValues(values))
        published = Mutex(Published(model: loaded.model, histories: loaded.histories, durable: loaded.model.revision))
    }

    // MARK: Reading

    /// The newest committed revision.
    package var revision: Int64 { published.withLock { $0.model.revision } }

    /// The newest revision that is on the disk, with all before it.
    package var durableRevision: Int64 { published.withLock { $0.durable } }

    /// When a revision was committed, in nanoseconds since 1970; nil for one that this process did not write, and for
    /// what lies further back than `CommitTimes` reaches.
    package func commitNanoseconds(of revision: Int64) -> Int64? {
        published.withLock { $0.commits.time(of: revision) }
    }

    package func get(_ key: String) -> StoreEntry? { published.withLock { $0.model }.entry(key) }

    /// Entries under a prefix in key order, greater than `after`. With a `limit` a page may be followed by others: ask
    /// for them `at` the first page's revision, and get the same state. A state that is no longer kept is `tooOld`.
    package func list(prefix: String, after: String? = nil, limit: Int? = nil, at revision: Int64? = nil)
        throws(StoreError) -> StorePage
    {
        let kept = published.withLock { published in
            guard let revision, revision != published.model.revision else { return Optional(published.model) }
            return published.paged.last { $0.revision == revision }
        }
        guard let model = kept else {
            throw StoreError(.tooOld, "the state at revision \(revision ?? 0) is no longer kept")
        }
        let found = model.keys[model.table(of: prefix)].list(prefix: prefix, after: after, limit: limit ?? Int.max)
        if found.remaining > 0 { keep(model) }
        return StorePage(entries: found.entries, revision: model.revision, remaining: found.remaining)
    }

    private func keep(_ model: StoreModel) {
        published.withLock { published in
            published.paged.removeAll { $0.revision == model.revision }
            published.paged.append(model)
            if published.paged.count > Self.pagedSnapshotsMax { published.paged.removeFirst() }
        }
    }

    /// Keys, bytes and revisions, for status and metrics.
    package var statistics: StoreStatistics {
        published.withLock { published in
            StoreStatistics(
                revision: published.model.revision, keys: published.model.keys.reduce(0) { $0 + $1.count },
                bytes: published.model.bytes, historyEvents: published.histories.reduce(0) { $0 + $1.count },
                watchers: published.watchers.count)
        }
    }

    // MARK: Writing

    /// All operations under one revision, or none. Returns when they are on the disk.
    package func commit(_ operations: [StoreOperation]) async throws(StoreError) -> StoreCommit {
        let result = await withUnsafeContinuation { enqueue(Pending(operations: operations, answer: $0)) }
        return try result.get()
    }

    /// Calls `body` on the log's queue as soon as a group is visible, and again when it is on the disk, before its
    /// writers are told. Replaces what was set before; it has to be quick.
    package func follow(_ body: @escaping @Sendable () -> Void) { follower.withLock { $0 = Follower(body) } }

    private func tellFollower() { follower.withLock { $0 }?.body() }

    private func enqueue(_ pending: Pending) {
        let (refusal, startsDrain) = inbox.withLock { inbox -> (StoreError?, Bool) in
            if let refusal = inbox.refusal { return (refusal, false) }
            guard inbox.pending.count < Self.pendingTransactionsMax else {
                let message = "\(inbox.pending.count) transactions wait already"
                return (StoreError(.overloaded, message), false)
            }
            inbox.pending.append(pending)
            defer { inbox.isDraining = true }
            return (nil, !inbox.isDraining)
        }
        if let refusal { pending.answer.resume(returning: .failure(refusal)) }
        if startsDrain { log.perform { self.drain($0) } }
    }

    private func drain(_ database: Database) {
        while true {
            let group = inbox.withLock { inbox -> [Pending] in
                let group = Array(inbox.pending.prefix(Self.groupTransactionsMax))
                inbox.pending.removeFirst(group.count)
                if group.isEmpty { inbox.isDraining = false }
                return group
            }
            if group.isEmpty { return }
            write(group, database)
        }
    }

    /// One group: apply, log, show, sync, acknowledge.
    private func write(_ group: [Pending], _ database: Database) {
        var committed: [[StoreEvent]] = []
        do throws(StoreError) {
            let answers = try append(group, &committed, database)
            if !committed.isEmpty {
                tellWritten()
                publish(committed)
                tellFollower()
                try bringToDisk()
                tellFollower()
            }
            for (pending, answer) in zip(group, answers) { pending.answer.resume(returning: answer) }
        } catch {
            if error.code != .diskFull { refuseWrites(error) }
            tell(error, of: "a commit")
            for pending in group { pending.answer.resume(returning: .failure(error)) }
        }
        rest(committed)
        copyBackIfOverdue()
    }

    /// After the answers, which need not wait for it. Where it fails they hold all the same: what was written stays in
    /// the write-ahead log, and the maintenance, which tries again, says why.
    private func copyBackIfOverdue() {
        if durableRevision == revision { try? log.checkpointIfOverdue() }
    }

    /// Applies a group to the state and logs what holds of it. Where it throws, none of it came about.
    private func append(_ group: [Pending], _ committed: inout [[StoreEvent]], _ database: Database)
        throws(StoreError) -> [Result<StoreCommit, StoreError>]
    {
        var answers: [Result<StoreCommit, StoreError>] = []
        answers.reserveCapacity(group.count)
        try writer.withLock { (model) throws(StoreError) in
            let before = model
            for pending in group {
                do throws(StoreError) {
                    let events = try model.apply(pending.operations)
                    answers.append(.success(StoreCommit(revision: model.revision, events: events)))
                    if !events.isEmpty { committed.append(events) }
                } catch {
                    answers.append(.failure(error))
                }
            }
            if committed.isEmpty { return }
            do throws(StoreError) {
                try log.append(committed, of: model, seconds: options.unixSeconds(), database)
            } catch {
                model = before
                committed = []
                throw error
            }
        }
        return answers
    }

    /// What is visible comes to the disk. Where that fails nobody knows what of it is there, and a second try would not
    /// tell: no further write is taken, and what is visible stays so until the store is opened again.
    private func bringToDisk() throws(StoreError) {
        let revision = revision
        try log.sync()
        published.withLock { $0.durable = revision }
    }

    /// Of what was written before, packs as much as has come now, and one more, so that after a start it gets less.
    /// What is large would hold up the next commit: it waits for the maintenance.
    private func rest(_ committed: [[StoreEvent]]) {
        let come = committed.joined().compactMap { $0.entry?.content }
        guard !come.isEmpty else { return }
        fresh.withLock { for value in come { $0.add(value) } }
        pack(atMost: come.count + 1, largest: Self.packedAtOnceBytesMax)
    }

    /// Packs values that have lain for a while, the oldest first, up to one that has more bytes than `largest`.
    /// - Returns: how many.
    @discardableResult
    func pack(atMost limit: Int, largest: Int) -> Int {
        let old = fresh.withLock { $0.takeOld(atMost: limit, largest: largest) }
        for value in old { value.pack() }
        return old.count
    }

    private func publish(_ committed: [[StoreEvent]]) {
        let model = writer.withLock { $0 }
        let time = options.unixNanoseconds()
        let (woken, before) = published.withLock { published -> ([WatchWaiter], Int64) in
            let before = published.model.revision
            published.model = model
            published.commits.append(committed.compactMap(\.first?.revision), at: time)
            var touched: Set<Int> = []
            for event in committed.joined() {
                let table = model.table(of: event.key)
                published.histories[table].append(event)
                touched.insert(table)
            }
            for table in touched { published.histories[table].trim(unread: published.unread) }
            return (published.takeWaiters(matching: committed, tables: touched), before)
        }
        // Whoever waited has seen all that was committed before this group.
        for waiter in woken { waiter.continuation.resume(returning: .look(after: before)) }
    }

    /// Logs a failure. A full disk fails every write, so of that only what is new is said.
    func tell(_ failure: StoreError, of work: String) {
        guard failure.code == .diskFull else {
            return logger.error("\(work) failed", metadata: ["error": "\(failure)"])
        }
        switch disk.withLock({ $0.refused(at: opened.duration(to: .now)) }) {
        case .begun:
            logger.error("the disk is full: writes are refused until there is room", metadata: ["error": "\(failure)"])
        case .goesOn(let refused, let time):
            logger.error(
                "the disk is still full", metadata: ["refused": "\(refused)", "seconds": "\(time.components.seconds)"])
        case .ended, nil: break
        }
    }

    private func tellWritten() {
        guard case .ended(let refused, let time) = disk.withLock({ $0.written(at: opened.duration(to: .now)) }) else {
            return
        }
        logger.notice(
            "the disk has room again: writes are taken",
            metadata: ["refused": "\(refused)", "seconds": "\(time.components.seconds)"])
    }

    /// Those that wait already are refused too.
    private func refuseWrites(_ cause: StoreError) {
        let refusal = StoreError(.closed, "the store takes no more writes until it is opened again", cause: cause)
        let waiting = inbox.withLock { inbox in
            inbox.refusal = refusal
            defer { inbox.pending = [] }
            return inbox.pending
        }
        for pending in waiting { pending.answer.resume(returning: .failure(refusal)) }
    }

    /// Waits for what is queued, ends every watch and releases the state. Later writes are refused.
    package func close() {
        inbox.withLock { $0.refusal = $0.refusal ?? StoreError(.closed, "the store is closed") }
        log.close()
        let waiters = published.withLock { published -> [WatchWaiter] in
            published.isClosed = true
            defer { published.watchers = [:] }
            return Array(published.watchers.values)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .ended) }
    }
}

package struct StoreStatistics: Sendable {
    package let revision: Int64
    package let keys: Int
    package let bytes: Int
    package let historyEvents: Int
    package let watchers: Int
}
