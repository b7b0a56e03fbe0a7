import Glibc

/// The kernel programs with one deliberate fault, compiled for a test that has to see it: nothing of it is in the
/// product, and a place that is no longer in the sources is an error.
enum MutantObject {
    struct Fault: Error {
        let message: String
    }

    /// The object's file, of the tree's own `bpf/` with one place of one header replaced.
    /// - Parameters:
    ///   - header: relative to `bpf/`.
    ///   - place: text that stands there exactly once.
    ///   - preamble: what stands before `function`, a line that is there exactly once.
    static func compile(
        _ header: String, _ place: String, by replacement: String, preamble: (function: String, text: String)? = nil
    ) throws -> [UInt8] {
        var template = Array("/tmp/mt-mutant-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Fault(message: "mkdtemp: errno \(errno)") }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        defer { try? run("rm -r '\(directory)'") }
        try run("cp -r '\(root)/bpf' '\(directory)/bpf'")
        let path = "\(directory)/bpf/\(header)"
        var text = String(decoding: try read(path), as: UTF8.self)
        var changes = [(place, replacement)]
        if let preamble { changes.append((preamble.function, preamble.text + preamble.function)) }
        for (place, replacement) in changes {
            let parts = text.split(separator: place, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw Fault(message: "bpf/\(header) has \(parts.count - 1) places “\(place)”, where one is expected")
            }
            text = "\(parts[0])\(replacement)\(parts[1])"
        }
        try write(path, Array(text.utf8))
        #if arch(arm64)
            let (architecture, triplet) = ("arm64", "aarch64-linux-gnu")
        #else
            let (architecture, triplet) = ("x86", "x86_64-linux-gnu")
        #endif
        try run(
            "clang -target bpf -O2 -g -mcpu=v3 -std=gnu17 -Xclang -fno-split-cold-code "
                + "-D__TARGET_ARCH_\(architecture) -I'\(directory)/bpf' -I'\(root)/Sources-C/CMartletABI/include' "
                + "-idirafter /usr/include/\(triplet) -c '\(directory)/bpf/martlet.bpf.c' -o '\(directory)/mutant.o'")
        return try read("\(directory)/mutant.o")
    }

    private static func run(_ command: String) throws {
        guard let pipe = popen(command + " 2>&1", "r") else { throw Fault(message: "popen: errno \(errno)") }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk.prefix(count) }
        guard pclose(pipe) == 0 else { throw Fault(message: "\(command): \(String(decoding: output, as: UTF8.self))") }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Fault(message: "\(path): errno \(errno)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk.prefix(count) }
        return bytes
    }

    private static func write(_ path: String, _ bytes: [UInt8]) throws {
        guard let file = fopen(path, "w") else { throw Fault(message: "\(path): errno \(errno)") }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { throw Fault(message: "\(path): short write") }
    }
}
