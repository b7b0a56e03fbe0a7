package import KubeObjects
package import MapLayout

/// Counts of alike flows: who talks to whom, with what outcome. Bounded: when it is full, the quarter that was quiet
/// longest goes, and is counted.
package struct FlowTotals: Sendable {
    package struct Key: Hashable, Sendable {
        package let source: FlowParty
        package let destination: FlowParty
        package let transport: UInt8
        /// Of the destination.
        package let port: UInt16
        package let verdict: FlowVerdict
        package let reason: DropReason
        package let ruleID: UInt32
    }

    package struct Total: Hashable, Sendable {
        package fileprivate(set) var events: UInt64 = 0
        /// Both directions, as closes tell them.
        package fileprivate(set) var packets: UInt64 = 0
        package fileprivate(set) var bytes: UInt64 = 0
        package fileprivate(set) var firstUnixNanoseconds: UInt64
        package fileprivate(set) var lastUnixNanoseconds: UInt64
    }

    package let capacity: Int
    package private(set) var totals: [Key: Total] = [:]
    /// How many were thrown away for room.
    package private(set) var evicted: UInt64 = 0

    package init(capacity: Int) {
        precondition(capacity > 0, "totals hold something")
        self.capacity = capacity
    }

    package mutating func add(_ record: FlowRecord) {
        let event = record.event
        let key = Key(
            source: record.sourcePod.map(FlowParty.name) ?? .address(event.source.address),
            destination: record.destinationPod.map(FlowParty.name) ?? .address(event.destination.address),
            transport: event.transport, port: event.destination.port, verdict: record.verdict, reason: event.reason,
            ruleID: event.ruleID)
        if totals[key] == nil, totals.count >= capacity { evictQuarter() }
        let time = record.unixNanoseconds
        var total = totals[key] ?? Total(firstUnixNanoseconds: time, lastUnixNanoseconds: time)
        total.events += 1
        total.packets += event.original.packets + event.reply.packets
        total.bytes += event.original.bytes + event.reply.bytes
        total.lastUnixNanoseconds = max(total.lastUnixNanoseconds, time)
        totals[key] = total
    }

    private mutating func evictQuarter() {
        let goes = totals.sorted { $0.value.lastUnixNanoseconds < $1.value.lastUnixNanoseconds }
            .prefix(max(1, capacity / 4))
        for (key, _) in goes { totals[key] = nil }
        evicted += UInt64(goes.count)
    }
}
