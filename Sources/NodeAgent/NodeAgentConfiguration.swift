/// Settings of the node agent. Paths are as both the daemon and the container runtime see them.
package struct NodeAgentConfiguration: Sendable {
    package var nodeName: String
    /// containerd's socket; it serves the CRI and its own services.
    package var containerdSocket: String
    /// Volumes, hosts files and termination messages of pods live below it; survives restarts of the daemon.
    package var rootDirectory: String
    /// Container logs live below it, as NAMESPACE_NAME_UID/CONTAINER/N.log.
    package var logDirectory: String
    /// YAML or JSON files of static pods; nil for none.
    package var staticPodDirectory: String?
    /// Addresses of the cluster's DNS service; empty where there is none: pods then get the node's resolv.conf.
    package var clusterDNS: [String] = []
    package var clusterDomain = "cluster.local"
    /// The node's own, for dnsPolicy Default and for what ClusterFirst appends to.
    package var resolvConf = "/etc/resolv.conf"
    /// Addresses of the node: `status.hostIPs`, and the pod's own where it uses the host network.
    package var nodeAddresses: [String]
    /// Parent of the pods' cgroups, as the runtime names it; empty for the runtime's default.
    package var cgroupParent = ""
    /// Capacity that `resourceFieldRef` falls back to where a container has no limit.
    package var cpuCount: Int64 = 1
    package var memoryBytes: Int64 = 0

    package init(
        nodeName: String, containerdSocket: String, rootDirectory: String, logDirectory: String,
        nodeAddresses: [String]
    ) {
        self.nodeName = nodeName
        self.containerdSocket = containerdSocket
        self.rootDirectory = rootDirectory
        self.logDirectory = logDirectory
        self.nodeAddresses = nodeAddresses
    }

    /// Everything that has a bound.
    enum Limit {
        static let resyncPeriod = Duration.seconds(2)
        static let volumeRefresh = Duration.seconds(30)
        static let imagePull = Duration.seconds(600)
        static let runtimeCall = Duration.seconds(120)
        static let logFileBytes: Int64 = 10 << 20
        static let logFilesKept = 5
        static let terminationMessageBytes = 4096
        static let execSessions = 64
        static let responseBytes = 16 << 20
        static let deadContainersKept = 2
        static let projectedBytes = 1 << 20
        static let eventQueue = 256
        static let execChunkBytes = 64 << 10
    }
}
