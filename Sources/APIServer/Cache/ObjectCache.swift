import Store
import Synchronization

/// One change of one object, as watches see it.
struct CacheEvent: Sendable {
    let revision: Int64
    let storage: String
    let key: String
    /// What was there before; nil when the object is new.
    let old: CachedObject?
    /// What is there now; nil when it was deleted.
    let new: CachedObject?
}

/// All objects of the server in memory, in the order of the store's revisions, with a bounded past.
///
/// Lists and watches are served from here and never read the database. A storage name stands for one kind; its objects
/// lie in key order. Who is `outside` sees the state as it is on the disk, a moment behind.
final class ObjectCache: Sendable {
    fileprivate struct State {
        var revision: Int64 = 0
        /// What is on the disk, and those outside have been told of.
        var durable: Int64 = 0
        var tables: [String: OrderedTable<CachedObject>] = [:]
        var history: [CacheEvent] = []
        var historyStart = 0
        var historyBytes = 0
        /// Changes at or below this revision are no longer in `history`.
        var historyFloor: Int64 = 0
        var watchers: [String: [ObjectIdentifier: WatchQueue]] = [:]
        /// The revision of each kind's last change.
        var changed: [String: Int64] = [:]
        var historyEventsMax = Limits.historyEventsMax
    }

    private let state = Mutex(State())
    private let store: Store
    let recentTrees = RecentTrees()
    /// One a table of the store: keys outside all others' prefixes come with the empty one.
    private let prefixes: [String]

    /// Reads everything the store holds, and as much of its past as it keeps, so that watches go on over a restart.
    init(store: Store, historyEventsMax: Int = Limits.historyEventsMax) throws(StoreError) {
        self.store = store
        prefixes = [""] + store.options.tables.map(\.prefix)
        var first = State()
        (first.durable, first.revision) = (store.durableRevision, store.revision)
        first.historyEventsMax = historyEventsMax
        for prefix in prefixes {
            for entry in try store.list(prefix: prefix).entries {
                guard let (storage, key) = Self.split(entry.key) else { continue }
                first.tables[storage, default: .init()][key] = Self.object(key, entry)
                first.changed[storage] = max(first.changed[storage] ?? 0, entry.revision)
            }
        }
        try first.loadPast(store, prefixes)
        store.hasRead(through: first.revision)
        state.withLock { [first] in $0 = first }
        // From there watches hear of it, without waiting for the writer's turn. Should it fail, the writer is told.
        store.follow { [weak self] in try? self?.synchronize() }
    }

    /// The revision up to which everything is here.
    var revision: Int64 { state.withLock(\.revision) }

    /// The revision up to which those outside see it.
    var durableRevision: Int64 { state.withLock(\.durable) }

    /// Watches may start after this revision, not before.
    var historyFloor: Int64 { state.withLock(\.historyFloor) }

    /// The revision of the newest change of these kinds.
    func lastChange(of storages: [String]) -> Int64 {
        state.withLock { state in storages.reduce(0) { max($0, state.changed[$1] ?? 0) } }
    }

    /// Writes, and returns when the cache has what was written.
    func commit(_ operations: [StoreOperation]) async throws(StoreError) -> StoreCommit {
        do {
            let commit = try await store.commit(operations)
            try synchronize()
            return commit
        } catch {
            // Whoever tries again after a lost race has to see what won it.
            try synchronize()
            throw error
        }
    }

    /// Returns when everything up to a revision is on the disk, for who tells of it without having written it.
    func settle(_ revision: Int64) async throws(StoreError) {
        // A write of nothing comes to its turn behind all others.
        if durableRevision < revision { _ = try await commit([]) }
    }

    /// Takes over what the store has and the cache has not, in the order of revisions; and what has come to the disk
    /// meanwhile goes to those outside.
    func synchronize() throws(StoreError) {
        try state.withLock { (state) throws(StoreError) in
            defer { state.show(through: store.durableRevision) }
            while true {
                let newest = store.revision
                guard newest > state.revision else { return }
                var events: [StoreEvent] = []
                for prefix in prefixes { events += try Self.pull(store, prefix, after: state.revision, to: newest) }
                if prefixes.count > 1 { events.sort { $0.revision < $1.revision } }
                let together = zip(events, events.dropFirst()).filter { $0.revision == $1.revision }.last?.0.revision
                if let together { state.announce(together) }
                for event in events { state.apply(event) }
                state.revision = newest
                store.hasRead(through: newest)
                state.mark(after: events, everybody: together != nil)
            }
        }
    }

    fileprivate static func pull(_ store: Store, _ prefix: String, after: Int64, to newest: Int64)
        throws(StoreError) -> [StoreEvent]
    {
        var events: [StoreEvent] = []
        var cursor = after
        while cursor < newest {
            let batch = try store.changes(prefix: prefix, after: cursor)
            events += batch.events
            cursor = batch.revision
        }
        while let last = events.last, last.revision > newest { events.removeLast() }
        return events
    }

