/// Desired against actual entries of a map: remembers what still has to be put or deleted. Work is proportional to what
/// changed; after a restart, or when the map is compared, `setActual` tells what is really there.
package struct DeltaTracker<Key: Hashable & Sendable, Value: Equatable & Sendable>: Sendable {
    package enum Operation: Sendable {
        case put(Key, Value)
        case delete(Key)
    }

    package private(set) var desired: [Key: Value] = [:]
    package private(set) var actual: [Key: Value] = [:]
    private var dirty: Set<Key> = []

    package init() {}

    package var isSettled: Bool { dirty.isEmpty }
    package var pendingCount: Int { dirty.count }

    package mutating func want(_ key: Key, _ value: Value?) {
        desired[key] = value
        mark(key)
    }

    /// Replaces the whole desired state.
    package mutating func want(all entries: [Key: Value]) {
        let touched = Set(desired.keys).union(entries.keys)
        desired = entries
        for key in touched { mark(key) }
    }

    /// What was read back from the map.
    package mutating func setActual(_ entries: [Key: Value]) {
        let touched = Set(actual.keys).union(entries.keys).union(desired.keys)
        actual = entries
        for key in touched { mark(key) }
    }

    private mutating func mark(_ key: Key) {
        if desired[key] == actual[key] { dirty.remove(key) } else { dirty.insert(key) }
    }

    /// What has to be done, at most `limit`: puts first, so that nothing is missing in between, then deletions.
    package func pending(limit: Int = .max) -> [Operation] {
        var puts: [Operation] = []
        var deletions: [Operation] = []
        for key in dirty {
            if let value = desired[key] { puts.append(.put(key, value)) } else { deletions.append(.delete(key)) }
        }
        return Array((puts + deletions).prefix(limit))
    }

    /// The operation was carried out. (One that failed simply stays pending.)
    package mutating func done(_ operation: Operation) {
        switch operation {
        case .put(let key, let value):
            actual[key] = value
            mark(key)
        case .delete(let key):
            actual[key] = nil
            mark(key)
        }
    }
}
