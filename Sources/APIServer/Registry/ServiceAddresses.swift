import JSONText
import NetTypes
import Synchronization

/// Hands out the cluster addresses of Services: each at most once, from one range a family.
///
/// What is in use is rebuilt from the stored Services at start and repaired while running; an address that is reserved
/// for a write in flight counts as used.
final class ServiceAddresses: Sendable {
    enum Refusal: Error, Sendable {
        case taken
        /// Not of any range; the argument is the family's range.
        case outside(CIDR)
        case noRange(IPFamily)
        case exhausted(CIDR)
    }

    private struct State {
        var used: Set<IPAddress> = []
        /// Where the next search starts, per family, as an offset into the range.
        var next: [IPFamily: UInt64] = [:]
    }

    /// The ranges, the primary family first.
    let ranges: [CIDR]
    private let state = Mutex(State())

    init(ranges: [CIDR]) {
        self.ranges = ranges
    }

    func range(of family: IPFamily) -> CIDR? { ranges.first { $0.family == family } }

    /// Replaces what is in use: at start, and by the repair loop.
    func reset(to addresses: some Sequence<IPAddress>) {
        state.withLock { $0.used = Set(addresses) }
    }

    func reserve(_ address: IPAddress) throws(Refusal) {
        guard let range = range(of: address.family) else { throw .noRange(address.family) }
        guard Self.offset(of: address, in: range) != nil else { throw .outside(range) }
        let isNew = state.withLock { $0.used.insert(address).inserted }
        if !isNew { throw .taken }
    }

    /// Reserves the next free address. The first 16 of a range, or a sixteenth of a small one, are left for addresses
    /// that Services ask for by name, until the rest is gone.
    func reserveNext(_ family: IPFamily) throws(Refusal) -> IPAddress {
        guard let range = range(of: family) else { throw .noRange(family) }
        let size = Self.size(of: range)
        let kept = min(16, max(1, size / 16))
        let found = state.withLock { state -> IPAddress? in
            let start = state.next[family] ?? kept
            for candidates in [start..<max(start, size), kept..<max(kept, min(start, size)), 1..<kept] {
                for offset in candidates {
                    guard let address = Self.address(offset, in: range), state.used.insert(address).inserted else {
                        continue
                    }
                    state.next[family] = offset + 1
                    return address
                }
            }
            return nil
        }
        guard let found else { throw .exhausted(range) }
        return found
    }

    func release(_ addresses: some Sequence<IPAddress>) {
        state.withLock { $0.used.subtract(addresses) }
    }

    var usedCount: Int { state.withLock(\.used.count) }

    /// Addresses of a range that are given out: offset 0 and, for IPv4, the last one are not. At most 65,536 are
    /// searched in a large range.
    private static func size(of range: CIDR) -> UInt64 {
        let bits = range.family.addressBits - range.prefixLength
        let all = bits >= 16 ? UInt64(65_536) : UInt64(1) << UInt64(bits)
        return range.family == .v4 ? all - 1 : all
    }

    private static func address(_ offset: UInt64, in range: CIDR) -> IPAddress? {
        let base = range.address
        let (low, overflow) = base.low.addingReportingOverflow(offset)
        guard !overflow else { return nil }
        return IPAddress(high: base.high, low: low)
    }

    private static func offset(of address: IPAddress, in range: CIDR) -> UInt64? {
        guard range.contains(address), address != range.address else { return nil }
        return address.low &- range.address.low
    }
}

extension ServiceAddresses {
    /// The cluster addresses that a stored Service has.
    static func addresses(of service: JSONValue) -> [IPAddress] {
        var texts = (service[path: "spec", "clusterIPs"]?.array ?? []).compactMap(\.string)
        if texts.isEmpty, let one = service[path: "spec", "clusterIP"]?.string { texts = [one] }
        return texts.compactMap { IPAddress($0) }
    }
}
