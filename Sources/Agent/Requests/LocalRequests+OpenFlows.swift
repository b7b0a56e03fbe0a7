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
        var found: [(port: UInt16, flow: martlet_flow)] = []
        for (key, flow) in try datapath.entries(MapCatalog.flows) where key.protocol == transport.rawValue {
            let opensLow = UInt32(flow.flags) & MARTLET_FLOW_OPENER_LOW.rawValue != 0
            let opener = (IPAddress(opensLow ? key.low : key.high), opensLow ? key.low_port : key.high_port)
            let responder = (IPAddress(opensLow ? key.high : key.low), opensLow ? key.high_port : key.low_port)
            guard opener.0 == source, responder == (destination, port.bigEndian), flow.isLive(key.protocol, at: now)
            else { continue }
            found.append((UInt16(bigEndian: opener.1), flow))
        }
        found.sort { $0.port < $1.port }
        var items: [JSONValue] = []
        for (port, flow) in found.prefix(Self.openFlowsMax) {
            items.append([
                "sourcePort": .integer(Int64(port)), "generation": .integer(Int64(flow.generation)),
                "revision": await engine.revision(of: flow.generation).map { .integer($0) } ?? .null,
                "egress": await engine.ruleJSON(flow.rule_id.0), "ingress": await engine.ruleJSON(flow.rule_id.1),
            ])
        }
        return ["count": .integer(Int64(found.count)), "items": .array(items)]
    }
}

extension martlet_flow {
    /// Whether the entry still counts: the kernel takes one that was silent for longer as absent.
    func isLive(_ transport: UInt8, at now: UInt64) -> Bool {
        let isTCP = transport == TransportProtocol.tcp.rawValue
        let isPickedUp = UInt32(flags) & MARTLET_FLOW_PICKED_UP.rawValue != 0
        let seconds: UInt32
        switch UInt32(state) {
        case MARTLET_STATE_NEW.rawValue:
            seconds = isTCP ? MARTLET_TIMEOUT_TCP_NEW_S.rawValue : MARTLET_TIMEOUT_NEW_S.rawValue
        case MARTLET_STATE_ESTABLISHED.rawValue:
            if !isTCP {
                seconds = MARTLET_TIMEOUT_ESTABLISHED_S.rawValue
            } else {
                seconds =
                    isPickedUp ? MARTLET_TIMEOUT_TCP_PICKED_UP_S.rawValue : MARTLET_TIMEOUT_TCP_ESTABLISHED_S.rawValue
            }
        case MARTLET_STATE_CLOSING.rawValue: seconds = MARTLET_TIMEOUT_TCP_CLOSING_S.rawValue
        default: seconds = MARTLET_TIMEOUT_TCP_CLOSED_S.rawValue
        }
        return now < last_seen_ns &+ UInt64(seconds) * 1_000_000_000
    }
}
