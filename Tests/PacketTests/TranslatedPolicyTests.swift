import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    /// Which of a flow's addresses policy is asked about where a Service stands between: the backend's for the sender's
    /// egress, the client's own for the receiver's ingress.
    @Suite
    struct TranslatedPolicyTests {
        private static let selector: UInt32 = 7
        private static let block: UInt32 = 3

        private let node: PacketNode

        init() throws { node = try PacketNode() }

        private func frontend(_ family: IPFamily) -> String { family == .v4 ? "10.96.0.10" : "fd96::10" }

        /// Port 80 of the Service is port 8080 of the server.
        private func putService(_ family: IPFamily) throws {
            try node.putService(1, frontend(family), 80, 6, at: 0, [(PacketNode.server.address(family), 8_080)])
        }

        /// Whether a new connection to the Service reaches the server; a refusal is told as policy's.
        private func reaches(_ family: IPFamily) throws -> Bool {
            for table in [MapCatalog.flows, MapCatalog.halfFlows] {
                for entry in try node.datapath.entries(table) { try node.datapath.remove(table, entry.key) }
            }
            let packet = PacketBytes.tcp(PacketNode.client.address(family), 4_000, frontend(family), 80)
            var verdict = PacketOutcome.pass
            let drops = try node.newDrops { verdict = try node.fromPod(packet).verdict }
            if verdict == PacketOutcome.redirect { return true }
            #expect(drops == [MARTLET_DROP_POLICY.rawValue: 1])
            return false
        }

        private func setEgress(_ rule: martlet_rule) throws {
            try node.setPolicy(of: PacketNode.client.number, egress: .isolated([rule]))
        }

        @Test("A block of Service addresses lets nothing through that a Service translates, from either side")
        func blockOfServices() throws {
            for (family, services) in [(IPFamily.v4, "10.96.0.0/16"), (.v6, "fd96::/108")] {
                try putService(family)
                try node.putNetwork(1, services, cidrClass: 1, blocks: [Self.block])
                try setEgress(.allow(21, kind: MARTLET_PEER_BLOCK, peer: Self.block))
                #expect(try !reaches(family))
                // The same rule lets its addresses through where no Service has them.
                try node.putNetwork(1, "203.0.113.0/24", cidrClass: 1, blocks: [Self.block])
                try node.putNetwork(2, "2001:db8::/32", cidrClass: 1, blocks: [Self.block])
                let outside = PacketNode.outside[family == .v4 ? 0 : 1]
                let other = PacketBytes.tcp(PacketNode.client.address(family), 4_000, outside, 80)
                #expect(try node.fromPod(other).verdict != PacketOutcome.shot)

                try node.setPolicy(of: PacketNode.client.number)
                try node.setPolicy(
                    of: PacketNode.server.number,
                    ingress: .isolated([.allow(21, kind: MARTLET_PEER_BLOCK, peer: Self.block)]))
                try node.putNetwork(1, services, cidrClass: 1, blocks: [Self.block])
                #expect(try !reaches(family))
                try node.setPolicy(of: PacketNode.server.number)
                #expect(try reaches(family))
            }
        }

        @Test("Egress to a Service is judged by the backend, its class and its port")
        func egressByBackend() throws {
            for family in IPFamily.allCases {
                try putService(family)
                try node.setSelectors([Self.selector], ofClass: PacketNode.server.number)
                let kind = MARTLET_PEER_SELECTOR
                try setEgress(.allow(21, kind: kind, peer: Self.selector, protocol: 6, ports: 8_080...8_080))
                #expect(try reaches(family))
                try setEgress(.allow(21, kind: kind, peer: Self.selector, protocol: 6, ports: 80...80))
                #expect(try !reaches(family))
                try setEgress(.allow(21, kind: kind, peer: Self.selector + 1))
                #expect(try !reaches(family))
            }
        }

        @Test("Ingress through a Service is judged by the client's own address, not by what it is masqueraded as")
        func ingressBySource() throws {
            for family in IPFamily.allCases {
                try putService(family)
                let masquerade = PacketNode.node[family == .v4 ? 0 : 1] + (family == .v4 ? "/32" : "/128")
                try node.putNetwork(1, masquerade, cidrClass: 1, blocks: [Self.block])
                try node.setPolicy(
                    of: PacketNode.server.number,
                    ingress: .isolated([.allow(21, kind: MARTLET_PEER_BLOCK, peer: Self.block)]))
                #expect(try !reaches(family))
                try node.setPolicy(
                    of: PacketNode.server.number,
                    ingress: .isolated([
                        .allow(22, kind: MARTLET_PEER_SELECTOR, peer: Self.selector, protocol: 6, ports: 8_080...8_080)
                    ]))
                try node.setSelectors([Self.selector], ofClass: PacketNode.client.number)
                #expect(try reaches(family))
                try node.setSelectors([Self.selector + 1], ofClass: PacketNode.client.number)
                #expect(try !reaches(family))
            }
        }
    }
}
