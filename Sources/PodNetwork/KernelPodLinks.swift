import DaemonAPI
import Glibc
import NetTypes
package import Netlink

/// `PodLinks` over netlink and `/proc/sys`.
package final class KernelPodLinks: PodLinks {
    /// Where the node's ends are.
    private let home: NetworkNamespace
    private let hasIPv6: Bool

    /// `home`: the node's network namespace; nil for the calling thread's, which is the daemon's.
    package init(home: NetworkNamespace? = nil) throws(PodNetworkError) {
        self.home = try wrapped(.ioFailure, "open the node's network namespace") { () throws(NetlinkError) in
            if let home { return home }
            return try NetworkNamespace.current()
        }
        hasIPv6 = Sysctl.hasIPv6
    }

    package func open(namespacePath: String) throws(PodNetworkError) -> NetworkNamespace {
        let namespace = try wrapped(.invalidEnvironment, "CNI_NETNS \(namespacePath)") { () throws(NetlinkError) in
            try NetworkNamespace(path: namespacePath)
        }
        var node = stat()
        var pod = stat()
        guard fstat(home.descriptor, &node) == 0, fstat(namespace.descriptor, &pod) == 0 else {
            throw .system("fstat \(namespacePath)", errno)
        }
        if node.st_ino == pod.st_ino, node.st_dev == pod.st_dev {
            throw PodNetworkError(.invalidEnvironment, "CNI_NETNS \(namespacePath) is the node's own network namespace")
        }
        return namespace
    }

    package func create(_ pair: VethPair, alias: String, namespace: NetworkNamespace) throws(PodNetworkError)
        -> CreatedLinks
    {
        try wrapped(.ioFailure, "make link \(pair.name)") { () throws(NetlinkError) in
            let podSide = try namespace.connect()
            let cookie = try namespace.cookie()
            let netlink = try home.connect()
            try netlink.createVeth(pair, peerNamespace: namespace)
            guard let host = try netlink.link(named: pair.name), let pod = try podSide.link(named: pair.peerName) else {
                throw NetlinkError(.malformed, "\(pair.name) is not there right after it was made")
            }
            try netlink.setLink(index: host.index, alias: alias)
            return CreatedLinks(hostIndex: host.index, podIndex: pod.index, namespaceCookie: cookie)
        }
    }

    package func configure(_ side: PodSide, namespace: NetworkNamespace) throws(PodNetworkError) {
        try wrapped(.ioFailure, "set up \(side.interface) in \(namespace.path)") { () throws(NetlinkError) in
            let hasIPv6 = hasIPv6
            let netlink = try namespace.run { () throws(NetlinkError) in
                try Self.podSettings(side, hasIPv6: hasIPv6)
                return try NetlinkConnection()
            }
            for address in side.addresses {
                try netlink.add(InterfaceAddress(link: side.podIndex, address: address), prefixRoute: false)
            }
            try netlink.setLink(index: side.podIndex, up: true)
            for route in Self.podRoutes(side) {
                if let gateway = route.gateway {
                    try netlink.add(Neighbour(link: side.podIndex, address: gateway, mac: side.gatewayMAC))
                }
                try netlink.add(route)
            }
        }
    }

    package func configure(_ side: HostSide) throws(PodNetworkError) {
        try wrapped(.ioFailure, "set up \(side.interface)") { () throws(NetlinkError) in
            let hasIPv6 = hasIPv6
            let netlink = try home.run { () throws(NetlinkError) in
                try Self.hostSettings(side, hasIPv6: hasIPv6)
                return try NetlinkConnection()
            }
            try netlink.setLink(index: side.hostIndex, up: true)
            for address in side.addresses {
                try netlink.add(Neighbour(link: side.hostIndex, address: address, mac: side.podMAC))
                try netlink.add(Self.hostRoute(side, address))
            }
        }
    }

    package func remove(hostInterface: String, alias: String) throws(PodNetworkError) {
        try wrapped(.ioFailure, "remove link \(hostInterface)") { () throws(NetlinkError) in
            let netlink = try home.connect()
            guard let link = try netlink.link(named: hostInterface) else { return }
            // A crash between making it and naming its owner leaves it without alias.
            guard link.alias == alias || (link.alias.isEmpty && link.kind == "veth") else {
                throw NetlinkError(.refused, "\(hostInterface) belongs to \"\(link.alias)\", not to \"\(alias)\"")
            }
            do throws(NetlinkError) {
                try netlink.deleteLink(index: link.index)
            } catch {
                if !error.isMissing { throw error }
            }
        }
    }

    package func ownLinks() throws(PodNetworkError) -> [Link] {
        try wrapped(.ioFailure, "list links") { () throws(NetlinkError) in
            try home.connect().links().filter {
                $0.name.hasPrefix(AttachmentNames.prefix) && $0.alias.hasPrefix(AttachmentNames.aliasPrefix)
            }
        }
    }
}

// What each side is to look like.
extension KernelPodLinks {
    /// Addresses usable at once, none made up by the kernel from router advertisements.
    private static func podSettings(_ side: PodSide, hasIPv6: Bool) throws(NetlinkError) {
        guard hasIPv6 else { return }
        let folder = "net/ipv6/conf/\(side.interface)"
        let hasV6 = side.addresses.contains { !$0.isV4 }
        try Sysctl.write("\(folder)/disable_ipv6", hasV6 ? "0" : "1")
        try Sysctl.write("\(folder)/accept_dad", "0")
        try Sysctl.write("\(folder)/accept_ra", "0")
    }

