/// Hands out numbers of one space (classes, selectors, networks, endpoints …). Freed numbers come back least recently
/// freed first, so that a number rests as long as possible before it means something else. The caller frees a number
/// only when no program can hold it any more.
package struct IDAllocator: Sendable {
    package let range: Range<UInt32>
    private var next: UInt32
    private var freed: [UInt32] = []
    private var freedHead = 0
    private var used: Set<UInt32> = []

    package init(_ range: Range<UInt32>) {
        self.range = range
        next = range.lowerBound
    }

    package var usedCount: Int { used.count }
    package var freeCount: Int { range.count - used.count }

    /// Nil where the space is exhausted.
    package mutating func allocate() -> UInt32? {
        while freedHead < freed.count {
            let id = freed[freedHead]
            freedHead += 1
            compact()
            if used.insert(id).inserted { return id }
        }
        while next < range.upperBound {
            let id = next
            next += 1
            if used.insert(id).inserted { return id }
        }
        return nil
    }

    /// Takes a certain number, as after a restart. False where it is taken or outside the space.
    package mutating func reserve(_ id: UInt32) -> Bool {
        range.contains(id) && used.insert(id).inserted
    }

    package mutating func free(_ id: UInt32) {
        guard used.remove(id) != nil else { return }
        freed.append(id)
    }

    private mutating func compact() {
        guard freedHead > 1024, freedHead * 2 > freed.count else { return }
        freed.removeFirst(freedHead)
        freedHead = 0
    }
}
