/// The present state: every key's entry, and the revision that all of it reflects. Pure; a copy is cheap.
struct StoreModel: Sendable {
    /// Operations of one transaction; a revision's place in the log has room for no more.
    static let operationsMax = 1 << Int(LogSequence.ordinalBits)
    static let keyBytesMax = 2_048

    /// Longest prefix first; the last one takes every key.
    let tables: [StoreTable]
    private(set) var keys: [KeyTable]
    private(set) var revision: Int64 = 0
    private let stateBytesMax: Int
    private let valueBytesMax: Int

    init(options: StoreOptions) {
        tables = options.tables.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count } + [options.objects]
        keys = tables.map { _ in KeyTable() }
        stateBytesMax = options.stateBytesMax
        valueBytesMax = options.valueBytesMax
    }

    /// The table that a key, or the prefix of a list, belongs to.
    func table(of key: String) -> Int {
        tables.firstIndex { key.hasPrefix($0.prefix) } ?? tables.count - 1
    }

    func entry(_ key: String) -> StoreEntry? { keys[table(of: key)].entry(key) }

    var bytes: Int { keys.reduce(0) { $0 + $1.bytes } }

    /// Carries out all operations as the next revision, or none of them. The events are in the operations' order; none
    /// means that nothing changed and no revision was used.
    mutating func apply(_ operations: [StoreOperation]) throws(StoreError) -> [StoreEvent] {
        try check(operations)
        let next = revision + 1
        var events: [StoreEvent] = []
        events.reserveCapacity(operations.count)
        for operation in operations {
            switch operation {
            case .put(let key, let value, let stampAt, _):
                let sequence = LogSequence(revision: next, ordinal: events.count)
                let old = entry(key)
                let bytes = stampAt.map { Self.stamp(value, with: next, at: $0) } ?? value
                let new = StoreEntry(
                    key: key, value: bytes, createRevision: old?.createRevision ?? next, sequence: sequence)
                events.append(StoreEvent(revision: next, key: key, entry: new, previous: old, sequence: sequence))
                keys[table(of: key)].put(new)
            case .delete(let key, _):
                guard let old = entry(key) else { continue }
                let sequence = LogSequence(revision: next, ordinal: events.count)
                events.append(StoreEvent(revision: next, key: key, entry: nil, previous: old, sequence: sequence))
                keys[table(of: key)].remove(key)
            case .check: continue
            }
        }
        if !events.isEmpty { revision = next }
        return events
    }

    /// Takes over what the log says, in the log's order. Returns the event.
    mutating func replay(key: String, value: [UInt8]?, createRevision: Int64, sequence: LogSequence, table: Int)
        -> StoreEvent
    {
        let old = keys[table].entry(key)
        let new = value.map {
            StoreEntry(key: key, value: $0, createRevision: createRevision, sequence: sequence)
        }
        if let new { keys[table].put(new) } else { keys[table].remove(key) }
        advance(to: sequence.revision)
        return StoreEvent(revision: sequence.revision, key: key, entry: new, previous: old, sequence: sequence)
    }

    mutating func advance(to revision: Int64) { self.revision = max(self.revision, revision) }

    private func check(_ operations: [StoreOperation]) throws(StoreError) {
        guard operations.count <= Self.operationsMax else {
            throw StoreError(
                .invalid, "a transaction has \(operations.count) operations, at most \(Self.operationsMax) are taken")
        }
        var seen: Set<String> = []
        var added = 0
        for operation in operations {
            let key = operation.key
            guard !key.isEmpty, key.utf8.count <= Self.keyBytesMax else {
                throw StoreError(.invalid, "a key has 1 to \(Self.keyBytesMax) bytes, this has \(key.utf8.count)")
            }
            if operations.count > 1, !seen.insert(key).inserted {
                throw StoreError(.invalid, "key \(key) stands twice in a transaction")
            }
            switch operation {
            case .put(_, let value, let stampAt, let expected):
                guard value.count <= valueBytesMax, stampAt ?? 0 <= value.count else {
                    throw StoreError(
                        .invalid,
                        "the value of \(key) has \(value.count) bytes, at most \(valueBytesMax), and is stamped within")
                }
                added += value.count + key.utf8.count
                try check(key, expected)
            case .delete(_, let expected), .check(_, let expected): try check(key, expected)
            }
        }
        guard added == 0 || bytes + added <= stateBytesMax else {
            throw StoreError(
                .stateFull, "the state has \(bytes) of at most \(stateBytesMax) bytes; delete objects to go on")
        }
    }

    private func check(_ key: String, _ expected: StoreExpectation) throws(StoreError) {
        let current = entry(key)
        let holds =
            switch expected {
            case .anything: true
            case .absent: current == nil
            case .present: current != nil
            case .revision(let revision): current?.revision == revision
            }
        guard !holds else { return }
        throw StoreError(.conflict, "key \(key) is not as expected", current: current)
    }

    private static func stamp(_ value: [UInt8], with revision: Int64, at offset: Int) -> [UInt8] {
        let digits = Array(String(revision).utf8)
        return [UInt8](unsafeUninitializedCapacity: value.count + digits.count) { buffer, count in
            count = value.count + digits.count
            value.withUnsafeBufferPointer { source in
                for index in 0..<offset { buffer[index] = source[index] }
                for index in digits.indices { buffer[offset + index] = digits[index] }
                for index in offset..<source.count { buffer[index + digits.count] = source[index] }
            }
        }
    }
}
