import Agent
import ArgumentParser
import BPFRuntime
import CMartletABI
import DaemonAPI
import Glibc
import MapLayout
import NetTypes
import Netlink

/// The daemon's options, read and checked: what the parts are made of.
struct NodeSetup {
    /// Bytes of a pod's link that may be taken by encapsulation later: none yet.
    static let podMTU = 1500
    /// 4 bits of skb->mark, off kube-proxy's 0x4000 and 0x8000.
    static let markMask: UInt32 = 0x0f00_0000
    /// Events that one CPU may queue a second.
    static let eventsPerSecond: UInt32 = 100_000

    let options: NodeOptions
    let nodeAddresses: [IPAddress]
    /// All addresses of the node, those given by option first: none of them is sent out of an uplink.
    let ownAddresses: [IPAddress]
    /// Further addresses of the node, for which the kernel programs have no room.
    let unknownAddresses: [IPAddress]
    let podCIDRs: [CIDR]
    let clusterCIDRs: [CIDR]
    let serviceCIDRs: [CIDR]
    let uplinks: [Link]
    let bootID: String
    let netnsCookie: UInt64

    init(_ options: NodeOptions) throws {
        self.options = options
        nodeAddresses = try options.nodeAddresses.map { text in
            guard let address = IPAddress(text) else { throw ValidationError("--node-address \(text) is no address") }
            return address
        }
        podCIDRs = try Self.blocks(options.podCIDRs, "--pod-cidr")
        let cluster = try Self.blocks(options.clusterCIDRs, "--cluster-cidr")
        clusterCIDRs = cluster
        if let stray = podCIDRs.first(where: { block in !cluster.contains { $0.contains(block) } }) {
            throw ValidationError(
                "--pod-cidr \(stray) is outside of --cluster-cidr "
                    + cluster.map(\.description).joined(separator: ", "))
        }
        serviceCIDRs = try Self.blocks(options.serviceCIDRs, "--service-cidr")
        guard !nodeAddresses.isEmpty else {
            throw ValidationError("--node-address is missing: give the node's addresses, one a family")
        }
        try Self.checkRoom("--node-address", options.nodeAddresses, Self.addressesMax)
        for (option, blocks) in [
            ("--pod-cidr", options.podCIDRs), ("--cluster-cidr", options.clusterCIDRs),
            ("--service-cidr", options.serviceCIDRs),
        ] { try Self.checkRoom(option, blocks, Self.blocksMax) }
        let netlink = try NetlinkConnection()
        defer { netlink.close() }
        uplinks = try options.uplinks.map { name in
            guard let link = try netlink.link(named: name) else {
                throw ValidationError("--uplink \(name): there is no such interface")
            }
            return link
        }
        let own = try Self.ownAddresses(netlink, first: nodeAddresses, podCIDRs)
        ownAddresses = Array(own.prefix(Self.addressesMax))
        unknownAddresses = Array(own.dropFirst(Self.addressesMax))
        guard let boot = NodeFiles.read(options.bootIDFile)?.split(whereSeparator: \.isWhitespace).first else {
            throw ValidationError("--boot-id-file \(options.bootIDFile) cannot be read")
        }
        bootID = String(boot)
        netnsCookie = try NetworkNamespace.current().cookie()
    }

    private static func ownAddresses(_ netlink: NetlinkConnection, first: [IPAddress], _ pods: [CIDR]) throws
        -> [IPAddress]
    {
        let local = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"].compactMap { CIDR($0) } + pods
        let others = try netlink.addresses().map(\.address).filter { address in
            !first.contains(address) && !local.contains { $0.contains(address) }
        }
        return first + others.sorted()
    }

    private static func blocks(_ texts: [String], _ option: String) throws -> [CIDR] {
        try texts.map { text in
            guard let block = CIDR(text) else { throw ValidationError("\(option) \(text) is no block ADDRESS/LENGTH") }
            return block
        }
    }

    // MARK: What the kernel programs are told

    private static let addressesMax = Int(MARTLET_NODE_ADDRESSES_MAX.rawValue)
    private static let blocksMax = Int(MARTLET_PREFIXES_MAX.rawValue)

    private static func checkRoom(_ option: String, _ values: [String], _ limit: Int) throws {
        guard values.count > limit else { return }
        throw ValidationError(
            "\(option) is given \(values.count) times, and the kernel programs have room for \(limit): "
                + values.joined(separator: ", "))
    }

    var datapathSettings: DatapathSettings {
        DatapathSettings(pinDirectory: options.bpffs, configuration: kernelConfiguration)
    }

    private var kernelConfiguration: martlet_config {
        var config = martlet_config()
        config.node_address_count = Self.fill(&config.node_addresses, ownAddresses.map(\.mapped))
        config.cluster_pods_count = Self.fill(&config.cluster_pods, clusterCIDRs.map(martlet_prefix.init))
        config.node_pods_count = Self.fill(&config.node_pods, podCIDRs.map(martlet_prefix.init))
        config.services_count = Self.fill(&config.services, serviceCIDRs.map(martlet_prefix.init))
        if let address = nodeAddresses.first(where: \.isV4) {
            config.masquerade_ipv4 = address.mapped
            config.flags |= MARTLET_CONFIG_MASQUERADE_IPV4.rawValue
        }
        if let address = nodeAddresses.first(where: { !$0.isV4 }) {
            config.masquerade_ipv6 = address.mapped
            config.flags |= MARTLET_CONFIG_MASQUERADE_IPV6.rawValue
        }
        config.node_netns_cookie = netnsCookie
        config.uplink_ifindex = uplinks.first?.index ?? 0
        config.uplink_mtu = UInt32(uplinks.first?.mtu ?? Self.podMTU)
        config.pod_mtu = UInt32(Self.podMTU)
        config.mark_mask = Self.markMask
        config.events_per_second = Self.eventsPerSecond
        withUnsafeMutableBytes(of: &config.gateway_mac) { $0.copyBytes(from: PodGateway.mac.bytes) }
        return config
    }

    /// Fills a fixed array of the layout; returns how many there are.
    private static func fill<Whole, Value>(_ array: inout Whole, _ values: [Value]) -> UInt32 {
        withUnsafeMutableBytes(of: &array) { raw in
            let slots = raw.bindMemory(to: Value.self)
            precondition(values.count <= slots.count, "how many values there may be is checked before")
            for (index, value) in values.enumerated() { slots[index] = value }
            return UInt32(values.count)
        }
    }

    // MARK: The agent

    var agentConfiguration: AgentConfiguration {
        AgentConfiguration(
            nodeName: options.nodeName, nodeAddresses: nodeAddresses, podCIDRs: podCIDRs, clusterCIDRs: clusterCIDRs,
            serviceCIDRs: serviceCIDRs, stateDirectory: options.state,
            socketPath: options.runDirectory + "/martletd.sock",
            bootID: bootID, connectCgroup: options.connect ? options.cgroup : nil, uplinks: uplinks.map(\.index),
            podMTU: Self.podMTU)
    }
}

extension martlet_prefix {
    init(_ block: CIDR) {
        let bits = block.mappedPrefixLength
        let all = IPAddress(high: .max, low: .max)
        self.init(address: block.address.mapped, mask: all.masked(to: bits).mapped)
    }
}
