import Glibc

/// The node's cgroup2 directory: the daemons in one child, the pods in another, so that controllers can be turned on
/// for both (cgroups(7), "no internal processes").
struct NodeCgroup {
    let directory: String
    /// Path below the cgroup root, as the container runtime wants a parent.
    let name: String

    /// Throws `system` where cgroup2 is not mounted.
    init(_ layout: NodeLayout) throws(NodeError) {
        guard let root = MountTable().points(ofType: "cgroup2").first else {
            throw NodeError(.system, "cgroup2 is not mounted; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified")
        }
        name = "/\(layout.name)"
        directory = root + name
    }

    var daemonProcesses: String { "\(directory)/daemon/cgroup.procs" }
    var podsParent: String { "\(name)/pods" }

    func make() throws(NodeError) {
        for path in ["\(directory)/daemon", "\(directory)/pods"] { try NodeFiles.makeDirectory(path) }
    }

    /// Kills every process of the group and its children, and waits for their end.
    func kill() throws(NodeError) {
        guard NodeFiles.exists(directory) else { return }
        try NodeFiles.write("\(directory)/cgroup.kill", "1")
        for _ in 0..<1_000 {
            guard NodeFiles.read("\(directory)/cgroup.events")?.contains("populated 1") == true else { return }
            usleep(10_000)
        }
        throw NodeError(.system, "processes of \(directory) do not end")
    }

    /// Removes the group, its children, and the groups of the same name in version 1 hierarchies.
    func remove() {
        for root in MountTable().points(ofType: "cgroup") { Self.removeTree(root + name) }
        Self.removeTree(directory)
    }

    private static func removeTree(_ path: String) {
        guard NodeFiles.exists(path) else { return }
        for entry in NodeFiles.entries(path) {
            var status = stat()
            let child = "\(path)/\(entry)"
            if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { removeTree(child) }
        }
        _ = rmdir(path)
    }
}
