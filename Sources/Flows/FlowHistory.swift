/// The latest records, in a ring: the oldest make room.
package struct FlowHistory: Sendable {
    package let capacity: Int
    private var ring: [FlowRecord] = []
    /// Where the next record goes once the ring is full.
    private var next = 0

    package init(capacity: Int) {
        precondition(capacity > 0, "a history holds something")
        self.capacity = capacity
    }

    package var count: Int { ring.count }

    package mutating func append(_ record: FlowRecord) {
        if ring.count < capacity {
            ring.append(record)
        } else {
            ring[next] = record
            next = (next + 1) % capacity
        }
    }

    /// The record at an age: 0 is the oldest that is held.
    private func record(_ index: Int) -> FlowRecord { ring[(next + index) % ring.count] }

    /// Records after a sequence number, oldest first: what a follower has not seen. At most the first `limit`.
    package func records(after sequence: UInt64, matching filter: FlowFilter, limit: Int) -> [FlowRecord] {
        var result: [FlowRecord] = []
        var index = firstIndex(after: sequence)
        while index < ring.count, result.count < limit {
            let record = record(index)
            if filter.matches(record) { result.append(record) }
            index += 1
        }
        return result
    }

    /// The latest that match, oldest first.
    package func latest(matching filter: FlowFilter, limit: Int) -> [FlowRecord] {
        var result: [FlowRecord] = []
        var index = ring.count - 1
        while index >= 0, result.count < limit {
            let record = record(index)
            if let since = filter.sinceUnixNanoseconds, record.unixNanoseconds < since { break }
            if filter.matches(record) { result.append(record) }
            index -= 1
        }
        return result.reversed()
    }

    /// Sequence numbers grow along the ring.
    private func firstIndex(after sequence: UInt64) -> Int {
        var low = 0
        var high = ring.count
        while low < high {
            let middle = (low + high) / 2
            if record(middle).sequence <= sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
