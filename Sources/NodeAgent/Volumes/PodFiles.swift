import Glibc
import JSONText

/// The files of one pod on the node: volumes, hosts file, termination messages, logs. All calls block.
struct PodFiles: Sendable {
    let folder: String
    let logFolder: String

    init(uid: String, namespace: String, name: String, configuration: NodeAgentConfiguration) {
        folder = "\(configuration.rootDirectory)/\(uid)"
        logFolder = "\(configuration.logDirectory)/\(namespace)_\(name)_\(uid)"
    }

    func volume(_ name: String) -> String { "\(folder)/volumes/\(name)" }
    var hostsFile: String { "\(folder)/hosts" }
    func terminationMessage(_ container: String, restartCount: Int) -> String {
        "\(folder)/termination/\(container)-\(restartCount)"
    }
    static func logPath(_ container: String, restartCount: Int) -> String { "\(container)/\(restartCount).log" }

    /// Makes each volume, or brings it up to date.
    func prepare(_ pod: PodObject, _ content: ProjectedContent) throws(NodeAgentError) {
        let group = pod.spec[path: "securityContext", "fsGroup"]?.integer
        try FileCalls.makeFolder(folder + "/volumes", mode: 0o755)
        for volume in pod.spec["volumes"]?.array ?? [] {
            guard let name = volume["name"]?.string else { continue }
            if let files = try content.files(of: volume) {
                try AtomicVolume.write(files, to: self.volume(name), group: group)
            } else if let source = volume["hostPath"] {
                try checkHostPath(source, volume: name)
            } else {
                try prepareEmpty(volume["emptyDir"] ?? .null, name, group: group)
            }
        }
    }

    private func prepareEmpty(_ source: JSONValue, _ name: String, group: Int64?) throws(NodeAgentError) {
        let path = volume(name)
        if !FileCalls.isFolder(path) { try FileCalls.makeFolder(path, mode: 0o777) }
        if source["medium"]?.string == "Memory" {
            let limit = source["sizeLimit"]?.string.flatMap { ResourceQuantity($0) }?.whole
            try FileCalls.mountMemory(at: path, bytes: limit)
        }
        try FileCalls.own(path, group: group)
        let mode: UInt32 = group == nil ? 0o777 : 0o2777
        guard chmod(path, mode) == 0 else { throw FileCalls.failure("chmod", path) }
    }

    private func checkHostPath(_ source: JSONValue, volume: String) throws(NodeAgentError) {
        let path = source["path"]?.string ?? ""
        let type = source["type"]?.string ?? ""
        let kinds: [String: mode_t] = [
            "Directory": S_IFDIR, "DirectoryOrCreate": S_IFDIR, "File": S_IFREG, "FileOrCreate": S_IFREG,
            "Socket": S_IFSOCK, "CharDevice": S_IFCHR, "BlockDevice": S_IFBLK,
        ]
        guard let wanted = kinds[type] else { return }
        if FileCalls.kind(path) == nil {
            if type == "DirectoryOrCreate" { try FileCalls.makeFolder(path) }
            if type == "FileOrCreate" { try FileCalls.write([], to: path, mode: 0o644) }
        }
        guard FileCalls.kind(path) == wanted else {
            throw NodeAgentError(.volume, "volume \(volume): hostPath \(path) is not of type \(type)")
        }
    }

    /// Where a mount's volume stands on the node.
    func hostPath(of mount: JSONValue, in pod: PodObject, subPath: String) throws(NodeAgentError) -> String {
        let name = mount["name"]?.string ?? ""
        guard let volume = (pod.spec["volumes"]?.array ?? []).first(where: { $0["name"]?.string == name }) else {
            throw NodeAgentError(.configuration, "volumeMount \(name): no such volume")
        }
        let isHost = volume["hostPath"] != nil
        let base = isHost ? volume[path: "hostPath", "path"]?.string ?? "" : self.volume(name)
        if isHost && FileCalls.kind(base) == nil { try FileCalls.makeFolder(base) }
        guard !subPath.isEmpty else { return base }
        guard !subPath.hasPrefix("/"), !subPath.split(separator: "/").contains("..") else {
            throw NodeAgentError(.configuration, "volumeMount \(name): subPath \"\(subPath)\" leaves the volume")
        }
        let path = base + "/" + subPath
        if FileCalls.kind(path) == nil { try FileCalls.makeFolder(path, mode: 0o777) }
        guard let real = Self.resolve(path), let root = Self.resolve(base), real == root || real.hasPrefix(root + "/")
        else { throw NodeAgentError(.volume, "volumeMount \(name): subPath \"\(subPath)\" leads out of the volume") }
        return real
    }

    private static func resolve(_ path: String) -> String? {
        guard let pointer = realpath(path, nil) else { return nil }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    func writeHosts(_ text: String) throws(NodeAgentError) {
        try FileCalls.makeFolder(folder)
        // In place: running containers have the file itself mounted.
        try FileCalls.write(Array(text.utf8), to: hostsFile, mode: 0o644)
    }

    func makeTerminationMessage(_ container: String, restartCount: Int) throws(NodeAgentError) -> String {
        let path = terminationMessage(container, restartCount: restartCount)
        try FileCalls.makeFolder(folder + "/termination")
        try FileCalls.write([], to: path, mode: 0o666)
        return path
    }

    func remove() throws(NodeAgentError) {
        for name in FileCalls.names(in: folder + "/volumes") { try FileCalls.removeTree(volume(name)) }
        try FileCalls.removeTree(folder)
        try FileCalls.removeTree(logFolder)
    }
}
