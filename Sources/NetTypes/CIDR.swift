/// An address block, `address/length`. Host bits are always zero; the length counts bits of the address' own family.
package struct CIDR: Hashable, Sendable, Comparable, LosslessStringConvertible {
    package let address: IPAddress
    /// 0...32 for IPv4, 0...128 for IPv6.
    package let prefixLength: Int

    /// Clears host bits. Nil where the length does not fit the family.
    package init?(_ address: IPAddress, prefixLength: Int) {
        guard (0...address.family.addressBits).contains(prefixLength) else { return nil }
        self.prefixLength = prefixLength
        self.address = address.masked(to: prefixLength + (128 - address.family.addressBits))
    }

    /// Parses `address/length`; host bits may be set and are cleared.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])) else { return nil }
        let digits = parts[1].utf8
        guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }),
            digits.count == 1 || digits.first != 48, let length = Int(parts[1])
        else { return nil }
        self.init(address, prefixLength: length)
    }

    /// The block of one address.
    package init(_ address: IPAddress) {
        self.address = address
        self.prefixLength = address.family.addressBits
    }

    package var family: IPFamily { address.family }
    /// Length counted over 128 bits, as the kernel's trie key has it.
    package var mappedPrefixLength: Int { prefixLength + (128 - family.addressBits) }
    package var description: String { "\(address)/\(prefixLength)" }

    package func contains(_ other: IPAddress) -> Bool {
        other.family == family && other.masked(to: mappedPrefixLength) == address
    }

    package func contains(_ other: CIDR) -> Bool {
        other.prefixLength >= prefixLength && contains(other.address)
    }

    package func overlaps(_ other: CIDR) -> Bool { contains(other) || other.contains(self) }

    /// The last address of the block.
    package var last: IPAddress {
        let bits = mappedPrefixLength
        let highMask = bits >= 64 ? 0 : UInt64.max >> UInt64(bits)
        let lowMask = bits >= 128 ? 0 : (bits <= 64 ? UInt64.max : UInt64.max >> UInt64(bits - 64))
        return IPAddress(high: address.high | highMask, low: address.low | lowMask)
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.address, left.prefixLength) < (right.address, right.prefixLength)
    }
}

extension IPAddress {
    /// Keeps the first `bits` of 128 bits.
    package func masked(to bits: Int) -> IPAddress {
        let highMask = bits >= 64 ? UInt64.max : (bits <= 0 ? 0 : UInt64.max << UInt64(64 - bits))
        let lowMask = bits >= 128 ? UInt64.max : (bits <= 64 ? 0 : UInt64.max << UInt64(128 - bits))
        return IPAddress(high: high & highMask, low: low & lowMask)
    }
}
