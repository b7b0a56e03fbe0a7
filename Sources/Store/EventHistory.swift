/// The newest events of a table, whole revisions only: what watchers read, and how far behind they may be.
struct EventHistory: Sendable {
    private var events: [StoreEvent] = []
    /// Events before it are dropped; the array, which holds their values until then, is closed up once an eighth is.
    private var head = 0
    private var bytes = 0
    /// Events of this revision and before are gone.
    private(set) var startRevision: Int64
    private let eventsMax: Int
    private let bytesMax: Int

    init(table: StoreTable, startRevision: Int64) {
        eventsMax = table.historyEventsMax
        bytesMax = table.historyBytesMax
        self.startRevision = startRevision
    }

    var count: Int { events.count - head }

    mutating func append(_ event: StoreEvent) {
        events.append(event)
        bytes += event.bytes
    }

    /// Drops the oldest revisions until the limits hold. The newest revision always stays, and so does what is newer
    /// than `unread`.
    mutating func trim(unread: Int64 = .max) {
        guard let newest = events.last?.revision else { return }
        while count > eventsMax || bytes > bytesMax, events[head].revision < newest, events[head].revision <= unread {
            dropOldestRevision()
        }
        closeUp()
    }

    /// Drops every event up to this revision.
    mutating func drop(through revision: Int64) {
        while head < events.count, events[head].revision <= revision { dropOldestRevision() }
        startRevision = max(startRevision, revision)
        closeUp()
    }

    /// Events after `revision` whose key has the prefix: at most about `limit`, but never part of a revision; and the
    /// revision up to which all has been looked at. Nil where events after `revision` are gone.
    func batch(after revision: Int64, prefix: String, limit: Int, through newest: Int64) -> StoreBatch? {
        guard revision >= startRevision else { return nil }
        var index = firstIndex(after: revision)
        var found: [StoreEvent] = []
        var reached = newest
        while index < events.count {
            let event = events[index]
            if found.count >= limit, let last = found.last, last.revision != event.revision {
                reached = event.revision - 1
                break
            }
            if event.key.hasPrefix(prefix) { found.append(event) }
            index += 1
        }
        return StoreBatch(events: found, revision: reached)
    }

    private func firstIndex(after revision: Int64) -> Int {
        var low = head
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func dropOldestRevision() {
        let oldest = events[head].revision
        while head < events.count, events[head].revision == oldest {
            bytes -= events[head].bytes
            head += 1
        }
        startRevision = oldest
    }

    private mutating func closeUp() {
        guard head > 64, head > events.count / 8 else { return }
        events.removeFirst(head)
        head = 0
    }
}
