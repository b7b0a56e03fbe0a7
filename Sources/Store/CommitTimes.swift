/// When the last revisions were committed.
struct CommitTimes: Sendable {
    static let revisionsMax = 8_192

    /// Ascending.
    private var revisions: [Int64] = []
    private var nanoseconds: [Int64] = []

    /// Revisions that one sync committed, ascending and newer than all before.
    mutating func append(_ group: [Int64], at time: Int64) {
        revisions += group
        nanoseconds += group.map { _ in time }
        guard revisions.count > 2 * Self.revisionsMax else { return }
        revisions.removeFirst(revisions.count - Self.revisionsMax)
        nanoseconds.removeFirst(nanoseconds.count - Self.revisionsMax)
    }

    func time(of revision: Int64) -> Int64? {
        var (low, high) = (revisions.startIndex, revisions.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if revisions[middle] < revision { low = middle + 1 } else { high = middle }
        }
        guard low < revisions.endIndex, revisions[low] == revision else { return nil }
        return nanoseconds[low]
    }
}
