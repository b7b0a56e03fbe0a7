import Crypto
import FoundationEssentials
import JSONText

/// An OCI image layout in a tar (image-spec 1.0, "Image Layout"): one layer made of files of this machine, no registry.
struct ImageArchive {
    static let pauseReference = "registry.k8s.io/pause:3.6"

    let reference: String
    let entrypoint: [String]
    /// Absolute path in the image, and what goes there: a file's path, or `->TARGET` for a symbolic link.
    let files: [(path: String, source: String)]

    /// Throws `system` where a file cannot be read or the archive not written.
    func write(to path: String) throws(NodeError) {
        let layer = try layer()
        let layerDigest = Self.digest(layer)
        let config = json([
            "architecture": .string(Self.architecture), "os": "linux",
            "config": [
                "Entrypoint": .array(entrypoint.map { .string($0) }), "Env": ["PATH=/bin:/usr/bin:/sbin:/usr/sbin"],
            ],
            "rootfs": ["type": "layers", "diff_ids": [.string(layerDigest)]], "history": [["created_by": "martletd"]],
        ])
        let manifest = json([
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        ])
        var entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
        entry["platform"] = ["architecture": .string(Self.architecture), "os": "linux"]
        entry["annotations"] = [
            "io.containerd.image.name": .string(reference),
            "org.opencontainers.image.ref.name": .string(String(reference.split(separator: ":").last ?? "latest")),
        ]
        var tar = TarWriter()
        tar.file("oci-layout", json(["imageLayoutVersion": "1.0.0"]))
        tar.file("index.json", json(["schemaVersion": 2, "manifests": [entry]]))
        for blob in [layer, config, manifest] {
            tar.file("blobs/sha256/" + Self.digest(blob).dropFirst("sha256:".count), blob)
        }
        do {
            try Data(tar.finish()).write(to: URL(filePath: path))
        } catch {
            throw NodeError(.system, "cannot write \(path)", cause: error)
        }
    }

    private func layer() throws(NodeError) -> [UInt8] {
        var tar = TarWriter()
        var made: Set<String> = []
        for directory in ["/tmp", "/etc", "/proc", "/sys", "/dev", "/bin"] {
            Self.makeParents(directory + "/x", &made, &tar)
        }
        for (path, source) in files {
            Self.makeParents(path, &made, &tar)
            let name = String(path.drop { $0 == "/" })
            if source.hasPrefix("->") {
                tar.symbolicLink(name, to: String(source.dropFirst(2)))
                continue
            }
            guard let content = FileManager.default.contents(atPath: source) else {
                throw NodeError(.system, "cannot read \(source) for image \(reference)")
            }
            tar.file(name, Array(content), mode: 0o755)
        }
        return tar.finish()
    }

    private static func makeParents(_ path: String, _ made: inout Set<String>, _ tar: inout TarWriter) {
        var directory = ""
        for part in path.split(separator: "/").dropLast() {
            directory += directory.isEmpty ? String(part) : "/" + part
            if made.insert(directory).inserted { tar.directory(directory, mode: directory == "tmp" ? 0o1777 : 0o755) }
        }
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }

    private func json(_ value: JSONValue) -> [UInt8] { value.compactBytes }

    private func descriptor(_ type: String, _ bytes: [UInt8]) -> JSONValue {
        ["mediaType": .string(type), "digest": .string(Self.digest(bytes)), "size": .integer(Int64(bytes.count))]
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        "sha256:" + SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// The ustar format (POSIX.1, pax, "ustar Interchange Format"), for names up to 100 bytes.
struct TarWriter {
    private var bytes: [UInt8] = []
    private static let blockBytes = 512

    mutating func file(_ name: String, _ content: [UInt8], mode: Int = 0o644) {
        header(name, size: content.count, mode: mode, type: "0", target: "")
        bytes += content
        pad()
    }

    mutating func directory(_ name: String, mode: Int) {
        header(name + "/", size: 0, mode: mode, type: "5", target: "")
    }

    mutating func symbolicLink(_ name: String, to target: String) {
        header(name, size: 0, mode: 0o777, type: "2", target: target)
    }

    /// The archive, with the two empty blocks that end it.
    mutating func finish() -> [UInt8] {
        bytes += [UInt8](repeating: 0, count: 2 * Self.blockBytes)
        return bytes
    }

    private mutating func header(_ name: String, size: Int, mode: Int, type: Character, target: String) {
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        func put(_ text: String, at offset: Int, _ width: Int) {
            for (index, byte) in text.utf8.prefix(width).enumerated() { block[offset + index] = byte }
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0, 100)
        put(octal(mode, 7), at: 100, 8)
        put(octal(0, 7), at: 108, 8)
        put(octal(0, 7), at: 116, 8)
        put(octal(size, 11), at: 124, 12)
        put(octal(0, 11), at: 136, 12)
        put("        ", at: 148, 8)
        put(String(type), at: 156, 1)
        put(target, at: 157, 100)
        put("ustar", at: 257, 6)
        put("00", at: 263, 2)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6) + "\0 ", at: 148, 8)
        bytes += block
    }

    private mutating func pad() {
        let rest = bytes.count % Self.blockBytes
        if rest != 0 { bytes += [UInt8](repeating: 0, count: Self.blockBytes - rest) }
    }
}
