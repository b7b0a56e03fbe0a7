import ArgumentParser

/// `martletd run`: everything of one node in one process, until SIGTERM or SIGINT. Pods, programs and maps stay.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the node: API server, controllers, node agent and datapath.")

    @OptionGroup var options: NodeOptions

    func run() async throws {
        HeapTrimmer.setUp()
        let setup = try NodeSetup(options)
        try await Daemon(setup).run()
    }
}

/// Where the parts of a node are. Every path may belong to one node only.
struct NodeOptions: ParsableArguments {
    @Option(help: "Database, journals, keys. Outlives restarts and upgrades.")
    var state = "/var/lib/martlet"

    @Option(name: .customLong("run-dir"), help: "The local socket (martletd.sock) is made here.")
    var runDirectory = "/run/martlet"

    @Option(help: "Directory on a bpffs that outlives the daemon: programs, links and maps are pinned here.")
    var bpffs = "/sys/fs/bpf/martlet"

    @Option(help: "cgroup2 directory that holds the node's and the pods' processes; `connect` is attached to it.")
    var cgroup = "/sys/fs/cgroup"

    @Option(help: "containerd's socket.")
    var containerd = "/run/containerd/containerd.sock"

    @Option(help: "The Node's name.")
    var nodeName: String

    @Option(
        name: .customLong("node-address"), help: "The node's address; one a family.")
    var nodeAddresses: [String] = []

    @Option(name: .customLong("pod-cidr"), help: "Pods of this node get addresses of these; one a family.")
    var podCIDRs: [String] = ["10.244.0.0/24", "fd00:244::/64"]

    @Option(name: .customLong("cluster-cidr"), help: "Pods of all nodes; one a family.")
    var clusterCIDRs: [String] = ["10.244.0.0/16", "fd00:244::/56"]

    @Option(name: .customLong("service-cidr"), help: "Services get addresses of these; one a family.")
    var serviceCIDRs: [String] = ["10.96.0.0/16", "fd00:96::/112"]

    @Option(name: .customLong("uplink"), help: "Interface that leads to the outside; may be given more than once.")
    var uplinks: [String] = []

    @Option(help: "The port the API server takes on the node's addresses.")
    var apiPort = 6443

    @Option(help: "Address written into pods' resolv.conf for ClusterFirst; the node's own file where absent.")
    var clusterDNS: String?

    @Option(help: "The cluster's DNS domain.")
    var clusterDomain = "cluster.local"

    @Option(help: "Folder with static pods.")
    var staticPods: String?

    @Option(help: "Where the administrator's kubeconfig is written.")
    var kubeconfig = "/etc/martlet/admin.kubeconfig"

    @Option(
        name: .customLong("boot-id-file"),
        help: ArgumentHelp("Says which boot this is; another one frees all attachments.", visibility: .hidden))
    var bootIDFile = "/proc/sys/kernel/random/boot_id"

    @Flag(inversion: .prefixedNo, help: "Translate Service addresses in connect(2) where the kernel allows.")
    var connect = true
}
