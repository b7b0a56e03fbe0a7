import Glibc
import JSONText
import NodeAgent

/// A containerd of the node's own: configuration, plugins, images.
struct NodeContainerd {
    static let readySecondsMax = 20
    let layout: NodeLayout

    private static let programs = ["/usr/bin/containerd", "/usr/local/bin/containerd"]
    private static let clients = ["/usr/bin/ctr", "/usr/local/bin/ctr"]
    private static let loopbacks = ["/usr/lib/cni/loopback", "/opt/cni/bin/loopback"]

    /// Writes all that containerd reads, and returns the program's path. Throws `missingProgram` naming what to
    /// install.
    func prepare() throws(NodeError) -> String {
        guard let program = NodeFiles.firstExisting(Self.programs) else {
            throw NodeError(.missingProgram, "containerd is not installed; apt-get install containerd runc")
        }
        guard let loopback = NodeFiles.firstExisting(Self.loopbacks) else {
            throw NodeError(
                .missingProgram, "the loopback CNI plugin is not installed; apt-get install containernetworking-plugins"
            )
        }
        let plugin = try NodeFiles.programBeside("martlet-cni")
        guard NodeFiles.exists(plugin) else {
            throw NodeError(.missingProgram, "\(plugin) is missing: martlet-cni belongs beside martletd")
        }
        for path in [layout.containerdDirectory, layout.pluginDirectory, layout.networkDirectory, layout.images] {
            try NodeFiles.makeDirectory(path)
        }
        try NodeFiles.link("\(layout.pluginDirectory)/loopback", to: loopback)
        try NodeFiles.link("\(layout.pluginDirectory)/martlet-cni", to: plugin)
        try NodeFiles.write("\(layout.networkDirectory)/10-martlet.conflist", networkList.prettyText + "\n")
        try NodeFiles.write(layout.containerdConfiguration, configuration)
        return program
    }

    /// containerd 1.6 speaks CNI up to 1.0.0.
    private var networkList: JSONValue {
        [
            "cniVersion": "1.0.0", "name": "martlet",
            "plugins": [["type": "martlet-cni", "socket": .string(layout.socket)]],
        ]
    }

    private var configuration: String {
        let directory = layout.containerdDirectory
        return """
            version = 2
            root = "\(directory)/root"
            state = "\(directory)/state"
            disabled_plugins = [
              "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
              "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
              "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
            ]
            [grpc]
              address = "\(layout.containerdSocket)"
            [plugins."io.containerd.internal.v1.opt"]
              path = "\(directory)/opt"
            [plugins."io.containerd.grpc.v1.cri"]
              restrict_oom_score_adj = true
              netns_mounts_under_state_dir = true
              disable_tcp_service = true
              stream_server_address = "127.0.0.1"
              stream_server_port = "0"
              sandbox_image = "\(NodeImages.pauseReference)"
              [plugins."io.containerd.grpc.v1.cri".containerd]
                snapshotter = "overlayfs"
                default_runtime_name = "runc"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
                  runtime_type = "io.containerd.runc.v2"
                  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                    SystemdCgroup = false
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "\(layout.pluginDirectory)"
                conf_dir = "\(layout.networkDirectory)"
                max_conf_num = 1

            """
    }

    /// The pause image, imported as soon as containerd answers. Throws `notReady` past `readySecondsMax`.
    func importPause() throws(NodeError) {
        try importImage(NodeImages.pause(busybox: try Self.busybox()), name: "pause")
    }

    /// The machine's static busybox, of which images are made.
    static func busybox() throws(NodeError) -> [UInt8] {
        guard let path = NodeFiles.firstExisting(["/bin/busybox", "/usr/bin/busybox"]) else {
            throw NodeError(.missingProgram, "busybox is not installed; apt-get install busybox-static")
        }
        return try NodeFiles.bytes(of: path)
    }

    /// `name` is that of the archive's file.
    func importImage(_ image: ImageArchive, name: String) throws(NodeError) {
        let archive = "\(layout.images)/\(name).tar"
        do {
            try NodeFiles.write(archive, bytes: try image.bytes())
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError(.system, "the image \(name) cannot be written", cause: error)
        }
        guard let client = NodeFiles.firstExisting(Self.clients) else {
            throw NodeError(.missingProgram, "ctr is not installed; it comes with containerd")
        }
        let arguments = [
            client, "--address", layout.containerdSocket, "--namespace", "k8s.io", "images", "import",
            archive,
        ]
        for _ in 0..<(Self.readySecondsMax * 10) {
            if NodeFiles.exists(layout.containerdSocket) {
                let child = try ChildProcess.start(
                    "ctr", ChildProcess.Options(arguments: arguments, log: layout.log("images")))
                var status = child.reap()
                while status == nil {
                    usleep(5_000)
                    status = child.reap()
                }
                if status == 0 { return }
            }
            usleep(100_000)
        }
        throw NodeError(.notReady, "containerd took no image in time; see \(layout.log("containerd"))")
    }

    /// containerd's shims listen below /run/containerd whatever the state directory; each task's folder names its
    /// socket.
    func removeShimSockets() {
        let tasks = "\(layout.containerdDirectory)/state/io.containerd.runtime.v2.task/k8s.io"
        for task in NodeFiles.entries(tasks) {
            let prefix = "unix://"
            guard let address = NodeFiles.read("\(tasks)/\(task)/address"),
                address.hasPrefix(prefix + "/run/containerd/s/")
            else { continue }
            _ = unlink(String(address.dropFirst(prefix.count)))
        }
    }
}