    /// `group/resource` and the object's own key.
    fileprivate static func split(_ key: String) -> (storage: String, key: String)? {
        let slashes = key.utf8.indices.filter { key.utf8[$0] == UInt8(ascii: "/") }
        guard slashes.count >= 2 else { return nil }
        return (String(key[..<slashes[1]]), String(key[key.index(after: slashes[1])...]))
    }

    fileprivate static func object(_ key: String, _ entry: StoreEntry) -> CachedObject {
        CachedObject(key: key, revision: entry.revision, content: entry.content)
    }

    func get(_ storage: String, _ key: String, for viewer: Viewer = .inside) -> CachedObject? {
        state.withLock { state in
            var object = state.tables[storage]?[key]
            for event in state.events(after: state.revision(for: viewer)).reversed()
            where event.storage == storage && event.key == key { object = event.old }
            return object
        }
    }

    /// A kind's objects and the revision at which they are so. Copying costs nothing.
    func table(_ storage: String, for viewer: Viewer = .inside)
        -> (objects: OrderedTable<CachedObject>, revision: Int64)
    {
        state.withLock { state in
            let revision = state.revision(for: viewer)
            return (state.table(storage, at: revision), revision)
        }
    }

    /// A kind's objects as they were at `revision`; nil when that past is gone. A revision to come gives the present.
    func table(_ storage: String, at revision: Int64) -> OrderedTable<CachedObject>? {
        state.withLock { state in
            guard revision >= min(state.historyFloor, state.revision) else { return nil }
            return state.table(storage, at: revision)
        }
    }

    /// Some kinds' objects and the revision at which they are so.
    func withTables<Result>(
        _ storages: Set<String>, _ read: (_ tables: [(String, OrderedTable<CachedObject>)], _ revision: Int64) -> Result
    ) -> Result {
        let (tables, revision) = state.withLock { state in
            (storages.sorted().map { ($0, state.tables[$0] ?? .init()) }, state.revision)
        }
        return read(tables, revision)
    }

    /// The objects of these kinds that changed after `revision`, each as it is now, and the revision of now; nil when
    /// that past is gone.
    func changes(of storages: Set<String>, after revision: Int64) -> (objects: [CommittedObject], revision: Int64)? {
        state.withLock { state in
            guard revision >= state.historyFloor else { return nil }
            var found: [CommittedObject] = []
            var seen: Set<String> = []
            for event in state.history[state.historyStart...].reversed() {
                guard event.revision > revision else { break }
                guard storages.contains(event.storage), seen.insert("\(event.storage)/\(event.key)").inserted else {
                    continue
                }
                found.append(CommittedObject(storage: event.storage, key: event.key, object: event.new))
            }
            return (found.reversed(), state.revision)
        }
    }

    enum WatchStart: Sendable {
        /// Everything that is there, then what comes.
        case present
        /// What comes from now on.
        case now
        /// What came after this revision, and what comes.
        case after(Int64)
    }

    /// Registers a queue. What `start` asks for is in it when this returns. False when the past asked for is gone.
    /// - Returns: the revision at which the queue's content stands, or nil.
    func watch(_ storage: String, _ queue: WatchQueue, from start: WatchStart) -> Int64? {
        state.withLock { state in
            let present = state.revision(for: queue.viewer)
            switch start {
            case .present:
                var initial: [CacheEvent] = []
                state.table(storage, at: present).forEach { key, object in
                    initial.append(
                        CacheEvent(revision: object.revision, storage: storage, key: key, old: nil, new: object))
                    return true
                }
                queue.start(initial: initial, revision: present)
            case .now:
                queue.start(initial: [], revision: present)
            case .after(let revision):
                guard revision >= state.historyFloor else { return nil }
                let past = state.events(after: revision).filter { $0.storage == storage && $0.revision <= present }
                queue.start(initial: past, revision: max(revision, present))
            }
            state.watchers[storage, default: [:]][ObjectIdentifier(queue)] = queue
            return present
        }
    }

    func unwatch(_ storage: String, _ queue: WatchQueue) {
        state.withLock { _ = $0.watchers[storage]?.removeValue(forKey: ObjectIdentifier(queue)) }
    }

    /// Lets every watch look at the clock: time-outs and bookmarks.
    func tick(now: ContinuousClock.Instant) {
        state.withLock { state in
            for queues in state.watchers.values {
                for queue in queues.values { queue.tick(now: now, revision: state.revision(for: queue.viewer)) }
            }
        }
    }

    /// Ends every watch: the server stops.
    func endWatches() {
        state.withLock { state in
            for queues in state.watchers.values { for queue in queues.values { queue.finish() } }
        }
    }

    var watchCount: Int { state.withLock { $0.watchers.values.reduce(0) { $0 + $1.count } } }

