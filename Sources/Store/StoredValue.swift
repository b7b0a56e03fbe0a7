import CPacking
import Synchronization

/// A value in memory: as it was written, and packed when it has lain for a while. The present state, the history and
/// whoever reads hold the same one.
package final class StoredValue: Sendable {
    private enum Form {
        case plain([UInt8])
        case packed([UInt8])
    }

    /// Bytes of the value.
    package let count: Int
    private let form: Mutex<Form>

    package init(_ bytes: [UInt8]) {
        count = bytes.count
        form = Mutex(.plain(bytes))
    }

    /// The value. Unpacking one of 2 KiB takes about 5 µs.
    package var bytes: [UInt8] {
        switch form.withLock({ $0 }) {
        case .plain(let bytes): bytes
        case .packed(let packed): Packing.unpacked(packed, count: count)
        }
    }

    /// Bytes that it takes in memory.
    var bytesHeld: Int {
        form.withLock { form in
            switch form {
            case .plain(let bytes), .packed(let bytes): bytes.count
            }
        }
    }

    /// Changes what is held, not what is read. What hardly becomes smaller stays as it is.
    func pack() {
        guard case .plain(let bytes) = form.withLock({ $0 }), let packed = Packing.packed(bytes) else { return }
        form.withLock { $0 = .packed(packed) }
    }
}

extension StoredValue: Hashable {
    package static func == (left: StoredValue, right: StoredValue) -> Bool {
        left === right || left.count == right.count && left.bytes == right.bytes
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// The values that were written last, oldest first: they are read soon, by the log, the caches and watches. It holds
/// what was deleted meanwhile, too, and so no more than a bounded number of bytes for long.
struct FreshValues: Sendable {
    /// So many are left as they are,
    static let keptMax = 256
    /// and no more than so many bytes.
    static let keptBytesMax = 2 << 20
    private var values: [StoredValue?]
    /// Those before it are taken already, and nil; the array is closed up once they are half of it.
    private var head = 0
    private var bytes: Int

    init(_ values: [StoredValue] = []) {
        self.values = values
        bytes = values.reduce(0) { $0 + $1.count }
    }

    mutating func add(_ value: StoredValue) {
        values.append(value)
        bytes += value.count
    }

    /// The oldest of those that are more than are kept, up to the first that has more bytes than `largest`.
    mutating func takeOld(atMost limit: Int, largest: Int) -> [StoredValue] {
        var taken: [StoredValue] = []
        while taken.count < limit, values.count - head > Self.keptMax || bytes > Self.keptBytesMax,
            let value = values[head], value.count <= largest
        {
            taken.append(value)
            bytes -= value.count
            values[head] = nil
            head += 1
        }
        if head > values.count / 2 {
            values.removeFirst(head)
            head = 0
        }
        return taken
    }
}

/// Deflate with a vocabulary: a Pod takes a ninth of its bytes.
enum Packing {
    /// Below it a value is not worth the work.
    private static let bytesMin = 128

    /// Nil where that saves less than a quarter.
    static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= bytesMin else { return nil }
        let capacity = bytes.count / 4 * 3
        // Packed into scratch, so that what is kept is as long as it has to be.
        return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { scratch in
            let count = martlet_pack(
                scratch.baseAddress, capacity, bytes, bytes.count, vocabulary.utf8Start, vocabulary.utf8CodeUnitCount)
            return count > 0 ? Array(scratch[..<count]) : nil
        }
    }

    static func unpacked(_ packed: [UInt8], count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let result = martlet_unpack(
                buffer.baseAddress, count, packed, packed.count, vocabulary.utf8Start, vocabulary.utf8CodeUnitCount)
            precondition(result == 0, "there is no memory to unpack a value of \(count) bytes")
            initialized = count
        }
    }
}
