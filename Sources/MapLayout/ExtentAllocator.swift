/// A run of entries in a flat array.
package struct Extent: Hashable, Sendable, Comparable {
    package let offset: UInt32
    package let count: UInt32

    package init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    package var end: UInt32 { offset + count }

    package static func < (left: Self, right: Self) -> Bool { left.offset < right.offset }
}

/// Hands out runs of a flat array, first fit. Free runs are kept sorted and joined.
package struct ExtentAllocator: Sendable {
    package let capacity: UInt32
    private var free: [Extent]

    package init(capacity: UInt32) {
        self.capacity = capacity
        free = [Extent(offset: 0, count: capacity)]
    }

    package var freeCount: Int { free.reduce(0) { $0 + Int($1.count) } }
    package var largestFree: Int { free.reduce(0) { max($0, Int($1.count)) } }

    /// Nil where no run of that length is free.
    package mutating func allocate(_ count: UInt32) -> Extent? {
        guard count > 0 else { return Extent(offset: 0, count: 0) }
        guard let index = free.firstIndex(where: { $0.count >= count }) else { return nil }
        let run = free[index]
        let taken = Extent(offset: run.offset, count: count)
        if run.count == count {
            free.remove(at: index)
        } else {
            free[index] = Extent(offset: run.offset + count, count: run.count - count)
        }
        return taken
    }

    /// Takes a certain run, as after a restart. False where a part of it is taken.
    package mutating func reserve(_ wanted: Extent) -> Bool {
        guard wanted.count > 0 else { return true }
        guard let index = free.firstIndex(where: { $0.offset <= wanted.offset && wanted.end <= $0.end }) else {
            return false
        }
        let run = free.remove(at: index)
        let parts = [
            Extent(offset: run.offset, count: wanted.offset - run.offset),
            Extent(offset: wanted.end, count: run.end - wanted.end),
        ]
        free.insert(contentsOf: parts.filter { $0.count > 0 }, at: index)
        return true
    }

    package mutating func free(_ extent: Extent) {
        guard extent.count > 0 else { return }
        var index = free.firstIndex { $0.offset > extent.offset } ?? free.count
        var joined = extent
        if index < free.count, joined.end == free[index].offset {
            joined = Extent(offset: joined.offset, count: joined.count + free[index].count)
            free.remove(at: index)
        }
        if index > 0, free[index - 1].end == joined.offset {
            index -= 1
            joined = Extent(offset: free[index].offset, count: free[index].count + joined.count)
            free.remove(at: index)
        }
        free.insert(joined, at: index)
    }
}
