import CMartletABI
import KubeObjects
import MapLayout
import NetTypes

/// The flows that are open now, counted by addresses, port and what a change would do to them.
struct LiveFlows {
    struct Connection: Hashable, Comparable {
        let source: IPAddress
        let destination: IPAddress
        let transport: UInt8
        let port: UInt16
        let changeMode: ChangeMode?

        static func < (left: Self, right: Self) -> Bool {
            (left.source, left.destination, left.transport, left.port, left.changeMode?.rawValue ?? "")
                < (right.source, right.destination, right.transport, right.port, right.changeMode?.rawValue ?? "")
        }
    }

    private var counts: [Connection: Int] = [:]

    /// Takes a flow that counts at `now` (monotonic nanoseconds), is not on its way out and that policy is asked about.
    mutating func add(_ open: OpenFlow, at now: UInt64) {
        guard open.isLive(at: now), Self.isOpen(open.flow), !Self.isUnjudged(open.flow) else { return }
        let connection = Connection(
            source: open.source, destination: open.destination, transport: open.key.protocol,
            port: open.destinationPort, changeMode: open.changeMode)
        counts[connection, default: 0] += 1
    }

    /// Those with the most flows first, and how many find no room.
    func widest(_ limit: Int) -> (connections: [(connection: Connection, count: Int)], leftOut: Int) {
        let sorted = counts.sorted { left, right in
            left.value != right.value ? left.value > right.value : left.key < right.key
        }
        return (sorted.prefix(limit).map { ($0.key, $0.value) }, max(0, sorted.count - limit))
    }

    /// A connection that closes has nothing left to cut.
    private static func isOpen(_ flow: martlet_flow) -> Bool {
        [MARTLET_STATE_NEW.rawValue, MARTLET_STATE_ESTABLISHED.rawValue].contains(UInt32(flow.state))
    }

    /// A pod with its own node or with itself: policy is not asked.
    private static func isUnjudged(_ flow: martlet_flow) -> Bool {
        let rules = [MARTLET_RULE_NODE.rawValue, MARTLET_RULE_SELF.rawValue]
        return rules.contains(flow.rule_id.0) || rules.contains(flow.rule_id.1)
    }
}
