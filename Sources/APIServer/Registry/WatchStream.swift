import APIMachinery
import JSONText
import Store
import Synchronization

/// What a watch sends of one object: turns cached bytes into the form that the client negotiated.
protocol WatchEncoder: Sendable {
    /// One event with its frame. Columns of tables are told in the first event of a watch only.
    func event(_ type: String, _ object: CachedObject, isFirst: Bool) -> [UInt8]
    func bookmark(revision: Int64, endsInitialEvents: Bool, isFirst: Bool) -> [UInt8]
    func failure(_ status: JSONValue) -> [UInt8]
}

/// A watch as a stream of bytes. Objects that enter or leave the selection appear as added and deleted.
final class WatchStream: ByteStream {
    private let queue: WatchQueue
    private let cache: ObjectCache
    private let storage: String
    private let filter: WatchFilter
    private let encoder: any WatchEncoder
    private let hasSent = Atomic(false)

    init(queue: WatchQueue, cache: ObjectCache, storage: String, filter: WatchFilter, encoder: any WatchEncoder) {
        self.queue = queue
        self.cache = cache
        self.storage = storage
        self.filter = filter
        self.encoder = encoder
    }

    func next() async -> [UInt8]? {
        while let items = await queue.next() {
            var bytes: [UInt8] = []
            for item in items { append(item, to: &bytes) }
            if !bytes.isEmpty { return bytes }
        }
        cancel()
        return nil
    }

    func cancel() {
        cache.unwatch(storage, queue)
        queue.finish()
    }

    private func append(_ item: WatchQueue.Item, to bytes: inout [UInt8]) {
        switch item {
        case .together: return
        case .bookmark(let revision):
            bytes += encoder.bookmark(revision: revision, endsInitialEvents: false, isFirst: isFirst())
        case .initialEnd(let revision):
            bytes += encoder.bookmark(revision: revision, endsInitialEvents: true, isFirst: isFirst())
        case .event(let event):
            guard let (kind, object) = filter.judge(event) else { return }
            bytes += encoder.event(kind.rawValue, object, isFirst: isFirst())
        }
    }

    /// True once.
    private func isFirst() -> Bool {
        !hasSent.exchange(true, ordering: .relaxed)
    }
}

/// How a watch with a selector sees a change.
struct WatchFilter: Sendable {
    enum Kind: String, Sendable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    let selector: ObjectSelector
    let rules: any KindRules.Type

    /// What to tell the client, and of which object; nil where it concerns nothing selected. A deleted object is shown
    /// as it was last, at the revision of its end.
    func judge(_ event: CacheEvent) -> (Kind, CachedObject)? {
        let was = event.old.map { $0.matches(selector, rules: rules) } ?? false
        let isNow = event.new.map { $0.matches(selector, rules: rules) } ?? false
        switch (was, isNow) {
        case (false, false): return nil
        case (false, true): return event.new.map { (.added, $0) }
        case (true, true): return event.new.map { (.modified, $0) }
        case (true, false):
            guard let old = event.old else { return nil }
            return (.deleted, old.restamped(revision: event.revision))
        }
    }
}

extension CachedObject {
    /// The same object with another resourceVersion.
    func restamped(revision: Int64) -> CachedObject {
        let marker = Array("\"metadata\":{\"resourceVersion\":\"".utf8)
        let start = metadataOffset + marker.count
        let bytes = bytes
        guard bytes[metadataOffset...].starts(with: marker),
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\""))
        else { return self }
        var changed = Array(bytes[..<start])
        changed += String(revision).utf8
        changed += bytes[end...]
        return CachedObject(key: key, revision: revision, content: StoredValue(changed))
    }
}
