/// Values in byte order of their string keys: chunks of bounded size, so that an insert moves little and a copy shares
/// what does not change.
struct OrderedTable<Value: Sendable>: Sendable {
    private struct Chunk: Sendable {
        var keys: [String]
        var values: [Value]
    }

    private static var chunkMax: Int { 256 }

    private var chunks: [Chunk] = []
    private(set) var count = 0

    subscript(key: String) -> Value? {
        get {
            guard let at = chunkIndex(key) else { return nil }
            let slot = Self.lowerBound(chunks[at].keys, key)
            guard slot < chunks[at].keys.count, chunks[at].keys[slot] == key else { return nil }
            return chunks[at].values[slot]
        }
        set {
            if let newValue { insert(key, newValue) } else { remove(key) }
        }
    }

    /// Visits values in key order from `start` on, until `body` returns false.
    func forEach(from start: String = "", _ body: (String, Value) -> Bool) {
        guard var at = chunkIndex(start) else { return }
        var slot = Self.lowerBound(chunks[at].keys, start)
        while at < chunks.count {
            let chunk = chunks[at]
            while slot < chunk.keys.count {
                if !body(chunk.keys[slot], chunk.values[slot]) { return }
                slot += 1
            }
            slot = 0
            at += 1
        }
    }

    private mutating func insert(_ key: String, _ value: Value) {
        guard let at = chunkIndex(key) else {
            chunks = [Chunk(keys: [key], values: [value])]
            count = 1
            return
        }
        let slot = Self.lowerBound(chunks[at].keys, key)
        if slot < chunks[at].keys.count, chunks[at].keys[slot] == key {
            chunks[at].values[slot] = value
            return
        }
        chunks[at].keys.insert(key, at: slot)
        chunks[at].values.insert(value, at: slot)
        count += 1
        guard chunks[at].keys.count > Self.chunkMax else { return }
        let half = chunks[at].keys.count / 2
        let upper = Chunk(keys: Array(chunks[at].keys[half...]), values: Array(chunks[at].values[half...]))
        chunks[at].keys.removeSubrange(half...)
        chunks[at].values.removeSubrange(half...)
        chunks.insert(upper, at: at + 1)
    }

    private mutating func remove(_ key: String) {
        guard let at = chunkIndex(key) else { return }
        let slot = Self.lowerBound(chunks[at].keys, key)
        guard slot < chunks[at].keys.count, chunks[at].keys[slot] == key else { return }
        chunks[at].keys.remove(at: slot)
        chunks[at].values.remove(at: slot)
        count -= 1
        if chunks[at].keys.isEmpty { chunks.remove(at: at) }
    }

    /// The chunk in which a key is, or would be.
    private func chunkIndex(_ key: String) -> Int? {
        guard !chunks.isEmpty else { return nil }
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].keys[0] <= key { low = middle + 1 } else { high = middle }
        }
        return max(low - 1, 0)
    }

    private static func lowerBound(_ keys: [String], _ key: String) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
