import CMartletABI
import KubeObjects
import MapLayout
import NetTypes

/// An entry of the kernel's flow table, from its opener to its responder.
struct OpenFlow {
    let key: martlet_flow_key
    let flow: martlet_flow

    init(_ key: martlet_flow_key, _ flow: martlet_flow) {
        self.key = key
        self.flow = flow
    }

    private var opensLow: Bool { has(MARTLET_FLOW_OPENER_LOW) }

    func has(_ flag: martlet_flow_flag) -> Bool { UInt32(flow.flags) & flag.rawValue != 0 }

    var source: IPAddress { IPAddress(opensLow ? key.low : key.high) }
    var sourcePort: UInt16 { UInt16(bigEndian: opensLow ? key.low_port : key.high_port) }
    var destination: IPAddress { IPAddress(opensLow ? key.high : key.low) }
    var destinationPort: UInt16 { UInt16(bigEndian: opensLow ? key.high_port : key.low_port) }

    /// The strictest that the policies of both ends asked for when it was judged last; nil where none selected either.
    var changeMode: ChangeMode? {
        if has(MARTLET_FLOW_RESET) { return .reset }
        if has(MARTLET_FLOW_RECHECK) { return .recheck }
        return has(MARTLET_FLOW_KEEP) ? .keep : nil
    }

    /// Whether the entry still counts: the kernel takes one that was silent for longer as absent.
    func isLive(at now: UInt64) -> Bool {
        let isTCP = key.protocol == TransportProtocol.tcp.rawValue
        let seconds: martlet_timeout =
            switch UInt32(flow.state) {
            case MARTLET_STATE_NEW.rawValue: isTCP ? MARTLET_TIMEOUT_TCP_NEW_S : MARTLET_TIMEOUT_NEW_S
            case MARTLET_STATE_ESTABLISHED.rawValue where !isTCP: MARTLET_TIMEOUT_ESTABLISHED_S
            case MARTLET_STATE_ESTABLISHED.rawValue:
                has(MARTLET_FLOW_PICKED_UP) ? MARTLET_TIMEOUT_TCP_PICKED_UP_S : MARTLET_TIMEOUT_TCP_ESTABLISHED_S
            case MARTLET_STATE_CLOSING.rawValue: MARTLET_TIMEOUT_TCP_CLOSING_S
            default: MARTLET_TIMEOUT_TCP_CLOSED_S
            }
        return now < flow.last_seen_ns &+ UInt64(seconds.rawValue) * 1_000_000_000
    }
}
