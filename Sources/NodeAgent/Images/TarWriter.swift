/// Writes a POSIX.1-1988 (ustar) archive in memory: owner 0, time 0, so that the same input gives the same bytes.
package struct TarWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private static let block = 512

    package init() {}

    package mutating func folder(_ path: String, mode: UInt32) throws(NodeAgentError) {
        try header(path.hasSuffix("/") ? path : path + "/", mode: mode, size: 0, type: "5", target: "")
    }

    package mutating func file(_ path: String, _ content: [UInt8], mode: UInt32) throws(NodeAgentError) {
        try header(path, mode: mode, size: content.count, type: "0", target: "")
        bytes += content
        bytes += [UInt8](repeating: 0, count: (Self.block - content.count % Self.block) % Self.block)
    }

    package mutating func link(_ path: String, to target: String) throws(NodeAgentError) {
        try header(path, mode: 0o777, size: 0, type: "2", target: target)
    }

    /// The archive ends with two empty blocks.
    package consuming func finished() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 2 * Self.block) }

    private mutating func header(_ path: String, mode: UInt32, size: Int, type: Unicode.Scalar, target: String)
        throws(NodeAgentError)
    {
        guard path.utf8.count <= 100, target.utf8.count <= 100 else {
            throw NodeAgentError(.configuration, "\(path): longer than 100 bytes, which the archive cannot name")
        }
        var block = [UInt8](repeating: 0, count: Self.block)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<(offset + text.utf8.count), with: Array(text.utf8))
        }
        put(path, at: 0)
        put(Self.octal(Int(mode), digits: 7), at: 100)
        put(Self.octal(0, digits: 7), at: 108)
        put(Self.octal(0, digits: 7), at: 116)
        put(Self.octal(size, digits: 11), at: 124)
        put(Self.octal(0, digits: 11), at: 136)
        put("        ", at: 148)
        put(String(type), at: 156)
        put(target, at: 157)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(Self.octal(sum, digits: 6) + "\0 ", at: 148)
        bytes += block
    }

    private static func octal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
