import CLibbpf

/// What libbpf and the verifier said during one call on this thread.
enum LoadLog {
    /// Bytes of the tail that an error keeps: the verifier states its reason last.
    static let tailBytes = 4096

    static func start() { martlet_log_start() }

    static func tail() -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: tailBytes) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) { martlet_log_tail($0.baseAddress, $0.count) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
