import BPFRuntime
import CMartletABI
import JSONText
import MapLayout
import NetTypes

/// The flows that are open already. Each that is shown is judged again, as its next packet would be.
extension LocalRequests {
    /// How many are shown; all are counted.
    static let openFlowsMax = 8

    /// What becomes of an open flow with its next packet.
    enum OpenState: String {
        case allowed
        /// Forbidden, and it goes on all the same (`on-change: keep`).
        case kept
        /// The next packet is dropped.
        case dropped
        /// Both ends are told within a second that it is over.
        case reset
    }

    static func state(_ next: RecheckedFlow) -> OpenState {
        if next.has(MARTLET_FLOW_WAS_RESET) { return .reset }
        if next.reason != DropReason.none.rawValue { return .dropped }
        return next.has(MARTLET_FLOW_KEPT) ? .kept : .allowed
    }

    /// Flows of this node's table from one address to another one's port. Only flows that were allowed have an entry.
    func openFlows(
        _ source: IPAddress, _ destination: IPAddress, _ transport: TransportProtocol, _ port: UInt16
    ) async throws -> JSONValue {
        let now = UInt64(SystemClock.monotonicNanoseconds)
        var found: [OpenFlow] = []
        for (key, flow) in try datapath.entries(MapCatalog.flows) where key.protocol == transport.rawValue {
            let open = OpenFlow(key, flow)
            if open.source == source, (open.destination, open.destinationPort) == (destination, port),
                open.isLive(at: now), !open.has(MARTLET_FLOW_WAS_RESET)
            {
                found.append(open)
            }
        }
        found.sort { $0.sourcePort < $1.sourcePort }
        var items: [JSONValue] = []
        for open in found.prefix(Self.openFlowsMax) {
            // An idle flow has not met the change yet that forbids it.
            guard let next = try datapath.recheck(open.key) else { continue }
            let flow = try datapath.get(MapCatalog.flows, open.key) ?? open.flow
            items.append([
                "sourcePort": .integer(Int64(open.sourcePort)), "generation": .integer(Int64(flow.generation)),
                "state": .string(Self.state(next).rawValue),
                "nextReason": DropReason(rawValue: next.reason).map { .string($0.name) } ?? .null,
                "revision": await engine.revision(of: flow.generation).map { .integer($0) } ?? .null,
                "egress": await engine.ruleJSON(flow.rule_id.0), "ingress": await engine.ruleJSON(flow.rule_id.1),
            ])
        }
        return ["count": .integer(Int64(found.count)), "items": .array(items)]
    }
}
