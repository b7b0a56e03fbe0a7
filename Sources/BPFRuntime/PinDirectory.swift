import CLibbpf
import Glibc

/// The files of ours on a bpffs: `maps/NAME_vN`, `programs/NAME-DIGEST`, `links/KIND-INTERFACE-PROGRAM`.
/// (A bpffs refuses names with a dot.)
struct PinDirectory: Sendable {
    let root: String

    var maps: String { root + "/maps" }
    var programs: String { root + "/programs" }
    var links: String { root + "/links" }

    /// Makes the directories; `root` itself may be missing, the bpffs may not.
    func prepare() throws(DatapathError) {
        if mkdir(root, 0o700) != 0, errno != EEXIST {
            throw SystemCall.error("mkdir", "the directory for pins \(root)")
        }
        let onBPFFS = martlet_is_bpffs(root)
        if onBPFFS < 0 { throw SystemCall.error("statfs", "the directory for pins \(root)", code: -onBPFFS) }
        guard onBPFFS == 1 else {
            rmdir(root)
            throw DatapathError(
                .missing, "\(root) is not on a bpffs; mount one there: mount -t bpf bpf \(root)", call: "statfs")
        }
        for directory in [maps, programs, links] where mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw SystemCall.error("mkdir", "the directory for pins \(directory)")
        }
    }

    /// Names in a directory, sorted; empty where it does not exist.
    func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The object pinned at a path; nil where there is none.
    func open(_ path: String) throws(DatapathError) -> OwnedDescriptor? {
        let descriptor = bpf_obj_get(path)
        if descriptor >= 0 { return OwnedDescriptor(descriptor) }
        if errno == ENOENT { return nil }
        throw SystemCall.error("bpf_obj_get", "the pin \(path)")
    }

    /// Pins, in place of whatever was there.
    func pin(_ descriptor: Int32, at path: String) throws(DatapathError) {
        unlink(path)
        try SystemCall.check(bpf_obj_pin(descriptor, path), "bpf_obj_pin", "the pin \(path)")
    }

    func remove(_ path: String) throws(DatapathError) {
        if unlink(path) != 0, errno != ENOENT { throw SystemCall.error("unlink", "the pin \(path)") }
    }

    /// Removes every pin and the directories.
    func removeAll() throws(DatapathError) {
        for directory in [links, programs, maps] {
            for name in names(in: directory) { try remove("\(directory)/\(name)") }
            if rmdir(directory) != 0, errno != ENOENT { throw SystemCall.error("rmdir", "the directory \(directory)") }
        }
        // A directory that is a mount point stays.
        if rmdir(root) != 0, errno != ENOENT, errno != EBUSY, errno != ENOTEMPTY {
            throw SystemCall.error("rmdir", "the directory \(root)")
        }
    }
}
