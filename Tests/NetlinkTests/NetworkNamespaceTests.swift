import NetTypes
import Netlink
import Testing

/// Against the kernel, in namespaces of their own.
@Suite(.serialized) struct NetworkNamespaceTests {
    static func scratch() throws -> (path: String, namespace: NetworkNamespace) {
        let path = "/run/netns/mt-nl-" + String(UInt32.random(in: 0...UInt32.max), radix: 36)
        return (path, try NetworkNamespace.create(path: path))
    }

    @Test func aVethJoinsTwoNamespaces() throws {
        let (leftPath, left) = try Self.scratch()
        let (rightPath, right) = try Self.scratch()
        defer {
            try? NetworkNamespace.remove(path: leftPath)
            try? NetworkNamespace.remove(path: rightPath)
        }
        let netlink = try left.connect()
        let mac = try #require(MACAddress("02:aa:bb:cc:dd:ee"))
        let pair = VethPair(name: "mtx0", peerName: "eth0", peerMAC: mac, mtu: 1_400)
        try netlink.createVeth(pair, peerNamespace: right)
        let here = try #require(try netlink.link(named: "mtx0"))
        let peer = try right.connect()
        let there = try #require(try peer.link(named: "eth0"))
        #expect(here.kind == "veth" && here.mtu == 1_400 && !here.isUp && here.peerIndex == there.index)
        #expect(there.mac == mac)
        #expect { try netlink.createVeth(pair, peerNamespace: right) } throws: {
            ($0 as? NetlinkError)?.isExisting == true
        }

        try netlink.setLink(index: here.index, alias: "martlet c/eth0")
        #expect(try netlink.link(named: "mtx0")?.alias == "martlet c/eth0")
        try netlink.deleteLink(index: here.index)
        #expect(try peer.link(named: "eth0") == nil)
        #expect { try netlink.deleteLink(index: here.index) } throws: { ($0 as? NetlinkError)?.isMissing == true }
    }

    @Test func addressesRoutesAndNeighboursAreReadBack() throws {
        let (path, namespace) = try Self.scratch()
        defer { try? NetworkNamespace.remove(path: path) }
        let netlink = try namespace.connect()
        try netlink.createVeth(VethPair(name: "a0", peerName: "b0", mtu: 1_500))
        let links = try netlink.links()
        let end = try #require(links.first { $0.name == "a0" })
        for link in links { try netlink.setLink(index: link.index, up: true) }
        for text in ["10.5.0.7", "fd05::7"] {
            let address = try #require(IPAddress(text))
            try netlink.add(InterfaceAddress(link: end.index, address: address), prefixRoute: false)
            try netlink.add(InterfaceAddress(link: end.index, address: address), prefixRoute: false)
            #expect(try netlink.addresses().filter { $0.address == address }.count == 1)
        }
        let mac = try #require(MACAddress("02:00:00:00:00:01"))
        for (family, text) in [(IPFamily.v4, "169.254.1.1"), (.v6, "fe80::1")] {
            let gateway = try #require(IPAddress(text))
            try netlink.add(Neighbour(link: end.index, address: gateway, mac: mac))
            let route = Route(to: Route.everything(family), via: gateway, link: end.index, isOnLink: true)
            try netlink.add(route)
            try netlink.add(route)
            let found = try netlink.routes(family).filter { $0.destination == Route.everything(family) }
            #expect(found.count == 1 && found.first?.gateway == gateway && found.first?.origin == Route.ownProtocol)
            #expect(try netlink.neighbours().contains { $0.address == gateway && $0.mac == mac && $0.isPermanent })
            try netlink.delete(route)
            #expect(try !netlink.routes(family).contains { $0.destination == Route.everything(family) })
        }
    }

    @Test func visitingANamespaceDoesNotMoveTheCaller() throws {
        let (path, namespace) = try Self.scratch()
        defer { try? NetworkNamespace.remove(path: path) }
        let home = try NetworkNamespace.current().cookie()
        #expect(try namespace.cookie() != home)
        let value = try namespace.run { () throws(NetlinkError) in
            try Sysctl.write("net/ipv4/ip_local_port_range", "40000 50000")
            return try Sysctl.read("net/ipv4/ip_local_port_range")
        }
        #expect(value == "40000\t50000")
        #expect(try Sysctl.read("net/ipv4/ip_local_port_range") != value)
        #expect(try NetworkNamespace.current().cookie() == home)
    }

    @Test func whatIsNoNamespaceIsAnError() throws {
        #expect(throws: NetlinkError.self) { try NetworkNamespace(path: "/run/netns/mt-nl-absent") }
        let file = try NetworkNamespace(path: "/dev/null")
        #expect(throws: NetlinkError.self) { try file.connect() }
    }
}
