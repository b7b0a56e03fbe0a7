import JSONText
import Synchronization

/// The plain trees that were made last, one a kind: a change wakes several watches of this process at once, and all of
/// them want the same.
final class RecentTrees: Sendable {
    /// Larger objects are not kept.
    static let objectBytesMax = 16 << 10

    private final class Entry: Sendable {
        let object: CachedObject
        private let tree = Mutex<JSONValue?>(nil)

        init(_ object: CachedObject) { self.object = object }

        /// Whoever comes while another makes the tree waits for it.
        func value() -> JSONValue {
            tree.withLock { tree in
                if let tree { return tree }
                let made = object.plainTree()
                tree = made
                return made
            }
        }
    }

    private let entries = Mutex<[String: Entry]>([:])

    func tree(of object: CachedObject, storage: String) -> JSONValue {
        guard object.byteCount <= Self.objectBytesMax else { return object.plainTree() }
        let entry = entries.withLock { entries in
            if let known = entries[storage], known.object === object { return known }
            let fresh = Entry(object)
            entries[storage] = fresh
            return fresh
        }
        return entry.value()
    }
}
