import NetTypes
import Netlink

/// The node's network namespace, and a second one that plays the outside, joined by a veth.
struct NodeNetwork {
    let layout: NodeLayout
    let node: NetworkNamespace

    static func make(_ layout: NodeLayout) throws(NodeError) -> NodeNetwork {
        try NodeFiles.makeDirectory("/run/netns")
        do throws(NetlinkError) {
            let node = try NetworkNamespace.create(path: layout.namespace)
            let lan = try NetworkNamespace.create(path: layout.lanNamespace)
            try connect(node, lan)
            return NodeNetwork(layout: layout, node: node)
        } catch {
            throw NodeError(.system, "cannot make the network of \(layout.name)", cause: error)
        }
    }

    private static func connect(_ node: NetworkNamespace, _ lan: NetworkNamespace) throws(NetlinkError) {
        let inside = try node.connect()
        let outside = try lan.connect()
        try inside.createVeth(
            VethPair(name: NodeLayout.uplink, peerName: NodeLayout.lanLink, mtu: 1_500), peerNamespace: lan)
        for (netlink, name) in [
            (inside, "lo"), (inside, NodeLayout.uplink), (outside, "lo"), (outside, NodeLayout.lanLink),
        ] {
            try netlink.setLink(index: try index(netlink, name), up: true)
        }
        try assign(inside, "lo", NodeLayout.nodeAddresses.map { ($0, nil) })
        try assign(inside, NodeLayout.uplink, NodeLayout.uplinkAddresses.map { ($0.0, $0.1) })
        try assign(outside, "lo", NodeLayout.outsideAddresses.map { ($0, nil) })
        try assign(outside, NodeLayout.lanLink, NodeLayout.lanAddresses.map { ($0.0, $0.1) })
        let uplink = try index(inside, NodeLayout.uplink)
        let lanLink = try index(outside, NodeLayout.lanLink)
        for family in IPFamily.allCases {
            let own = pick(NodeLayout.nodeAddresses, family)
            let via = pick(NodeLayout.lanAddresses.map(\.0), family)
            try inside.add(
                Route(to: Route.everything(family), via: via, link: uplink, preferredSource: own))
            if let own {
                let back = pick(NodeLayout.uplinkAddresses.map(\.0), family)
                try outside.add(Route(to: CIDR(own), via: back, link: lanLink))
            }
        }
    }

    private static func assign(_ netlink: NetlinkConnection, _ name: String, _ addresses: [(String, Int?)])
        throws(NetlinkError)
    {
        let link = try index(netlink, name)
        for (text, length) in addresses {
            guard let address = IPAddress(text) else { continue }
            try netlink.add(InterfaceAddress(link: link, address: address, prefixLength: length))
        }
    }

    private static func index(_ netlink: NetlinkConnection, _ name: String) throws(NetlinkError) -> UInt32 {
        guard let link = try netlink.link(named: name) else {
            throw NetlinkError(.malformed, "link \(name) is missing")
        }
        return link.index
    }

    private static func pick(_ texts: [String], _ family: IPFamily) -> IPAddress? {
        texts.compactMap(IPAddress.init).first { $0.family == family }
    }

    static func remove(_ layout: NodeLayout) throws(NodeError) {
        do throws(NetlinkError) {
            for path in [layout.namespace, layout.lanNamespace] { try NetworkNamespace.remove(path: path) }
        } catch {
            throw NodeError(.system, "cannot remove the network of \(layout.name)", cause: error)
        }
    }
}
