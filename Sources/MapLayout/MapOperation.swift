/// A word of four bytes in a flat array.
package struct MapWord: Hashable, Sendable {
    /// In bytes; a multiple of four.
    package let offset: Int
    package let value: UInt32

    package init(offset: Int, value: UInt32) {
        self.offset = offset
        self.value = value
    }
}

/// One write to a map of the kernel. Compilers return these in the order in which they have to happen; whoever holds
/// the datapath performs them one by one.
package enum MapOperation: Hashable, Sendable {
    /// Bytes of a flat array, from a byte offset on.
    case store(MapIdentity, offset: Int, bytes: [UInt8])
    /// Bytes of a flat array, from one place to another of the same array.
    case copy(MapIdentity, from: Int, to: Int, count: Int)
    case put(MapIdentity, key: [UInt8], value: [UInt8])
    /// It does not matter whether the key is there.
    case remove(MapIdentity, key: [UInt8])

    package static func store<Value>(_ map: FlatMap<Value>, at index: UInt32, _ value: Value) -> MapOperation {
        .store(map.identity, offset: Int(index) * MemoryLayout<Value>.stride, bytes: MapBytes.of(value))
    }

    /// Consecutive values.
    package static func store<Value>(_ map: FlatMap<Value>, from index: UInt32, _ values: [Value]) -> MapOperation {
        .store(map.identity, offset: Int(index) * MemoryLayout<Value>.stride, bytes: MapBytes.of(all: values))
    }

    /// A row of a bit matrix, as its words.
    package static func store<Row>(_ map: FlatMap<Row>, row index: UInt32, _ words: [UInt64]) -> MapOperation {
        .store(map.identity, offset: Int(index) * MemoryLayout<Row>.stride, bytes: MapBytes.of(all: words))
    }

    package static func put<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key, _ value: Value) -> MapOperation {
        .put(map.identity, key: MapBytes.of(key), value: MapBytes.of(value))
    }

    package static func remove<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key) -> MapOperation {
        .remove(map.identity, key: MapBytes.of(key))
    }
}
