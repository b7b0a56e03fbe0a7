import DaemonAPI
package import NetTypes

/// The addresses of one pod CIDR of this node. Never used ones go first, in order; then the least recently freed, and
/// none within `quarantineNanoseconds` of its release. Times are CLOCK_BOOTTIME in nanoseconds.
package struct AddressPool: Sendable {
    /// An address rests this long before it is given again, so that nobody takes a new pod for an old one.
    package static let quarantineNanoseconds: Int64 = 30_000_000_000
    /// At most this many addresses of a block are used, from its start.
    package static let addressesMax: UInt64 = 8_192

    package struct Freed: Sendable, Hashable {
        package let address: IPAddress
        package let at: Int64

        package init(address: IPAddress, at: Int64) {
            self.address = address
            self.at = at
        }
    }

    package let block: CIDR
    /// Oldest release first.
    package private(set) var freed: [Freed] = []
    private var used: Set<IPAddress> = []
    private var resting: Set<IPAddress> = []
    private let reserved: Set<IPAddress>
    /// Offset of the first address that was never given.
    private var nextOffset: UInt64 = 1
    private let endOffset: UInt64
    private let capacity: Int

    /// `reserved` are never given; neither are a block's first address and, in IPv4, its last.
    package init(_ block: CIDR, reserved: Set<IPAddress> = []) {
        self.block = block
        self.reserved = reserved
        let hostBits = block.family.addressBits - block.prefixLength
        let size = hostBits >= 20 ? UInt64(1) << 20 : UInt64(1) << UInt64(hostBits)
        let last = block.family == .v4 && hostBits < 20 ? max(1, size - 1) : size
        let end = min(last, 1 + Self.addressesMax)
        endOffset = end
        let kept = reserved.filter { $0 > block.address && $0 < (block.address.advanced(by: end) ?? block.last) }
        capacity = Int(end) - 1 - kept.count
    }

    package var inUse: Int { used.count }
    /// Addresses that can be given now or after their rest.
    package var available: Int { max(0, capacity - used.count) }

    /// Throws `tryAgainLater`, saying when, where every address is in use or rests.
    package mutating func take(now: Int64) throws(PodNetworkError) -> IPAddress {
        while nextOffset < endOffset {
            let candidate = block.address.advanced(by: nextOffset)
            nextOffset += 1
            guard let candidate, !reserved.contains(candidate), !used.contains(candidate),
                !resting.contains(candidate)
            else { continue }
            used.insert(candidate)
            return candidate
        }
        guard let oldest = freed.first else {
            throw PodNetworkError(.tryAgainLater, "pod CIDR \(block) is used up: \(used.count) addresses in use")
        }
        let ready = oldest.at + Self.quarantineNanoseconds
        guard ready <= now else {
            let seconds = (ready - now + 999_999_999) / 1_000_000_000
            throw PodNetworkError(
                .tryAgainLater,
                "pod CIDR \(block): \(used.count) addresses in use, \(freed.count) freed, "
                    + "the first ready in \(seconds) s"
            )
        }
        freed.removeFirst()
        resting.remove(oldest.address)
        used.insert(oldest.address)
        return oldest.address
    }

    /// Gives an address back. One of another block, or one not in use, is passed over.
    package mutating func release(_ address: IPAddress, at: Int64) {
        guard used.remove(address) != nil, block.contains(address) else { return }
        insertFreed(Freed(address: address, at: at))
    }

    /// Takes over what a journal tells: an address in use.
    package mutating func adopt(used address: IPAddress) {
        guard block.contains(address) else { return }
        used.insert(address)
        if resting.remove(address) != nil { freed.removeAll { $0.address == address } }
    }

    /// Takes over what a journal tells: an address that was used and freed.
    package mutating func adopt(freed entry: Freed) {
        guard block.contains(entry.address), !used.contains(entry.address) else { return }
        if resting.contains(entry.address) { freed.removeAll { $0.address == entry.address } }
        insertFreed(entry)
    }

    private mutating func insertFreed(_ entry: Freed) {
        let index = freed.lastIndex { $0.at <= entry.at }.map { $0 + 1 } ?? 0
        freed.insert(entry, at: index)
        resting.insert(entry.address)
    }
}
