import BPFRuntime
import CMartletABI
import NetTypes
import TestKit
import Testing

extension PacketSuite {
    @Suite
    struct MalformedTests {
        private let node: PacketNode

        init() throws { node = try PacketNode() }

        private func expectMalformed(_ bytes: [UInt8], at location: SourceLocation = #_sourceLocation) throws {
            let grown = try node.newDrops {
                let outcome = try node.run("from_pod", bytes)
                #expect(outcome.verdict == PacketOutcome.shot, sourceLocation: location)
            }
            #expect(grown == [MARTLET_DROP_MALFORMED.rawValue: 1], sourceLocation: location)
        }

        private func changed(_ packet: PacketBytes, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
            var bytes = packet.bytes
            change(&bytes)
            return bytes
        }

        private let packet4 = PacketBytes.tcp("10.244.1.10", 1, "10.244.1.11", 80)
        private let packet6 = PacketBytes.tcp("fd44:0:0:1::10", 1, "fd44:0:0:1::11", 80)

        @Test("A header that does not fit, at every length short of it")
        func truncated() throws {
            // Test runs refuse a frame without any L3 byte, and one of IPv6 or IPv4 shorter than its header.
            for packet in [packet4, packet6] {
                let whole = packet.bytes
                let header = packet.source.isV4 ? 34 : 54
                for count in header..<whole.count { try expectMalformed(Array(whole.prefix(count))) }
            }
        }

        @Test("A wrong version, header length or total length of IPv4")
        func ipv4() throws {
            try expectMalformed(changed(packet4) { $0[14] = 0x65 })
            try expectMalformed(changed(packet4) { $0[14] = 0x44 })
            try expectMalformed(changed(packet4) { $0[16] = 0x10 })
            try expectMalformed(changed(packet4) { $0[17] = 19 })
        }

        @Test("A wrong version or payload length of IPv6, or a v4-mapped address on the wire")
        func ipv6() throws {
            try expectMalformed(changed(packet6) { $0[14] = 0x40 })
            try expectMalformed(changed(packet6) { $0[18] = 0x10 })
            let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 244, 1, 10]
            try expectMalformed(changed(packet6) { $0.replaceSubrange(22..<38, with: mapped) })
        }

        @Test("A TCP header shorter than itself")
        func tcp() throws {
            try expectMalformed(changed(packet4) { $0[46] = 0x40 })
            try expectMalformed(changed(packet6) { $0[66] = 0x40 })
        }

        @Test("An ICMP error whose inner packet is none")
        func inner() throws {
            let about = PacketBytes.udp("10.244.1.11", 53, "10.244.1.10", 1)
            let error = PacketBytes.error("10.244.1.10", "10.244.1.11", about: about)
            try expectMalformed(changed(error) { $0[42] = 0x65 })
            try expectMalformed(PacketBytes.error("10.244.1.10", "10.244.1.11", about: about, quoted: 12).bytes)
        }

        @Test("An ARP packet cut short")
        func arp() throws {
            var frame = [UInt8](repeating: 0xff, count: 6) + PacketNode.client.mac + [0x08, 0x06]
            frame += [0, 1, 8, 0, 6, 4, 0, 1] + PacketNode.client.mac
            try expectMalformed(frame)
        }

        @Test("Whatever the bytes are, a program decides and a pod's packet reaches nobody unasked")
        func random() throws {
            let seed = UInt64(20_261_123)
            var random = SeededGenerator(seed: seed)
            let verdicts: Set<Int32> = [PacketOutcome.pass, PacketOutcome.shot, PacketOutcome.redirect]
            for round in 0..<4000 {
                var bytes = (Bool.random(using: &random) ? packet4 : packet6).bytes
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    // The Ethernet type stays: other types never get past it.
                    let position = Int.random(in: 14..<bytes.count, using: &random)
                    bytes[position] = UInt8.random(in: 0...255, using: &random)
                }
                for program in ["from_pod", "to_pod", "from_network", "to_network"] {
                    let outcome = try node.run(program, bytes)
                    #expect(verdicts.contains(outcome.verdict), "seed \(seed), round \(round), \(program)")
                }
            }
        }
    }
}
