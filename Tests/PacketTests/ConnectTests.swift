import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
import NetTypes
import TestKit
import Testing

/// A cgroup2 directory that this process is in for a while. A socket belongs to the cgroup that made it.
private final class BorrowedCGroup {
    let path: String
    private let home: String

    init() throws {
        let mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        let root = try #require(mounts.first { access($0 + "/cgroup.procs", F_OK) == 0 }, "no cgroup2 is mounted")
        let own = try shell("grep ^0:: /proc/\(getpid())/cgroup").dropFirst(3).split(separator: "\n")
        home = root + (own.first ?? "/")
        var template = Array("\(root)/mt-connect-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try shell("echo \(getpid()) > \(path)/cgroup.procs")
    }

    deinit {
        // All that this process started meanwhile goes home too, the shell itself first.
        let home = "\(home)/cgroup.procs"
        _ = try? shell(
            "echo $$ > \(home); for p in \(getpid()) $(cat \(path)/cgroup.procs); do echo $p > \(home); done")
        rmdir(path)
    }
}

extension PacketSuite {
    /// The socket programs, by real sockets.
    @Suite
    struct ConnectTests {
        private let network: PacketNetwork
        private let node: PacketNode
        private let cgroup: BorrowedCGroup

        init() throws {
            network = try PacketNetwork()
            let probe = try PacketNode()
            let cookie = try probe.datapath.networkNamespaceCookie(path: network.path("n"))
            let podCookie = try probe.datapath.networkNamespaceCookie(path: network.path("a"))
            node = try PacketNode { $0.node_netns_cookie = cookie }
            for (pod, link) in [(PacketNode.client, "va"), (PacketNode.server, "vb")] {
                let index = try #require(network.interfaces[link])
                try node.put(pod, interface: index)
                try network.inside("n") { [node] in try node.datapath.attachPod(interface: index) }
            }
            try node.datapath.put(MapCatalog.podNamespaces, podCookie, PacketNode.client.number)
            cgroup = try BorrowedCGroup()
            try node.datapath.attachConnect(cgroup: cgroup.path)
            for (number, protocolNumber) in [(UInt32(1), UInt8(6)), (3, 17)] {
                try node.putService(number, "10.96.0.10", 80, protocolNumber, at: Int(number), [("10.244.1.11", 8080)])
                try node.putService(
                    number + 1, "fd96::10", 80, protocolNumber, at: Int(number) + 1, [("fd44:0:0:1::11", 8080)])
            }
        }

        private func serve(_ family: IPFamily, _ type: __socket_type) throws -> PacketSocket {
            let server = try network.inside("b") { try PacketSocket(family, type) }
            try server.serve(PacketNode.server.address(family), 8080)
            return server
        }

        @Test("A connection is aimed at the backend, and the socket goes on seeing the Service", arguments: ["a", "n"])
        func connection(from name: String) throws {
            for (family, dialled) in [(IPFamily.v4, "10.96.0.10"), (.v6, "fd96::10")] {
                let server = try serve(family, SOCK_STREAM)
                let client = try network.inside(name) { try PacketSocket(family, SOCK_STREAM) }
                #expect(client.connectTo(dialled, 80) == 0)
                let accepted = try server.accept()
                #expect(try client.transfer([1, 2, 3], to: accepted) == [1, 2, 3])
                #expect(client.peer == dialled)
            }
            #expect(try node.datapath.entries(MapCatalog.translations).isEmpty)
            let flows = try node.datapath.entries(MapCatalog.flows).map(\.value)
            #expect(flows.count == 2)
            for flow in flows {
                #expect(flow.flags & UInt16(MARTLET_FLOW_BY_SOCKET.rawValue) != 0)
                #expect(UInt16(bigEndian: flow.frontend_port) == 80)
            }
        }

        @Test("A v4-mapped address on an IPv6 socket is served by the IPv6 programs")
        func mapped() throws {
            let server = try serve(.v4, SOCK_STREAM)
            let client = try network.inside("a") { try PacketSocket(.v6, SOCK_STREAM) }
            #expect(client.connectTo(mapped: "10.96.0.10", 80) == 0)
            let accepted = try server.accept()
            #expect(try client.transfer([7], to: accepted) == [7])
            #expect(client.peer == "10.96.0.10")
        }

        @Test("A datagram without a connection goes to the backend, and its answer comes from the Service")
        func datagram() throws {
            for (family, dialled) in [(IPFamily.v4, "10.96.0.10"), (.v6, "fd96::10")] {
                let server = try serve(family, SOCK_DGRAM)
                let client = try network.inside("a") { try PacketSocket(family, SOCK_DGRAM) }
                for _ in 0..<3 {
                    let answer = try client.exchange([9, 8], with: server, to: dialled, 80)
                    #expect(answer.bytes == [9, 8])
                    #expect(answer.from == dialled)
                }
            }
        }

        @Test("Nobody to serve it: refused in the call itself")
        func refused() throws {
            try node.putService(9, "10.96.0.20", 80, 6, at: 50, [])
            let before = try node.datapath.counters()
            for (address, port) in [("10.96.0.20", UInt16(80)), ("10.96.0.10", 81), ("fd96::10", 81)] {
                let family = PacketBytes.address(address).family
                let client = try network.inside("a") { try PacketSocket(family, SOCK_STREAM) }
                #expect(client.connectTo(address, port) == ECONNREFUSED)
            }
            let refused = Int(MARTLET_COUNTER_CONNECT_REFUSED.rawValue)
            #expect(try node.datapath.counters()[refused] == before[refused] + 3)
        }

        @Test("A socket of another network namespace is none of ours")
        func foreign() throws {
            let client = try network.inside("o") { try PacketSocket(.v4, SOCK_STREAM) }
            #expect(client.connectTo("10.96.0.10", 80) == ENETUNREACH)
            #expect(try node.datapath.entries(MapCatalog.socketFrontends).isEmpty)
        }
    }
}
