/// An IPv4 or IPv6 address. IPv4 is held v4-mapped (`::ffff:a.b.c.d`), as in every kernel map, so that one code path
/// serves both families. Ordered as the 128-bit big-endian number.
package struct IPAddress: Hashable, Sendable, Comparable, LosslessStringConvertible {
    /// Bytes 0 to 7, most significant first.
    package let high: UInt64
    /// Bytes 8 to 15, most significant first.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its 32 bits in host order.
    package init(v4 bits: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(bits))
    }

    /// Parses dotted-decimal or RFC 4291 text; no zone, no leading zeros in IPv4. Nil for anything else.
    package init?(_ text: String) {
        guard let parsed = IPAddressText.parse(text) else { return nil }
        self = parsed
    }

    /// 16 bytes in network order; nil for another count. (4 bytes: see `init(v4:)`.)
    package init?(networkBytes bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        self.init(high: words.0, low: words.1)
    }

    package static let unspecifiedV4 = IPAddress(v4: 0)
    package static let unspecifiedV6 = IPAddress(high: 0, low: 0)

    package var isV4: Bool { high == 0 && low >> 32 == 0xffff }
    package var family: IPFamily { isV4 ? .v4 : .v6 }
    package var v4Bits: UInt32? { isV4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// 16 bytes in network order, IPv4 mapped.
    package var networkBytes: [UInt8] {
        (0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - (index % 8) * 8))
        }
    }

    /// The bytes of the address' own family: 4 or 16.
    package var familyBytes: [UInt8] { isV4 ? Array(networkBytes[12...]) : networkBytes }

    /// RFC 5952 text; dotted decimal for IPv4.
    package var description: String { IPAddressText.print(self) }

    package static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The address `distance` further on; nil past the end of the address space.
    package func advanced(by distance: UInt64) -> IPAddress? {
        let (sum, carry) = low.addingReportingOverflow(distance)
        if carry && high == .max { return nil }
        return IPAddress(high: carry ? high + 1 : high, low: sum)
    }
}

package enum IPFamily: UInt8, Sendable, CaseIterable, Comparable {
    case v4 = 4
    case v6 = 6

    package var addressBits: Int { self == .v4 ? 32 : 128 }
    /// The name used by `spec.ipFamilies`.
    package var kubernetesName: String { self == .v4 ? "IPv4" : "IPv6" }

    package init?(kubernetesName name: String) {
        guard let family = Self.allCases.first(where: { $0.kubernetesName == name }) else { return nil }
        self = family
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
