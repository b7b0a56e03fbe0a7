package import DaemonAPI

/// Who may work on an attachment: one at a time for each key, in the order of arrival; and a DEL ends every ADD of its
/// key that was started before it, whether it runs, waits, or has not been read yet. Times are CLOCK_BOOTTIME in
/// nanoseconds, as the plugin took them when it was started.
package struct AttachmentTurns: Sendable {
    /// A DEL is remembered this long; the plugin's own time limit is shorter.
    package static let memoryNanoseconds: Int64 = 60_000_000_000
    /// At most this many keys' DELs are remembered; past it the oldest is forgotten.
    package static let rememberedMax = 4_096

    package enum Verb: Sendable, Hashable { case add, delete, check }
    package typealias Ticket = UInt64

    package enum Arrival: Sendable, Hashable {
        case proceed(Ticket)
        /// `leave` names the ticket when its turn comes.
        case wait(Ticket)
        /// A DEL that was started later has been here already.
        case refuse
    }

    private struct Entry {
        let ticket: Ticket
        let verb: Verb
        let started: Int64
    }

    /// The first of each list has its turn.
    private var lines: [AttachmentKey: [Entry]] = [:]
    private var deletions: [AttachmentKey: Int64] = [:]
    private var lastTicket: Ticket = 0

    package init() {}

    /// A request for `key`. `cancelled` are tickets that are to give up: a running one undoes its work and leaves, a
    /// waiting one has left its line already.
    package mutating func arrive(_ verb: Verb, _ key: AttachmentKey, started: Int64, now: Int64)
        -> (arrival: Arrival, cancelled: [Ticket])
    {
        if verb == .add, let deleted = deletions[key], started <= deleted { return (.refuse, []) }
        lastTicket += 1
        let entry = Entry(ticket: lastTicket, verb: verb, started: started)
        var cancelled: [Ticket] = []
        if verb == .delete {
            remember(key, started, now: now)
            let line = lines[key] ?? []
            cancelled = line.filter { $0.verb == .add && $0.started <= started }.map(\.ticket)
            lines[key] = line.enumerated().filter { $0.offset == 0 || !cancelled.contains($0.element.ticket) }
                .map(\.element)
        }
        lines[key, default: []].append(entry)
        return (lines[key]?.count == 1 ? .proceed(lastTicket) : .wait(lastTicket), cancelled)
    }

    /// The holder of `ticket` is done, or gave up waiting. Returns the ticket whose turn it is now, where that changed.
    package mutating func leave(_ ticket: Ticket, _ key: AttachmentKey) -> Ticket? {
        guard var line = lines[key], let index = line.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        line.remove(at: index)
        lines[key] = line.isEmpty ? nil : line
        return index == 0 ? line.first?.ticket : nil
    }

    /// Keys that somebody works on or waits for.
    package var busyKeys: Int { lines.count }

    private mutating func remember(_ key: AttachmentKey, _ started: Int64, now: Int64) {
        deletions[key] = max(started, deletions[key] ?? started)
        guard deletions.count > Self.rememberedMax else { return }
        deletions = deletions.filter { $0.value > now - Self.memoryNanoseconds }
        while deletions.count > Self.rememberedMax, let oldest = deletions.min(by: { $0.value < $1.value }) {
            deletions[oldest.key] = nil
        }
    }
}
