import Foundation
import PackagePlugin

/// Compiles each `bpf/*.bpf.c` for the kernel and hands the object to BPFObjects as one base64 string literal.
///
/// The output is a single `.swift` file per object: an object declared as an output of its own would become a resource
/// and draw the whole of Foundation into the daemon. Every header is an input, so a changed `abi.h` recompiles.
@main
struct BPFCompile: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let root = context.package.directoryURL
        let programs = root.appending(path: "bpf")
        let abi = root.appending(path: "Sources-C/CMartletABI/include")
        let headers = files(under: programs, ending: ".h") + files(under: abi, ending: ".h")
        let clang = try Self.clang(context)
        let sources = files(under: programs, ending: ".bpf.c")
        if sources.isEmpty {
            Diagnostics.error("no kernel program found: expected bpf/*.bpf.c under \(root.path)")
        }
        return sources.map { source in
            let name = source.lastPathComponent.replacing(".bpf.c", with: "")
            let output = context.pluginWorkDirectoryURL.appending(path: "\(name).bpf.swift")
            let flags =
                Self.flags + [
                    "-D__TARGET_ARCH_\(Self.architecture)", "-I\(programs.path)", "-I\(abi.path)",
                    "-idirafter", "/usr/include/\(Self.multiarch)", "-ffile-prefix-map=\(root.path)/=",
                ]
            return .buildCommand(
                displayName: "Compiling kernel programs \(source.lastPathComponent)",
                executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", Self.script, "sh", clang.path, source.path, output.path, name] + flags,
                inputFiles: [source] + headers,
                outputFiles: [output])
        }
    }

    /// `-fno-split-cold-code`: without it clang splits functions in two, and loaders find no metadata for the second.
    private static let flags = [
        "-target", "bpf", "-O2", "-g", "-mcpu=v3", "-std=gnu17", "-Xclang", "-fno-split-cold-code", "-Wall", "-Wextra",
        "-Wshadow", "-Wpadded", "-Werror",
    ]

    /// Compiles, takes off DWARF (BTF stays) where the toolchain can, and writes the literal in one rename.
    private static let script = #"""
        set -eu
        clang=$1 source=$2 output=$3 name=$4
        shift 4
        object=$output.o
        "$clang" "$@" -c "$source" -o "$object"
        strip=$(dirname "$clang")/llvm-objcopy
        if [ -x "$strip" ]; then "$strip" --strip-debug "$object"; fi
        {
            printf '// Generated from %s.bpf.c; the object as base64.\n' "$name"
            printf 'extension BPFObject {\n    static let %sText: StaticString = "' "$name"
            base64 -w0 "$object"
            printf '"\n}\n'
        } > "$output.new"
        rm -f "$object"
        mv "$output.new" "$output"
        """#

    /// The toolchain's own clang, else the one on the path.
    private static func clang(_ context: PluginContext) throws -> URL {
        if let tool = try? context.tool(named: "clang") { return tool.url }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = path.split(separator: ":").map { URL(fileURLWithPath: "\($0)/clang") }
        if let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) {
            return found
        }
        throw CompilerMissing()
    }

    private struct CompilerMissing: Error, CustomStringConvertible {
        let description = "no clang in the toolchain or on the path; kernel programs need one with the bpf target"
    }

    #if arch(arm64)
        private static let architecture = "arm64"
        private static let multiarch = "aarch64-linux-gnu"
    #else
        private static let architecture = "x86"
        private static let multiarch = "x86_64-linux-gnu"
    #endif

    private func files(under directory: URL, ending suffix: String) -> [URL] {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: directory.path)) ?? []
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { directory.appending(path: $0) }
    }
}
