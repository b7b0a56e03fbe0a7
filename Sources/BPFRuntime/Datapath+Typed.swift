import CMartletABI
package import MapLayout

extension Datapath {
    /// One by one, where there is nothing to be gained by writing them together.
    package func write(_ map: MapIdentity, _ words: [MapWord]) throws(DatapathError) {
        for word in words { try write(map, at: word.offset, MapBytes.of(word.value)) }
    }
}

/// Typed forms of the map calls.
extension Datapath {
    package func get<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key) throws(DatapathError) -> Value? {
        guard let bytes = try get(map.identity, key: MapBytes.of(key)) else { return nil }
        let value: Value = try decode(bytes, of: map.identity)
        return value
    }

    package func put<Key, Value>(
        _ map: KeyedMap<Key, Value>, _ key: Key, _ value: Value, mode: PutMode = .any
    ) throws(DatapathError) {
        try put(map.identity, key: MapBytes.of(key), value: MapBytes.of(value), mode: mode)
    }

    /// False where there was no such key.
    @discardableResult
    package func remove<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key) throws(DatapathError) -> Bool {
        try remove(map.identity, key: MapBytes.of(key))
    }

    package func entries<Key, Value>(
        _ map: KeyedMap<Key, Value>
    ) throws(DatapathError) -> [(key: Key, value: Value)] {
        var result: [(key: Key, value: Value)] = []
        for entry in try entries(map.identity) {
            result.append((try decode(entry.key, of: map.identity), try decode(entry.value, of: map.identity)))
        }
        return result
    }

    package func putAll<Key, Value>(
        _ map: KeyedMap<Key, Value>, _ entries: [(key: Key, value: Value)]
    ) throws(DatapathError) {
        try putAll(
            map.identity, entries.map { MapEntry(key: MapBytes.of($0.key), value: MapBytes.of($0.value)) })
    }

    package func read<Value>(_ map: FlatMap<Value>, at index: Int) throws(DatapathError) -> Value {
        let stride = MemoryLayout<Value>.stride
        return try decode(read(map.identity, bytes: index * stride..<(index + 1) * stride), of: map.identity)
    }

    package func read<Value>(_ map: FlatMap<Value>, _ range: Range<Int>) throws(DatapathError) -> [Value] {
        let stride = MemoryLayout<Value>.stride
        return MapBytes.values(
            from: try read(map.identity, bytes: range.lowerBound * stride..<range.upperBound * stride))
    }

    package func write<Value>(_ map: FlatMap<Value>, at index: Int, _ value: Value) throws(DatapathError) {
        try write(map.identity, at: index * MemoryLayout<Value>.stride, MapBytes.of(value))
    }

    /// Consecutive values from `index` on.
    package func write<Value>(_ map: FlatMap<Value>, from index: Int, _ values: [Value]) throws(DatapathError) {
        if values.isEmpty { return }
        try write(map.identity, at: index * MemoryLayout<Value>.stride, MapBytes.of(all: values))
    }

    /// The generation in force.
    package func generation() throws(DatapathError) -> UInt32 {
        try read(MapCatalog.control, at: 0).generation
    }

    /// Puts a generation in force: whatever was written before is visible to a packet that loads it.
    package func publish(generation: UInt32) throws(DatapathError) {
        let offset = MemoryLayout<martlet_control>.offset(of: \.generation) ?? 0
        try storeRelease(MapCatalog.control.identity, at: offset, generation)
    }

    private func decode<Value: BitwiseCopyable>(
        _ bytes: [UInt8], of map: MapIdentity
    ) throws(DatapathError) -> Value {
        guard let value: Value = MapBytes.value(from: bytes) else {
            throw DatapathError(
                .layout, "map \(map): \(bytes.count) bytes where \(MemoryLayout<Value>.size) are expected")
        }
        return value
    }
}