    /// Number of objects per storage name.
    var counts: [String: Int] { state.withLock { $0.tables.mapValues(\.count) } }
}

extension ObjectCache.State {
    fileprivate func revision(for viewer: Viewer) -> Int64 { viewer == .inside ? revision : durable }

    /// Those that the history has, in the order of revisions.
    fileprivate func events(after revision: Int64) -> ArraySlice<CacheEvent> {
        let kept = history[historyStart...]
        guard let last = kept.lastIndex(where: { $0.revision <= revision }) else { return kept }
        return kept[(last + 1)...]
    }

    /// A kind's objects as they were at a revision that the history reaches.
    fileprivate func table(_ storage: String, at revision: Int64) -> OrderedTable<CachedObject> {
        var table = tables[storage] ?? .init()
        for event in events(after: revision).reversed() where event.storage == storage {
            table[event.key] = event.old
        }
        return table
    }

    /// Tells those outside of what has come to the disk.
    fileprivate mutating func show(through revision: Int64) {
        let revision = min(revision, self.revision)
        guard revision > durable else { return }
        var touched: Set<String> = []
        for event in events(after: durable) {
            guard event.revision <= revision else { break }
            for queue in (watchers[event.storage] ?? [:]).values where queue.viewer == .outside { queue.offer(event) }
            touched.insert(event.storage)
        }
        for storage in touched {
            for queue in (watchers[storage] ?? [:]).values where queue.viewer == .outside { queue.mark(revision) }
        }
        durable = revision
    }

    fileprivate mutating func apply(_ change: StoreEvent) {
        guard let (storage, key) = ObjectCache.split(change.key) else { return }
        let old = tables[storage]?[key]
        let new = change.entry.map { ObjectCache.object(key, $0) }
        guard old != nil || new != nil else { return }
        tables[storage, default: .init()][key] = new
        changed[storage] = change.revision
        let event = CacheEvent(revision: change.revision, storage: storage, key: key, old: old, new: new)
        remember(event)
        for queue in (watchers[storage] ?? [:]).values where queue.viewer == .inside { queue.offer(event) }
    }

    /// One commit wrote several objects: all who follow the revision are told, and may wait for each other.
    fileprivate func announce(_ revision: Int64) {
        for queues in watchers.values { for queue in queues.values { queue.announce(revision) } }
    }

    /// Tells the watches inside of the kinds that changed that nothing more of the revision comes.
    fileprivate func mark(after events: [StoreEvent], everybody: Bool) {
        let touched = Set(events.compactMap { ObjectCache.split($0.key)?.storage })
        for storage in everybody ? Set(watchers.keys) : touched {
            for queue in (watchers[storage] ?? [:]).values where queue.viewer == .inside { queue.mark(revision) }
        }
    }

    /// The events that the store still has, with the objects before and after.
    fileprivate mutating func loadPast(_ store: Store, _ prefixes: [String]) throws(StoreError) {
        historyFloor = prefixes.reduce(0) { max($0, store.oldestWatchRevision(prefix: $1)) }
        var events: [StoreEvent] = []
        for prefix in prefixes where historyFloor < revision {
            events += try ObjectCache.pull(store, prefix, after: historyFloor, to: revision)
        }
        // Versions that several events tell of, or that are there still, are held once.
        var known: [String: CachedObject] = [:]
        for event in events.sorted(by: { $0.revision < $1.revision }) {
            guard let (storage, key) = ObjectCache.split(event.key) else { continue }
            func object(_ entry: StoreEntry) -> CachedObject {
                let held = [known[event.key], tables[storage]?[key]].compactMap { $0 }
                return held.first { $0.revision == entry.revision } ?? ObjectCache.object(key, entry)
            }
            let old = event.previous.map(object)
            let new = event.entry.map(object)
            known[event.key] = new
            remember(CacheEvent(revision: event.revision, storage: storage, key: key, old: old, new: new))
        }
    }

    /// Keeps an event, and drops the oldest whole revisions beyond the limits that those outside have been told of.
    fileprivate mutating func remember(_ event: CacheEvent) {
        history.append(event)
        historyBytes += event.bytes
        while history.count - historyStart > historyEventsMax || historyBytes > Limits.historyBytesMax {
            let dropped = history[historyStart]
            guard dropped.revision < event.revision, dropped.revision <= durable else { break }
            historyFloor = dropped.revision
            while historyStart < history.count, history[historyStart].revision == dropped.revision {
                historyBytes -= history[historyStart].bytes
                historyStart += 1
            }
        }
        // What is dropped holds its objects until it is gone from the array.
        if historyStart > history.count / 8 {
            history.removeSubrange(..<historyStart)
            historyStart = 0
        }
    }
}

extension CacheEvent {
    fileprivate var bytes: Int { (old?.byteCount ?? 0) + (new?.byteCount ?? 0) }
}
