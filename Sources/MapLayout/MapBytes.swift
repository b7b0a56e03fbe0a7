/// Bytes of plain values, as the kernel sees them. Padding is explicit in `abi.h`, so every byte is defined.
package enum MapBytes {
    package static func of<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value) { Array($0) }
    }

    /// The bytes of consecutive array elements.
    package static func of<Value: BitwiseCopyable>(all values: [Value]) -> [UInt8] {
        values.withUnsafeBytes { Array($0) }
    }

    /// Nil where the count is not the size of `Value`.
    package static func value<Value: BitwiseCopyable>(_ type: Value.Type = Value.self, from bytes: [UInt8]) -> Value? {
        guard bytes.count == MemoryLayout<Value>.size else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// Consecutive values; bytes after the last whole one are ignored.
    package static func values<Value: BitwiseCopyable>(
        _ type: Value.Type = Value.self, from bytes: [UInt8]
    ) -> [Value] {
        let stride = MemoryLayout<Value>.stride
        return bytes.withUnsafeBytes { raw in
            (0..<bytes.count / stride).map { raw.loadUnaligned(fromByteOffset: $0 * stride, as: Value.self) }
        }
    }
}
