import CLibbpf
import Glibc
import MapLayout

/// One map of ours in the kernel.
final class KernelMap: Sendable {
    let identity: MapIdentity
    let descriptor: OwnedDescriptor
    let id: UInt32
    let kind: UInt32
    let keyBytes: Int
    let valueBytes: Int
    let capacity: Int
    let adopted: Bool
    /// Where the map is an array that can be mapped.
    let region: MappedRegion?

    /// Entries that one batch call moves.
    private static let batchMax = 4096
    /// The kernel's own "not supported", which no header of user space names.
    private static let notSupported: Int32 = 524

    init(_ identity: MapIdentity, _ descriptor: OwnedDescriptor, adopted: Bool) throws(DatapathError) {
        var info = martlet_map_info()
        let result = martlet_map_info_get(descriptor.raw, &info)
        if result < 0 { throw SystemCall.error("BPF_OBJ_GET_INFO_BY_FD", "map \(identity)", code: -result) }
        self.identity = identity
        self.descriptor = descriptor
        self.adopted = adopted
        id = info.id
        kind = info.type
        keyBytes = Int(info.key_bytes)
        valueBytes = Int(info.value_bytes)
        capacity = Int(info.capacity)
        guard info.type == BPF_MAP_TYPE_ARRAY.rawValue, info.flags & UInt32(BPF_F_MMAPABLE) != 0 else {
            region = nil
            return
        }
        let stride = (valueBytes + 7) / 8 * 8
        guard stride == valueBytes else {
            throw DatapathError(.layout, "map \(identity): values of \(valueBytes) bytes are not a multiple of eight")
        }
        region = try MappedRegion(
            map: descriptor.raw, name: identity.name, byteCount: stride * capacity)
    }

    func mapped() throws(DatapathError) -> MappedRegion {
        if let region { return region }
        throw DatapathError(.layout, "map \(identity) is not a memory-mapped array")
    }

    func get(_ key: [UInt8]) throws(DatapathError) -> [UInt8]? {
        try check(key: key)
        var value = [UInt8](repeating: 0, count: valueBytes)
        if bpf_map_lookup_elem(descriptor.raw, key, &value) == 0 { return value }
        if errno == ENOENT { return nil }
        throw SystemCall.error("BPF_MAP_LOOKUP_ELEM", "map \(identity)")
    }

    func put(_ key: [UInt8], _ value: [UInt8], _ mode: PutMode) throws(DatapathError) {
        try check(key: key)
        try check(value: value)
        try SystemCall.check(
            bpf_map_update_elem(descriptor.raw, key, value, mode.rawValue), "BPF_MAP_UPDATE_ELEM",
            "map \(identity), capacity \(capacity)")
    }

    func remove(_ key: [UInt8]) throws(DatapathError) -> Bool {
        try check(key: key)
        if bpf_map_delete_elem(descriptor.raw, key) == 0 { return true }
        if errno == ENOENT { return false }
        throw SystemCall.error("BPF_MAP_DELETE_ELEM", "map \(identity)")
    }

