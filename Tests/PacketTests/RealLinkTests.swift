import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// What test runs cannot show: checksums left to the device, segment trains, sockets, on real veths.
    @Suite
    struct RealLinkTests {
        private let network: PacketNetwork
        private let node: PacketNode
        private let bulk = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

        init() throws {
            network = try PacketNetwork()
            let uplink = try #require(network.interfaces["u0"])
            node = try PacketNode(uplink: uplink)
            for (pod, link) in [(PacketNode.client, "va"), (PacketNode.server, "vb")] {
                let index = try #require(network.interfaces[link])
                try node.put(pod, interface: index)
                try network.inside("n") { [node] in try node.datapath.attachPod(interface: index) }
            }
            try network.inside("n") { [node] in try node.datapath.attachUplink(interface: uplink) }
        }

        private func frontend(_ family: IPFamily) -> String { family == .v4 ? "10.96.0.10" : "fd96::10" }

        /// A connection from `client` to an address; both ends of it.
        private func connection(
            from client: String, to address: String, _ port: UInt16, servedBy server: String, _ backend: String,
            _ backendPort: UInt16
        ) throws -> (client: PacketSocket, server: PacketSocket) {
            let family = PacketBytes.address(address).family
            let listener = try network.inside(server) { try PacketSocket(family, SOCK_STREAM) }
            try listener.serve(backend, backendPort)
            let socket = try network.inside(client) { try PacketSocket(family, SOCK_STREAM) }
            try #require(socket.connectTo(address, port) == 0, "connect to \(address): \(errno)")
            return (socket, try listener.accept())
        }

        private func expectBulk(
            _ ends: (client: PacketSocket, server: PacketSocket), at location: SourceLocation = #_sourceLocation
        ) throws {
            let sent = try ends.client.transfer(bulk, to: ends.server)
            #expect(sent == bulk, sourceLocation: location)
            let answered = try ends.server.transfer(bulk, to: ends.client)
            #expect(answered == bulk, sourceLocation: location)
        }

        @Test("A megabyte each way between two pods, by address and through a Service", arguments: IPFamily.allCases)
        func podToPod(family: IPFamily) throws {
            let server = PacketNode.server.address(family)
            try node.putService(1, frontend(family), 80, 6, at: 0, [(server, 8080)])
            try expectBulk(connection(from: "a", to: server, 8081, servedBy: "b", server, 8081))
            try expectBulk(connection(from: "a", to: frontend(family), 80, servedBy: "b", server, 8080))
        }

        @Test("A megabyte each way from a pod to itself through a Service", arguments: IPFamily.allCases)
        func hairpin(family: IPFamily) throws {
            let client = PacketNode.client.address(family)
            try node.putService(1, frontend(family), 80, 6, at: 0, [(client, 8080)])
            try expectBulk(connection(from: "a", to: frontend(family), 80, servedBy: "a", client, 8080))
        }

        @Test("A megabyte each way to the outside, as the node", arguments: IPFamily.allCases)
        func outside(family: IPFamily) throws {
            let outside = family == .v4 ? "192.168.9.2" : "fd99::2"
            try expectBulk(connection(from: "a", to: outside, 8080, servedBy: "o", outside, 8080))
        }

        @Test("A megabyte each way between pod and node, whoever opens", arguments: IPFamily.allCases)
        func node(family: IPFamily) throws {
            let own = PacketNode.node[family == .v4 ? 0 : 1]
            let client = PacketNode.client.address(family)
            try node.setPolicy(of: 1, ingress: .isolated(), egress: .isolated())
            try node.putService(1, frontend(family), 443, 6, at: 0, [(own, 6443)])
            try expectBulk(connection(from: "n", to: client, 8080, servedBy: "a", client, 8080))
            try node.setPolicy(of: 1)
            try expectBulk(connection(from: "a", to: frontend(family), 443, servedBy: "n", own, 6443))
        }

        @Test("A datagram in fragments, to a Service and to the outside", arguments: IPFamily.allCases)
        func fragments(family: IPFamily) throws {
            let server = PacketNode.server.address(family)
            let outside = family == .v4 ? "192.168.9.2" : "fd99::2"
            let datagram = Array(bulk.prefix(5000))
            try node.putService(1, frontend(family), 53, 17, at: 0, [(server, 5353)])
            for (name, backend, port, dialled, dialledPort) in [
                ("b", server, UInt16(5353), frontend(family), UInt16(53)), ("o", outside, 5353, outside, 5353),
            ] {
                let socket = try network.inside(name) { try PacketSocket(family, SOCK_DGRAM) }
                try socket.serve(backend, port)
                let client = try network.inside("a") { try PacketSocket(family, SOCK_DGRAM) }
                #expect(client.connectTo(dialled, dialledPort) == 0)
                #expect(try client.exchange(datagram, with: socket).bytes == datagram)
            }
        }

        @Test("A denied connection gets nowhere, and a Service that nobody serves refuses at once")
        func refused() throws {
            try node.putService(1, "10.96.0.10", 80, 6, at: 0, [])
            let socket = try network.inside("a") { try PacketSocket(.v4, SOCK_STREAM) }
            #expect(socket.connectTo("10.96.0.10", 80) == ECONNREFUSED)
            let datagrams = try network.inside("a") { try PacketSocket(.v6, SOCK_DGRAM) }
            #expect(datagrams.connectTo("fd96::10", 53) == 0)
            #expect(send(datagrams.descriptor, [1], 1, 0) == 1)
            var byte: UInt8 = 0
            #expect(recv(datagrams.descriptor, &byte, 1, 0) == -1)
            #expect(errno == ECONNREFUSED)
            try node.setPolicy(of: 2, ingress: .isolated())
            let denied = try network.inside("a") { try PacketSocket(.v4, SOCK_DGRAM) }
            #expect(denied.connectTo("10.244.1.11", 53) == 0)
            let grown = try node.newDrops { _ = send(denied.descriptor, [1], 1, 0) }
            #expect(grown[MARTLET_DROP_POLICY.rawValue] == 1)
        }
    }
}
