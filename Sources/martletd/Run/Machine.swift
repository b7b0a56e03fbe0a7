import Glibc

/// Facts of the machine for the Node object.
enum Machine {
    static var cpuCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
    static var memoryBytes: Int64 { Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))) }
    static var kernelRelease: String { name(\.release) }

    /// As Go names it, which is what the API shows.
    static var architecture: String {
        let machine = name(\.machine)
        switch machine {
        case "x86_64": return "amd64"
        case "aarch64": return "arm64"
        default: return machine
        }
    }

    /// What systemd made for this installation; empty where there is none.
    static var machineID: String { firstLine(of: "/etc/machine-id") }

    /// The firmware's UUID of the machine, or `machineID` where it has none.
    static var systemUUID: String {
        let uuid = firstLine(of: "/sys/class/dmi/id/product_uuid")
        return uuid.isEmpty ? machineID : uuid
    }

    /// Size of the file system that holds a path, in bytes; 0 where it cannot be asked.
    static func storageBytes(at path: String) -> Int64 {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return 0 }
        let (bytes, overflow) = UInt64(facts.f_blocks).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
        return overflow ? 0 : Int64(clamping: bytes)
    }

    private static func firstLine(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return "" }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(text.prefix { !$0.isWhitespace })
    }

    /// `PRETTY_NAME` of the distribution; `Linux` where it does not say.
    static var systemName: String {
        guard let file = fopen("/etc/os-release", "r") else { return "Linux" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("PRETTY_NAME=") else { continue }
            return String(text.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" && $0 != "\n" })
        }
        return "Linux"
    }

    private static func name<Field>(_ field: KeyPath<utsname, Field>) -> String {
        var names = utsname()
        guard uname(&names) == 0 else { return "unknown" }
        return withUnsafeBytes(of: names[keyPath: field]) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
