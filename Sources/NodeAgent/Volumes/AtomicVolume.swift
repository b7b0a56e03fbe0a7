import Glibc

/// A folder of files that change all at once. The files stand in a folder of their own, to which the link `..data`
/// points; each name in the volume is a link through `..data`, and an update swings that one link.
package enum AtomicVolume {
    private static let pointer = "..data"

    /// Returns whether anything changed. Blocks; `group` owns the files where it is given.
    @discardableResult
    package static func write(_ files: [VolumeFile], to folder: String, group: Int64?) throws(NodeAgentError) -> Bool {
        try FileCalls.makeFolder(folder, mode: 0o755)
        let digest = digest(of: files, group: group)
        let current = link(folder + "/" + pointer)
        if let current, current.hasSuffix(digest), FileCalls.isFolder(folder + "/" + current) { return false }
        let fresh = "..\(digest)"
        let path = folder + "/" + fresh
        try FileCalls.removeTree(path)
        try FileCalls.makeFolder(path, mode: 0o755)
        for file in files {
            let target = path + "/" + file.path
            if let slash = target.lastIndex(of: "/") { try FileCalls.makeFolder(String(target[..<slash])) }
            try FileCalls.write(file.bytes, to: target, mode: group == nil ? file.mode : file.mode | 0o040)
            try FileCalls.own(target, group: group)
        }
        try swing(folder + "/" + pointer, to: fresh)
        try linkNames(files, in: folder)
        if let current, current != fresh { try FileCalls.removeTree(folder + "/" + current) }
        return true
    }

    private static func swing(_ name: String, to target: String) throws(NodeAgentError) {
        let temporary = name + "_tmp"
        unlink(temporary)
        guard symlink(target, temporary) == 0 else { throw FileCalls.failure("symlink", temporary) }
        guard rename(temporary, name) == 0 else { throw FileCalls.failure("rename", name) }
    }

    private static func linkNames(_ files: [VolumeFile], in folder: String) throws(NodeAgentError) {
        let wanted = Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) })
        for name in FileCalls.names(in: folder) where !name.hasPrefix("..") && !wanted.contains(name) {
            try FileCalls.removeTree(folder + "/" + name)
        }
        for name in wanted where link(folder + "/" + name) != pointer + "/" + name {
            try FileCalls.removeTree(folder + "/" + name)
            guard symlink(pointer + "/" + name, folder + "/" + name) == 0 else {
                throw FileCalls.failure("symlink", folder + "/" + name)
            }
        }
    }

    static func link(_ path: String) -> String? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { max(0, readlink(path, $0, text.count)) } ?? 0
            }
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private static func digest(of files: [VolumeFile], group: Int64?) -> String {
        let parts = files.flatMap { [$0.path, String($0.mode), String(decoding: $0.bytes, as: UTF8.self)] }
        return Digest.fnv1a(parts + [group.map(String.init) ?? ""])
    }
}
