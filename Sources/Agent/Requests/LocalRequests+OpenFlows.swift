import BPFRuntime
import CMartletABI
import JSONText
import MapLayout
import NetTypes

/// The flows that are open already: what was said of them stands until their next packet.
extension LocalRequests {
    /// How many are shown; all are counted.
    static let openFlowsMax = 8

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
            let flow = open.flow
            items.append([
                "sourcePort": .integer(Int64(open.sourcePort)), "generation": .integer(Int64(flow.generation)),
                "kept": .bool(open.has(MARTLET_FLOW_KEPT)),
                "revision": await engine.revision(of: flow.generation).map { .integer($0) } ?? .null,
                "egress": await engine.ruleJSON(flow.rule_id.0), "ingress": await engine.ruleJSON(flow.rule_id.1),
            ])
        }
        return ["count": .integer(Int64(found.count)), "items": .array(items)]
    }
}
