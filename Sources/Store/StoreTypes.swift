import Glibc

/// A value under a key, as of one revision.
package struct StoreEntry: Sendable, Hashable {
    package let key: String
    package let content: StoredValue
    /// The revision in which the key came into being (again).
    package let createRevision: Int64
    /// Where the entry stands in the log: its revision and its place in the transaction.
    let sequence: LogSequence

    init(key: String, value: [UInt8], createRevision: Int64, sequence: LogSequence) {
        self.key = key
        content = StoredValue(value)
        self.createRevision = createRevision
        self.sequence = sequence
    }

    /// The value's bytes, which are unpacked for this where it has lain for a while.
    package var value: [UInt8] { content.bytes }

    /// The revision that wrote this value.
    package var revision: Int64 { sequence.revision }
}

/// A place in the log. Orders as revisions do.
struct LogSequence: Sendable, Hashable, Comparable {
    /// Operations in one transaction are told apart by this many bits.
    static let ordinalBits: Int64 = 12
    let rawValue: Int64

    init(rawValue: Int64) { self.rawValue = rawValue }

    init(revision: Int64, ordinal: Int) { rawValue = revision << Self.ordinalBits | Int64(ordinal) }

    var revision: Int64 { rawValue >> Self.ordinalBits }

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What a key must be for an operation to go ahead.
package enum StoreExpectation: Sendable, Hashable {
    case anything
    case absent
    case present
    /// Written last by this revision.
    case revision(Int64)
}

/// One change, or one condition, of a transaction.
package enum StoreOperation: Sendable {
    /// Where `stampAt` is given, the revision's decimal digits are inserted into `value` at that offset, so that the
    /// bytes carry the revision that wrote them and can be handed out as they are.
    case put(key: String, value: [UInt8], stampAt: Int? = nil, expected: StoreExpectation = .anything)
    /// Deleting what is absent under `.anything` changes nothing.
    case delete(key: String, expected: StoreExpectation = .present)
    /// Only a condition.
    case check(key: String, expected: StoreExpectation)

    package var key: String {
        switch self {
        case .put(let key, _, _, _), .delete(let key, _), .check(let key, _): key
        }
    }
}

/// What one acknowledged transaction wrote.
package struct StoreCommit: Sendable {
    /// The revision of all of it; the store's present revision where nothing changed.
    package let revision: Int64
    /// One per change, in the order of the operations.
    package let events: [StoreEvent]
}

/// One key's change.
package struct StoreEvent: Sendable {
    package let revision: Int64
    package let key: String
    /// What stands under the key now; nil where it was deleted.
    package let entry: StoreEntry?
    /// What stood there before; nil where it was created.
    package let previous: StoreEntry?
    let sequence: LogSequence

    var bytes: Int { key.utf8.count + (entry?.content.count ?? previous?.content.count ?? 0) }
}

/// Entries of a list, in key order, all as of one revision.
package struct StorePage: Sendable {
    package let entries: [StoreEntry]
    /// The revision the page reflects.
    package let revision: Int64
    /// Entries that follow; 0 on the last page.
    package let remaining: Int
    package var isLast: Bool { remaining == 0 }
}

/// What a watcher gets at once: whole revisions, in order. Without events it is a bookmark.
package struct StoreBatch: Sendable {
    package let events: [StoreEvent]
    /// Every matching event up to this revision has been delivered.
    package let revision: Int64
}

/// A part of the keys with a log and a history of its own, so that what changes often does not push out the history
/// of the rest. A key belongs to the table with the longest prefix that fits; a list or a watch looks into one table.
package struct StoreTable: Sendable {
    /// Lower-case letters; names the SQL table.
    package let name: String
    package let prefix: String
    /// Events that a watcher may be behind.
    package let historyEventsMax: Int
    package let historyBytesMax: Int
    /// Entries older than this are deleted by the store.
    package let timeToLive: Duration?

    package init(
        name: String, prefix: String, historyEventsMax: Int = 16_384, historyBytesMax: Int = 32 << 20,
        timeToLive: Duration? = nil
    ) {
        self.name = name
        self.prefix = prefix
        self.historyEventsMax = historyEventsMax
        self.historyBytesMax = historyBytesMax
        self.timeToLive = timeToLive
    }
}

/// How a store is opened.
package struct StoreOptions: Sendable {
    /// Besides the table `objects`, which holds every key that none of these has.
    package var tables: [StoreTable] = []
    package var objects = StoreTable(name: "objects", prefix: "")
    /// Keys and values of the present state together; above it only deletes succeed.
    package var stateBytesMax = 2 << 30
    package var valueBytesMax = 8 << 20
    /// A watcher without events gets a bookmark this often.
    package var bookmarkInterval = Duration.seconds(10)
    /// How often compaction, checkpoint and expiry look for work.
    package var maintenanceInterval = Duration.seconds(1)
    /// The time in whole seconds since 1970; only expiry reads it.
    package var unixSeconds: @Sendable () -> Int64

    /// Nanoseconds since 1970, for the times of commits.
    package var unixNanoseconds: @Sendable () -> Int64
    /// Brings a file to the disk, and answers as `fdatasync` does.
    package var syncFile: @Sendable (Int32) -> Int32 = { fdatasync($0) }

    package init() {
        unixSeconds = { systemUnixSeconds() }
        unixNanoseconds = { systemUnixNanoseconds() }
    }
}
