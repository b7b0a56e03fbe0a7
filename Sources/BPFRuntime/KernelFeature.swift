/// What the datapath needs of a kernel. Each is tried for real: versions lie where distributions build without an
/// option.
package enum KernelFeature: String, Sendable, CaseIterable {
    case loadPrograms = "BPF programs"
    case mappedArrays = "memory-mapped BPF arrays"
    case leastRecentlyUsedMaps = "LRU hash maps"
    case prefixMaps = "longest-prefix-match maps"
    case ringBuffer = "BPF ring buffer"
    case coarseClock = "bpf_ktime_get_coarse_ns"
    case redirectNeighbour = "bpf_redirect_neigh"
    case redirectPeer = "bpf_redirect_peer"
    case testRun = "BPF_PROG_TEST_RUN of tc programs"
    case tcxLinks = "tcx links"
    case linkExchange = "exchange of a tcx link's program"
    case closedFilters = "clsact with cls_bpf"
    case connectHooks = "cgroup socket-address hooks"
    case returnValues = "bpf_set_retval in cgroup hooks"
    case namespaceCookies = "network-namespace cookies"

    /// The first kernel release that has it.
    package var firstKernel: String {
        switch self {
        case .loadPrograms: "4.15"
        case .mappedArrays: "5.5"
        case .leastRecentlyUsedMaps: "4.10"
        case .prefixMaps: "4.16"
        case .ringBuffer: "5.8"
        case .coarseClock: "5.11"
        case .redirectNeighbour: "5.10"
        case .redirectPeer: "5.10"
        case .testRun: "4.12"
        case .tcxLinks: "6.6"
        case .linkExchange: "6.6"
        case .closedFilters: "4.5"
        case .connectHooks: "5.8"
        case .returnValues: "5.18"
        case .namespaceCookies: "5.14"
        }
    }

    /// What to look for where the release is new enough.
    package var requirement: String {
        switch self {
        case .loadPrograms, .testRun: "CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT, and CAP_BPF with CAP_NET_ADMIN"
        case .mappedArrays, .leastRecentlyUsedMaps, .prefixMaps, .ringBuffer, .coarseClock: "CONFIG_BPF_SYSCALL"
        case .redirectNeighbour, .redirectPeer: "CONFIG_NET_CLS_ACT"
        case .tcxLinks, .linkExchange: "CONFIG_NET_XGRESS"
        case .closedFilters: "CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF"
        case .connectHooks, .returnValues: "CONFIG_CGROUP_BPF and a mounted cgroup2"
        case .namespaceCookies: "CONFIG_NET_NS"
        }
    }
}

/// What came of trying one feature.
package struct KernelFeatureResult: Sendable {
    package let feature: KernelFeature
    /// Nil where it works.
    package let failure: DatapathError?

    package init(_ feature: KernelFeature, failure: DatapathError?) {
        self.feature = feature
        self.failure = failure
    }
}
