import Glibc

/// Small files: certificates, keys, tokens, a kubeconfig.
enum FileContents {
    static let bytesMax = 4 << 20

    static func read(_ path: String) throws(ClusterAccessError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= bytesMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw ClusterAccessError(.invalid, "\(path) has more than \(bytesMax) bytes")
    }

    static func trimmedText(_ bytes: [UInt8]) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private static func failure(_ call: String, _ path: String) -> ClusterAccessError {
        let number = errno
        return ClusterAccessError(
            .unreadable, "\(call) \(path): \(String(cString: strerror(number))) (errno \(number))")
    }
}
