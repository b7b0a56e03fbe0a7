package import CMartletABI
package import MapLayout
package import NetTypes

/// One record of the kernel's ring, decoded. Ports are in host order.
package struct FlowEvent: Hashable, Sendable {
    package struct End: Hashable, Sendable {
        package let address: IPAddress
        package let port: UInt16
        /// 0 where it is no pod.
        package let endpoint: UInt32
        package let incarnation: UInt32

        package init(address: IPAddress, port: UInt16, endpoint: UInt32 = 0, incarnation: UInt32 = 0) {
            self.address = address
            self.port = port
            self.endpoint = endpoint
            self.incarnation = incarnation
        }
    }

    package struct Traffic: Hashable, Sendable {
        package let packets: UInt64
        package let bytes: UInt64

        package init(packets: UInt64, bytes: UInt64) {
            self.packets = packets
            self.bytes = bytes
        }
    }

    /// Nanoseconds of CLOCK_MONOTONIC.
    package let monotonicNanoseconds: UInt64
    package let kind: EventKind
    /// As the pod sees it: before masquerade.
    package let source: End
    /// After service translation.
    package let destination: End
    /// The service address that was dialled.
    package let frontend: MapImage.Frontend?
    package let transport: UInt8
    package let reason: DropReason
    package let direction: VerdictDirection
    package let hook: Hook
    package let tcpFlags: UInt8
    package let ruleID: UInt32
    /// Of what passed: the rule of the other direction, which allowed it as well; 0 where that has none.
    package let otherRuleID: UInt32
    package let generation: UInt32
    /// Of a close or reset: original direction, reply. Of a flow or a drop: its packet, in the one it belongs to.
    package let original: Traffic
    package let reply: Traffic
    /// Whether the packet of a flow or a drop came from the end that answers.
    package var isAnswer: Bool {
        switch kind {
        case .flow, .drop: reply.packets > 0
        case .close, .reset: false
        }
    }

    /// Nil for a record whose kind, reason, direction or hook this build does not know.
    package init?(_ event: martlet_event) {
        guard let kind = EventKind(rawValue: event.kind), let reason = DropReason(rawValue: event.reason),
            let direction = VerdictDirection(rawValue: event.direction), let hook = Hook(rawValue: event.hook)
        else { return nil }
        monotonicNanoseconds = event.time_ns
        self.kind = kind
        self.reason = reason
        self.direction = direction
        self.hook = hook
        source = End(
            address: IPAddress(event.source), port: UInt16(bigEndian: event.source_port),
            endpoint: event.source_endpoint, incarnation: event.source_incarnation)
        destination = End(
            address: IPAddress(event.destination), port: UInt16(bigEndian: event.destination_port),
            endpoint: event.destination_endpoint, incarnation: event.destination_incarnation)
        let dialled = event.frontend.high != 0 || event.frontend.low != 0
        frontend =
            dialled
            ? MapImage.Frontend(
                address: IPAddress(event.frontend), port: UInt16(bigEndian: event.frontend_port),
                transport: event.protocol) : nil
        transport = event.protocol
        tcpFlags = event.tcp_flags
        ruleID = event.rule_id
        otherRuleID = event.other_rule_id
        generation = event.generation
        original = Traffic(packets: event.packets.0, bytes: event.bytes.0)
        reply = Traffic(packets: event.packets.1, bytes: event.bytes.1)
    }
}
