import Synchronization

/// The events waiting for one watch. The cache puts them in, the watch's reader takes them out in batches.
///
/// Bounded: a reader that falls behind by `Limits.watchBufferEventsMax` loses its watch and starts a new one.
final class WatchQueue: Sendable {
    enum Item: Sendable {
        case event(CacheEvent)
        /// One commit wrote several objects, of this kind or others; a bookmark follows at its revision or a later one.
        case together(Int64)
        /// Everything up to here has been given out.
        case bookmark(Int64)
        /// What was there at the start has been given out.
        case initialEnd(Int64)
    }

    fileprivate struct State {
        var items: [Item] = []
        var isFinished = false
        var waiter: CheckedContinuation<[Item]?, Never>?
        var nextBookmark: ContinuousClock.Instant?
        var overflowed = false
        var lastRevision: Int64 = 0
        /// Of the last mark.
        var marked: Int64 = 0
    }

    private let state: Mutex<State>
    /// Objects outside are not queued; nil takes all. With a trailing slash: `default/`.
    private let keyPrefix: String?
    private let deadline: ContinuousClock.Instant
    private let marksInitialEnd: Bool
    let viewer: Viewer
    /// Whether the reader is told how far it is as soon as the revision has moved, not once a minute.
    let followsRevision: Bool

    init(
        viewer: Viewer, keyPrefix: String?, deadline: ContinuousClock.Instant,
        firstBookmark: ContinuousClock.Instant?, marksInitialEnd: Bool, followsRevision: Bool = false
    ) {
        self.viewer = viewer
        self.keyPrefix = keyPrefix
        self.deadline = deadline
        self.marksInitialEnd = marksInitialEnd
        self.followsRevision = followsRevision
        var initial = State()
        initial.nextBookmark = firstBookmark
        state = Mutex(initial)
    }

    /// Called once, by the cache, before the first `offer`.
    func start(initial: [CacheEvent], revision: Int64) {
        state.withLock { state in
            state.items = initial.filter(takes).map { .event($0) }
            if marksInitialEnd { state.items.append(.initialEnd(revision)) }
            state.lastRevision = revision
        }
    }

    /// The reader is woken by the mark behind the last event of a batch.
    func offer(_ event: CacheEvent) {
        guard takes(event) else { return }
        change(wakes: false) { state in
            guard !state.isFinished, event.revision > state.lastRevision else { return }
            state.items.append(.event(event))
            if state.items.count > Limits.watchBufferEventsMax, state.waiter == nil {
                state.isFinished = true
                state.overflowed = true
            }
        }
    }

    /// The next events, in order; nil when the watch is over. One caller at a time.
    func next() async -> [Item]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<[Item]?, Never>) in
                change { $0.waiter = continuation }
            }
        } onCancel: {
            finish()
        }
    }

    func finish() {
        change { $0.isFinished = true }
    }

    /// Several objects of one revision come, to this queue or others. Whoever follows the revision hears it first.
    func announce(_ revision: Int64) {
        guard followsRevision else { return }
        change(wakes: false) { state in
            if !state.isFinished { state.items.append(.together(revision)) }
        }
    }

    /// Everything up to `revision` has been offered: the reader is woken. Where it follows the revision it gets the
    /// mark; of those that nobody has read yet the last.
    func mark(_ revision: Int64) {
        change { if followsRevision { $0.mark(revision) } }
    }

    func tick(now: ContinuousClock.Instant, revision: Int64) {
        change { state in
            if followsRevision { state.mark(revision) }
            if now >= deadline { state.isFinished = true }
            if let due = state.nextBookmark, now >= due {
                state.items.append(.bookmark(revision))
                state.nextBookmark = now + Limits.bookmarkInterval
            }
        }
    }

    /// Changes the state, then wakes the reader where there is something for it. The reader is resumed outside of the
    /// lock: a task that is being cancelled holds the lock of its own that `resume` takes, and asks for this one.
    private func change(wakes: Bool = true, _ body: (inout State) -> Void) {
        let awake = state.withLock { state in
            body(&state)
            return wakes ? state.takeReader() : nil
        }
        awake?.reader.resume(returning: awake?.batch)
    }

    private func takes(_ event: CacheEvent) -> Bool {
        guard let keyPrefix else { return true }
        return event.key.hasPrefix(keyPrefix)
    }
}

extension WatchQueue.State {
    fileprivate mutating func mark(_ revision: Int64) {
        guard !isFinished, revision > marked else { return }
        if case .bookmark? = items.last { items.removeLast() }
        items.append(.bookmark(revision))
        marked = revision
    }

    /// The waiting reader and what it is to get; nil where it goes on waiting.
    fileprivate mutating func takeReader() -> (
        reader: CheckedContinuation<[WatchQueue.Item]?, Never>, batch: [WatchQueue.Item]?
    )? {
        guard let reader = waiter, !items.isEmpty || isFinished else { return nil }
        waiter = nil
        let batch = items.isEmpty ? nil : items
        items.removeAll(keepingCapacity: true)
        return (reader, batch)
    }
}
