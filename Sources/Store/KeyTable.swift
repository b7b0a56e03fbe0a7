/// Entries ordered by key. A copy is one reference: readers keep theirs while the writer goes on, and a write copies
/// only the list of chunks and the chunk it touches.
struct KeyTable: Sendable {
    /// Entries in a chunk before it is split; what a first write after a copy has to move.
    private static let chunkEntriesMax = 128
    /// No chunk is empty.
    private var chunks: [[StoreEntry]] = []
    private(set) var count = 0
    /// Keys and values together.
    private(set) var bytes = 0

    private struct Place {
        let chunk: Int
        let offset: Int
        let isFound: Bool
    }

    func entry(_ key: String) -> StoreEntry? {
        let place = place(of: key)
        return place.isFound ? chunks[place.chunk][place.offset] : nil
    }

    mutating func put(_ entry: StoreEntry) {
        let place = place(of: entry.key)
        bytes += entry.key.utf8.count + entry.content.count
        if place.isFound {
            let old = chunks[place.chunk][place.offset]
            bytes -= old.key.utf8.count + old.content.count
            chunks[place.chunk][place.offset] = entry
            return
        }
        count += 1
        guard place.chunk < chunks.count else {
            chunks.append([entry])
            return
        }
        chunks[place.chunk].insert(entry, at: place.offset)
        if chunks[place.chunk].count > Self.chunkEntriesMax { split(place.chunk) }
    }

    mutating func remove(_ key: String) {
        let place = place(of: key)
        guard place.isFound else { return }
        let old = chunks[place.chunk].remove(at: place.offset)
        bytes -= old.key.utf8.count + old.content.count
        count -= 1
        if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
    }

    /// Entries whose key starts with `prefix` and is greater than `after`, in order; at most `limit`, and how many
    /// follow.
    func list(prefix: String, after: String?, limit: Int) -> (entries: [StoreEntry], remaining: Int) {
        var entries: [StoreEntry] = []
        var remaining = 0
        var start = place(of: prefix)
        if let after, after >= prefix {
            let found = place(of: after)
            start = Place(chunk: found.chunk, offset: found.offset + (found.isFound ? 1 : 0), isFound: false)
        }
        var offset = start.offset
        for chunk in chunks[min(start.chunk, chunks.count)...] {
            // A chunk that lies wholly inside the range is taken, or counted, without looking at its keys.
            if offset == 0, let last = chunk.last, last.key.hasPrefix(prefix) {
                let taken = min(limit - entries.count, chunk.count)
                entries.append(contentsOf: chunk[..<taken])
                remaining += chunk.count - taken
                continue
            }
            for entry in chunk[min(offset, chunk.count)...] {
                guard entry.key.hasPrefix(prefix) else { return (entries, remaining) }
                if entries.count < limit { entries.append(entry) } else { remaining += 1 }
            }
            offset = 0
        }
        return (entries, remaining)
    }

    func forEach(_ body: (StoreEntry) throws -> Void) rethrows {
        for chunk in chunks { for entry in chunk { try body(entry) } }
    }

    /// Where the key stands, or would be inserted.
    private func place(of key: String) -> Place {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle][0].key <= key { low = middle + 1 } else { high = middle }
        }
        let chunk = max(low - 1, 0)
        guard chunk < chunks.count else { return Place(chunk: chunk, offset: 0, isFound: false) }
        return chunks[chunk].withUnsafeBufferPointer { entries in
            var low = 0
            var high = entries.count
            while low < high {
                let middle = (low + high) / 2
                if entries[middle].key < key { low = middle + 1 } else { high = middle }
            }
            return Place(chunk: chunk, offset: low, isFound: low < entries.count && entries[low].key == key)
        }
    }

    private mutating func split(_ index: Int) {
        let chunk = chunks[index]
        // Keys that arrive in order leave full chunks behind rather than halves.
        let middle = index == chunks.count - 1 ? chunk.count - 1 : chunk.count / 2
        chunks[index] = Array(chunk[..<middle])
        chunks.insert(Array(chunk[middle...]), at: index + 1)
    }
}
