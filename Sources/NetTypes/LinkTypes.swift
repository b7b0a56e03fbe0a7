/// A 48-bit Ethernet address.
package struct MACAddress: Hashable, Sendable, LosslessStringConvertible {
    /// Six bytes, in transmission order.
    package let bytes: [UInt8]

    package init?(bytes: [UInt8]) {
        guard bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    /// Parses `aa:bb:cc:dd:ee:ff`.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
        guard parts.count == 6, bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}

/// Transport protocols that Kubernetes names, with their IANA numbers.
package enum TransportProtocol: UInt8, Sendable, CaseIterable, Comparable {
    case tcp = 6
    case udp = 17
    case sctp = 132

    /// `TCP`, `UDP` or `SCTP`, as in a Service or NetworkPolicy.
    package init?(kubernetesName: String) {
        switch kubernetesName {
        case "TCP": self = .tcp
        case "UDP": self = .udp
        case "SCTP": self = .sctp
        default: return nil
        }
    }

    package var kubernetesName: String {
        switch self {
        case .tcp: "TCP"
        case .udp: "UDP"
        case .sctp: "SCTP"
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// An inclusive range of ports.
package struct PortRange: Hashable, Sendable {
    package let low: UInt16
    package let high: UInt16

    /// Nil where `high < low`.
    package init?(low: UInt16, high: UInt16) {
        guard low <= high else { return nil }
        self.low = low
        self.high = high
    }

    package init(_ port: UInt16) {
        low = port
        high = port
    }

    package static let all = PortRange(unchecked: 0, 65535)

    private init(unchecked low: UInt16, _ high: UInt16) {
        self.low = low
        self.high = high
    }

    package func contains(_ port: UInt16) -> Bool { low <= port && port <= high }
}
