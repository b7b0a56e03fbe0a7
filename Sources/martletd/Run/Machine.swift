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
