import Glibc

/// Settings under `/proc/sys`. Those below `net` are of the calling thread's network namespace.
package enum Sysctl {
    /// Writes `value` to `net/ipv4/conf/all/forwarding`, say. Throws `systemCall` naming the setting.
    package static func write(_ path: String, _ value: String) throws(NetlinkError) {
        let descriptor = open("/proc/sys/\(path)", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw NetlinkError(.systemCall, "open /proc/sys/\(path)", errno: errno) }
        defer { Glibc.close(descriptor) }
        let count = Array(value.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 { throw NetlinkError(.systemCall, "write \(value) to /proc/sys/\(path)", errno: errno) }
    }

    /// The setting without its line end.
    package static func read(_ path: String) throws(NetlinkError) -> String {
        let descriptor = open("/proc/sys/\(path)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw NetlinkError(.systemCall, "open /proc/sys/\(path)", errno: errno) }
        defer { Glibc.close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count < 0 { throw NetlinkError(.systemCall, "read /proc/sys/\(path)", errno: errno) }
        return String(decoding: buffer.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
    }

    /// True where the kernel has IPv6.
    package static var hasIPv6: Bool { access("/proc/sys/net/ipv6", F_OK) == 0 }
}
