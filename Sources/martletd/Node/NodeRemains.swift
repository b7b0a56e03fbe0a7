import CLinux
import Glibc

/// Takes away what a run has made: everything carries its id, so nothing else is touched.
enum NodeRemains {
    /// The caller holds the run's lock, so nobody of that run is at work. May be repeated after a failure.
    static func remove(_ layout: NodeLayout) throws(NodeError) {
        try endProcesses(layout)
        NodeContainerd(layout: layout).removeShimSockets()
        try unmount(layout)
        try NodeNetwork.remove(layout)
        if let cgroup = try? NodeCgroup(layout) { cgroup.remove() }
        // The lock goes last, and in one step: as long as its name is there, nobody else begins.
        for name in NodeFiles.entries(layout.directory) where "\(layout.directory)/\(name)" != layout.lock {
            try NodeFiles.removeTree("\(layout.directory)/\(name)")
        }
        let gone = layout.directory + ".gone"
        try NodeFiles.removeTree(gone)
        guard rename(layout.directory, gone) == 0 else { throw .call("rename \(layout.directory)", -errno) }
        try NodeFiles.removeTree(gone)
    }

    /// Removes a run whose lock nobody holds. False where there is none, or where it lives.
    @discardableResult
    static func removeDead(_ layout: NodeLayout) throws(NodeError) -> Bool {
        guard let lock = try RunLock(ofDead: layout.lock) else { return false }
        try remove(layout)
        withExtendedLifetime(lock) {}
        return true
    }

    private static func endProcesses(_ layout: NodeLayout) throws(NodeError) {
        // A supervisor that lived would hold the lock: the one written down is dead, or the caller itself.
        for child in recorded(layout) where child.pid != getpid() { child.signal(SIGKILL) }
        if let cgroup = try? NodeCgroup(layout) { try cgroup.kill() }
    }

    /// The processes that the run wrote down.
    static func recorded(_ layout: NodeLayout) -> [ChildProcess] {
        (NodeFiles.read(layout.processes) ?? "").split(separator: "\n").compactMap(ChildProcess.init(line:))
    }

    private static func unmount(_ layout: NodeLayout) throws(NodeError) {
        // The table is read piece by piece, so one reading may miss what lies under a mount that goes meanwhile.
        for _ in 0..<unmountRoundsMax {
            let mounts = MountTable().below(layout.directory)
            if mounts.isEmpty { break }
            for mount in mounts { try unmount(mount) }
        }
        // A tree with a mount in it must not be removed: it might be somebody's files.
        if let left = MountTable().below(layout.directory).first {
            throw NodeError(.system, "\(left.point) is still mounted")
        }
    }

    private static let unmountRoundsMax = 16

    private static func unmount(_ mount: MountTable.Mount) throws(NodeError) {
        let result = clinux_unmount(mount.point, clinux_mnt_detach)
        if result != 0, result != -EINVAL, result != -ENOENT { throw .call("unmount \(mount.point)", result) }
    }
}
