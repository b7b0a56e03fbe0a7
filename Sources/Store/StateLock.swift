import Glibc

func systemUnixSeconds() -> Int64 { Int64(time(nil)) }

func systemUnixNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

/// Holds a directory's lock file for as long as it lives: a second opener, in this process or another, is refused.
final class StateLock: Sendable {
    private let descriptor: Int32

    init(path: String) throws(StoreError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("open", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            // The descriptor is closed by `deinit`, which runs for what is initialized as far as this is.
            let holder = Self.read(descriptor)
            guard number == EWOULDBLOCK else { throw .system("flock", path, number) }
            throw StoreError(.inUse, "\(path) is locked: the state is in use by process \(holder)")
        }
        let text = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) } }
    }

    /// Lets the next opener in, though this object lives on.
    func release() { flock(descriptor, LOCK_UN) }

    deinit { close(descriptor) }

    private static func read(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(count, 0)).prefix { $0 >= 0x30 && $0 <= 0x39 }
        return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
    }
}

extension StoreError {
    static func system(_ call: String, _ path: String, _ number: Int32 = errno) -> StoreError {
        let code: Code = number == ENOSPC || number == EDQUOT ? .diskFull : .system
        return StoreError(code, "\(call) \(path): \(String(cString: strerror(number))) (errno \(number))")
    }
}
