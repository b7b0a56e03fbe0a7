package import CMartletABI

/// A hash value that leads into a flat array: `{tag of the key, number}` as one u64, so that a program which still
/// holds the slot while it is given to another key sees that the value is not its own.
package struct TaggedNumber: Hashable, Sendable {
    package let number: UInt32
    package let tag: UInt32

    package init(number: UInt32, tag: UInt32) {
        self.number = number
        self.tag = tag
    }

    /// An endpoint's number under one of its addresses.
    package init(endpoint number: UInt32, address: martlet_address) {
        self.init(number: number, tag: martlet_tag(address))
    }

    /// A service's number under its frontend.
    package init(service number: UInt32, frontend: martlet_frontend_key) {
        self.init(number: number, tag: martlet_frontend_tag(frontend))
    }

    package init(_ word: UInt64) {
        number = UInt32(truncatingIfNeeded: word)
        tag = UInt32(truncatingIfNeeded: word >> UInt64(MARTLET_TAG_SHIFT.rawValue))
    }

    /// As it lies in the map.
    package var word: UInt64 { UInt64(tag) << UInt64(MARTLET_TAG_SHIFT.rawValue) | UInt64(number) }
}

/// Where a service's backends are: offset in the low half, count in the high half of one u64.
package struct BackendExtent: Hashable, Sendable {
    package let offset: UInt32
    package let count: UInt32

    package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    package init(_ word: UInt64) {
        offset = UInt32(truncatingIfNeeded: word)
        count = UInt32(truncatingIfNeeded: word >> 32)
    }

    package var word: UInt64 { UInt64(count) << 32 | UInt64(offset) }
}

/// A class or CIDR class as kept in endpoints and networks: index, and above it how often the index was given.
package struct ClassNumber: Hashable, Sendable {
    package let index: UInt32
    package let incarnation: UInt32

    package init(index: UInt32, incarnation: UInt32) {
        self.index = index
        self.incarnation = incarnation
    }

    package init(_ word: UInt32) {
        index = word & UInt32(MARTLET_CLASS_INDEX_MASK.rawValue)
        incarnation = word >> UInt32(MARTLET_CLASS_INCARNATION_SHIFT.rawValue)
    }

    package var word: UInt32 {
        index & UInt32(MARTLET_CLASS_INDEX_MASK.rawValue)
            | incarnation << UInt32(MARTLET_CLASS_INCARNATION_SHIFT.rawValue)
    }
}