    /// The node's end has no address of its own and answers nothing by itself: the programs do. Packets from the pod
    /// may come in by this device only, which the programs check; the kernel's own check would miss the policy route.
    private static func hostSettings(_ side: HostSide, hasIPv6: Bool) throws(NetlinkError) {
        let v4 = "net/ipv4/conf/\(side.interface)"
        try Sysctl.write("\(v4)/rp_filter", "0")
        try Sysctl.write("\(v4)/proxy_arp", "0")
        try Sysctl.write("\(v4)/accept_redirects", "0")
        try Sysctl.write("\(v4)/send_redirects", "0")
        guard hasIPv6 else { return }
        let v6 = "net/ipv6/conf/\(side.interface)"
        try Sysctl.write("\(v6)/disable_ipv6", "0")
        try Sysctl.write("\(v6)/accept_dad", "0")
        try Sysctl.write("\(v6)/accept_ra", "0")
        try Sysctl.write("\(v6)/accept_redirects", "0")
        // 1: no link-local address, and so no multicast chatter towards the pod.
        try Sysctl.write("\(v6)/addr_gen_mode", "1")
    }

    /// In each family the way to the gateway, and everything else through it. IPv6 reaches a link-local gateway anyway.
    private static func podRoutes(_ side: PodSide) -> [Route] {
        side.addresses.flatMap { address in
            let gateway = PodGateway.address(address.family)
            let everything = Route(
                to: Route.everything(address.family), via: gateway, link: side.podIndex, isOnLink: true)
            switch address.family {
            case .v4: return [Route(to: CIDR(gateway), link: side.podIndex), everything]
            case .v6: return [everything]
            }
        }
    }

    private static func hostRoute(_ side: HostSide, _ address: IPAddress) -> Route {
        Route(
            to: CIDR(address), link: side.hostIndex,
            preferredSource: side.nodeAddresses.first { $0.family == address.family })
    }
}

// CHECK.
extension KernelPodLinks {
    package func verify(_ pod: PodSide, _ host: HostSide, namespace: NetworkNamespace) throws(PodNetworkError) {
        let podFault = try wrapped(.ioFailure, "check \(namespace.path)") { () throws(NetlinkError) in
            try Self.podFault(pod, podMAC: host.podMAC, try namespace.connect())
        }
        if let podFault { throw PodNetworkError(.stateMismatch, "in \(namespace.path): \(podFault)") }
        let hostFault = try wrapped(.ioFailure, "check \(host.interface)") { () throws(NetlinkError) in
            try Self.hostFault(host, gatewayMAC: pod.gatewayMAC, try home.connect())
        }
        if let hostFault { throw PodNetworkError(.stateMismatch, "on the node: \(hostFault)") }
    }

    private static func podFault(_ pod: PodSide, podMAC: MACAddress, _ netlink: NetlinkConnection)
        throws(NetlinkError) -> String?
    {
        guard let link = try netlink.link(named: pod.interface) else { return "\(pod.interface) is missing" }
        if link.index != pod.podIndex || link.mac != podMAC { return "\(pod.interface) is another device" }
        if !link.isUp { return "\(pod.interface) is down" }
        let addresses = try netlink.addresses().filter { $0.link == link.index }.map(\.address)
        if let missing = pod.addresses.first(where: { !addresses.contains($0) }) {
            return "\(pod.interface) lacks address \(missing)"
        }
        for wanted in podRoutes(pod) {
            let found = try netlink.routes(wanted.destination.family).contains {
                $0.destination == wanted.destination && $0.gateway == wanted.gateway && $0.link == link.index
            }
            if !found { return "the route to \(wanted.destination) is missing" }
        }
        let neighbours = try netlink.neighbours()
        for address in pod.addresses.map({ PodGateway.address($0.family) }) {
            let found = neighbours.contains {
                $0.link == link.index && $0.address == address && $0.mac == pod.gatewayMAC && $0.isPermanent
            }
            if !found { return "the permanent neighbour entry of gateway \(address) is missing" }
        }
        return nil
    }

    private static func hostFault(_ host: HostSide, gatewayMAC: MACAddress, _ netlink: NetlinkConnection)
        throws(NetlinkError) -> String?
    {
        guard let link = try netlink.link(named: host.interface) else { return "\(host.interface) is missing" }
        if link.index != host.hostIndex || link.mac != gatewayMAC { return "\(host.interface) is another device" }
        if !link.isUp { return "\(host.interface) is down" }
        let neighbours = try netlink.neighbours()
        for address in host.addresses {
            let routed = try netlink.routes(address.family).contains {
                $0.destination == CIDR(address) && $0.link == link.index
            }
            if !routed { return "the route to \(address) is missing" }
            let known = neighbours.contains {
                $0.link == link.index && $0.address == address && $0.mac == host.podMAC && $0.isPermanent
            }
            if !known { return "the permanent neighbour entry of \(address) is missing" }
        }
        return nil
    }
}

/// Says what was being done when netlink failed.
private func wrapped<Value>(
    _ code: DaemonError.Code, _ what: String, _ body: () throws(NetlinkError) -> Value
) throws(PodNetworkError) -> Value {
    do {
        return try body()
    } catch {
        throw PodNetworkError(code, "\(what): \(error.description)")
    }
}