    func putAll(_ entries: [MapEntry]) throws(DatapathError) {
        var rest = entries[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.batchMax)
            rest = rest.dropFirst(batch.count)
            if batch.count > 1, try putBatch(batch) { continue }
            for entry in batch { try put(entry.key, entry.value, .any) }
        }
    }

    /// False where the kind of map has no batches.
    private func putBatch(_ batch: ArraySlice<MapEntry>) throws(DatapathError) -> Bool {
        var keys: [UInt8] = []
        var values: [UInt8] = []
        for entry in batch {
            try check(key: entry.key)
            try check(value: entry.value)
            keys += entry.key
            values += entry.value
        }
        var count = UInt32(batch.count)
        if bpf_map_update_batch(descriptor.raw, keys, values, &count, nil) == 0 { return true }
        if errno == Self.notSupported || errno == EINVAL || errno == ENOTSUP { return false }
        throw SystemCall.error(
            "BPF_MAP_UPDATE_BATCH", "map \(identity), capacity \(capacity): \(count) of \(batch.count) were written")
    }

    /// All entries, by batches where the kind of map has them.
    func entries() throws(DatapathError) -> [MapEntry] {
        var result: [MapEntry] = []
        var position: [UInt8]?
        var size = Self.batchMax
        while true {
            var keys = [UInt8](repeating: 0, count: keyBytes * size)
            var values = [UInt8](repeating: 0, count: valueBytes * size)
            var next = [UInt8](repeating: 0, count: max(4, keyBytes))
            var count = UInt32(size)
            let code = lookUpBatch(after: position, next: &next, &keys, &values, &count)
            if code == ENOSPC {
                // A bucket with more entries than the batch has room for.
                size *= 2
                continue
            }
            if code != 0, code != ENOENT {
                if position == nil { return try entriesOneByOne() }
                throw SystemCall.error("BPF_MAP_LOOKUP_BATCH", "map \(identity)", code: code)
            }
            for index in 0..<Int(count) {
                result.append(
                    MapEntry(
                        key: Array(keys[index * keyBytes..<(index + 1) * keyBytes]),
                        value: Array(values[index * valueBytes..<(index + 1) * valueBytes])))
            }
            if code == ENOENT { return result }
            position = next
        }
    }

    /// Returns errno, 0 where all went well.
    private func lookUpBatch(
        after position: [UInt8]?, next: inout [UInt8], _ keys: inout [UInt8], _ values: inout [UInt8],
        _ count: inout UInt32
    ) -> Int32 {
        let outcome: Int32
        if var position {
            outcome = bpf_map_lookup_batch(descriptor.raw, &position, &next, &keys, &values, &count, nil)
        } else {
            outcome = bpf_map_lookup_batch(descriptor.raw, nil, &next, &keys, &values, &count, nil)
        }
        return outcome == 0 ? 0 : errno
    }

    private func entriesOneByOne() throws(DatapathError) -> [MapEntry] {
        var result: [MapEntry] = []
        var key = [UInt8](repeating: 0, count: keyBytes)
        var next = key
        var outcome = bpf_map_get_next_key(descriptor.raw, nil, &next)
        // A key deleted under our hands restarts the walk; the bound ends it.
        while outcome == 0, result.count < capacity * 2 {
            key = next
            if let value = try get(key) { result.append(MapEntry(key: key, value: value)) }
            outcome = bpf_map_get_next_key(descriptor.raw, key, &next)
        }
        if outcome != 0, errno != ENOENT { throw SystemCall.error("BPF_MAP_GET_NEXT_KEY", "map \(identity)") }
        return result
    }

    /// Sums of a per-CPU array of u64.
    func perCPUSums() throws(DatapathError) -> [UInt64] {
        let processors = Int(
            try SystemCall.check(libbpf_num_possible_cpus(), "libbpf_num_possible_cpus", "counting processors"))
        var sums = [UInt64](repeating: 0, count: capacity)
        var values = [UInt64](repeating: 0, count: processors)
        for index in 0..<capacity {
            var key = UInt32(index)
            try SystemCall.check(
                bpf_map_lookup_elem(descriptor.raw, &key, &values), "BPF_MAP_LOOKUP_ELEM", "map \(identity)")
            sums[index] = values.reduce(0, &+)
        }
        return sums
    }

    private func check(key: [UInt8]) throws(DatapathError) {
        if key.count == keyBytes { return }
        throw DatapathError(.layout, "map \(identity): a key of \(key.count) bytes where \(keyBytes) are expected")
    }

    private func check(value: [UInt8]) throws(DatapathError) {
        if value.count == valueBytes { return }
        throw DatapathError(
            .layout, "map \(identity): a value of \(value.count) bytes where \(valueBytes) are expected")
    }
}
