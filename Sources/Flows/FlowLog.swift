package import CMartletABI
package import JSONText
import MapLayout

/// Everything that is kept of the kernel's events: the latest records, totals, and how much was lost on the way.
package struct FlowLog: Sendable {
    /// Records that are kept (about 300 bytes each).
    package static let recordsMax = 16_384
    /// Kinds of flows that are counted apart.
    package static let totalsMax = 4_096

    package private(set) var history: FlowHistory
    package private(set) var totals: FlowTotals
    package private(set) var nextSequence: UInt64 = 1
    /// Read from the ring, and not handed on because this side was slow.
    package private(set) var lost: UInt64 = 0
    /// Of a kind that this build does not know.
    package private(set) var unknown: UInt64 = 0

    package init(recordsMax: Int = Self.recordsMax, totalsMax: Int = Self.totalsMax) {
        history = FlowHistory(capacity: recordsMax)
        totals = FlowTotals(capacity: totalsMax)
    }

    /// Takes in a batch. Names are resolved now. Returns the new records, in order.
    @discardableResult
    package mutating func ingest(
        _ events: [martlet_event], lost: UInt64 = 0, anchor: ClockAnchor, names: some FlowNames,
        trial: (FlowRecord) -> FlowTrial? = { _ in nil }
    ) -> [FlowRecord] {
        self.lost += lost
        var records: [FlowRecord] = []
        for raw in events {
            guard let event = FlowEvent(raw) else {
                unknown += 1
                continue
            }
            var record = FlowRecord(event, sequence: nextSequence, anchor: anchor, names: names)
            record.trial = trial(record)
            nextSequence += 1
            history.append(record)
            totals.add(record)
            records.append(record)
        }
        return records
    }

    /// Counts for `status`.
    package var summary: JSONValue {
        [
            "records": .integer(Int64(history.count)), "sequence": .integer(Int64(nextSequence - 1)),
            "lost": .integer(Int64(clamping: lost)), "unknown": .integer(Int64(clamping: unknown)),
            "kinds": .integer(Int64(totals.totals.count)),
            "kindsEvicted": .integer(Int64(clamping: totals.evicted)),
        ]
    }
}
