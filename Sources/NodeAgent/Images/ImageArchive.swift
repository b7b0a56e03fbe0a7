import Crypto
import JSONText

/// A container image as a tar of the OCI image layout 1.0.0, with one layer that is not compressed: what
/// `ctr images import` reads, without any registry.
package struct ImageArchive: Sendable {
    package enum Entry: Hashable, Sendable {
        case folder(String, mode: UInt32)
        case file(String, [UInt8], mode: UInt32)
        case link(String, target: String)
    }

    private let reference: String
    private let command: [String]
    private let entries: [Entry]

    /// `reference` is a full name with its tag. Folders come before what is in them.
    package init(reference: String, command: [String], entries: [Entry]) {
        self.reference = reference
        self.command = command
        self.entries = entries
    }

    package func bytes() throws(NodeAgentError) -> [UInt8] {
        let layer = try layer()
        let config = Self.print([
            "architecture": .string(Self.architecture), "os": "linux",
            "config": ["Cmd": .array(command.map { .string($0) }), "Env": ["PATH=/bin:/usr/bin"], "WorkingDir": "/"],
            "rootfs": ["type": "layers", "diff_ids": [.string(Self.digest(layer))]],
            "history": [["created_by": "martlet"]],
        ])
        let manifest = Self.print([
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": Self.descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [Self.descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        ])
        var described = Self.descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
        described["platform"] = ["os": "linux", "architecture": .string(Self.architecture)]
        described["annotations"] = [
            "io.containerd.image.name": .string(reference),
            "org.opencontainers.image.ref.name": .string(reference.split(separator: ":").last.map(String.init) ?? ""),
        ]
        let index = Self.print(["schemaVersion": 2, "manifests": [described]])
        var tar = TarWriter()
        try tar.file("oci-layout", Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8), mode: 0o644)
        try tar.file("index.json", index, mode: 0o644)
        try tar.folder("blobs", mode: 0o755)
        try tar.folder("blobs/sha256", mode: 0o755)
        for blob in [config, manifest, layer] { try tar.file("blobs/sha256/\(Self.hex(blob))", blob, mode: 0o644) }
        return tar.finished()
    }

    private func layer() throws(NodeAgentError) -> [UInt8] {
        var tar = TarWriter()
        for entry in entries {
            switch entry {
            case .folder(let path, let mode): try tar.folder(path, mode: mode)
            case .file(let path, let content, let mode): try tar.file(path, content, mode: mode)
            case .link(let path, let target): try tar.link(path, to: target)
            }
        }
        return tar.finished()
    }

    #if arch(arm64)
        private static let architecture = "arm64"
    #else
        private static let architecture = "amd64"
    #endif

    private static func print(_ value: JSONValue) -> [UInt8] { JSONPrinter(escapesHTML: false).bytes(value) }

    private static func descriptor(_ type: String, _ blob: [UInt8]) -> JSONValue {
        ["mediaType": .string(type), "digest": .string(digest(blob)), "size": .integer(Int64(blob.count))]
    }

    private static func digest(_ blob: [UInt8]) -> String { "sha256:" + hex(blob) }

    private static func hex(_ blob: [UInt8]) -> String {
        SHA256.hash(data: blob).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }
}
