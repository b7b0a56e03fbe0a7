import CMartletABI
import MapLayout
import NetTypes
import Testing

struct LayoutTests {
    @Test(
        "An address lies in maps in network order, IPv4 mapped, and comes back",
        arguments: ["10.1.2.3", "0.0.0.0", "2001:db8::1", "fe80::1", "::"])
    func addresses(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(MapBytes.of(address.mapped) == address.networkBytes)
        #expect(IPAddress(address.mapped) == address)
    }

    @Test(
        "A block's trie key counts its prefix over 128 bits, and comes back",
        arguments: [("10.0.0.0/8", 104), ("0.0.0.0/0", 96), ("1.2.3.4/32", 128), ("2001:db8::/32", 32), ("::/0", 0)])
    func networks(text: String, bits: UInt32) throws {
        let block = try #require(CIDR(text))
        let key = martlet_network_key(block)
        #expect(key.prefix_length == bits)
        #expect(key.block == block)
        #expect(MapBytes.of(key).count == 20)
    }

    @Test("A prefix of the settings holds exactly the block's addresses")
    func prefixes() throws {
        let prefix = martlet_prefix(try #require(CIDR("10.1.0.0/16")))
        for (text, inside) in [("10.1.255.255", true), ("10.2.0.0", false), ("::a01:1", false)] {
            let address = try #require(IPAddress(text)).mapped
            let same =
                address.high & prefix.mask.high == prefix.address.high
                && address.low & prefix.mask.low == prefix.address.low
            #expect(same == inside, "\(text)")
        }
    }

    @Test("Ports are in network order in keys and backends, in host order outside")
    func ports() throws {
        let key = martlet_frontend_key(address: try #require(IPAddress("10.96.0.1")), port: 443, protocol: 6)
        #expect(MapBytes.of(key)[16..<19] == [1, 0xbb, 6])
        #expect(key.hostPort == 443)
        let backend = martlet_backend(address: try #require(IPAddress("::1")), port: 0x1234)
        #expect(MapBytes.of(backend)[16..<18] == [0x12, 0x34])
        #expect(backend.hostPort == 0x1234)
    }

    @Test("A tagged number keeps both halves, and its tag is never zero")
    func tagged() throws {
        for text in ["10.0.0.1", "10.0.0.2", "::", "2001:db8::9"] {
            let address = try #require(IPAddress(text)).mapped
            let tagged = TaggedNumber(endpoint: 0xdead_beef, address: address)
            #expect(TaggedNumber(tagged.word) == tagged)
            #expect(tagged.word & 0xffff_ffff == 0xdead_beef)
            #expect(tagged.tag != 0)
            #expect(tagged.tag == martlet_tag(address))
        }
        let extent = BackendExtent(offset: 7, count: 3)
        #expect(BackendExtent(extent.word) == extent)
        #expect(extent.word == 3 << 32 | 7)
        let number = ClassNumber(index: 0x1234, incarnation: 9)
        #expect(ClassNumber(number.word) == number)
        #expect(number.word == 0x0009_1234)
    }

    @Test("A slot is written alone, and read by the generation it belongs to")
    func slots() {
        var endpoint = martlet_endpoint()
        for slot in 0..<4 { endpoint[class: slot] = UInt32(10 + slot) }
        #expect(endpoint.class_id == (10, 11, 12, 13))
        endpoint[class: 2] = 99
        #expect(endpoint.class_id == (10, 11, 99, 13))
        for generation in [UInt32(0), 3, 4, 7, .max] {
            #expect(endpoint[class: GenerationSlots.index(of: generation)] == [10, 11, 99, 13][Int(generation % 4)])
        }
        var lists = martlet_class_lists()
        lists[egress: 3].offset = 5
        #expect(lists.egress.3.offset == 5)
        #expect(lists.ingress.3.offset == 0)
    }

    @Test("Rows hold the bits that were set, each in its word")
    func rows() {
        let row = martlet_class_row(selectors: [0, 63, 64, 4095])
        #expect(row.selectors == [0, 63, 64, 4095])
        #expect(row.words.0 == 0x8000_0000_0000_0001)
        #expect(row.words.1 == 1)
        #expect(row.words.63 == 0x8000_0000_0000_0000)
        var blocks = martlet_block_row(blocks: [5, 6])
        blocks[block: 5] = false
        #expect(blocks.blocks == [6])
    }

    @Test("A rule comes back from its layout, and what is no rule is nil")
    func rules() throws {
        let ports = try #require(PortRange(low: 80, high: 90))
        for peer in [RuleEntry.Peer.any, .selector(4095), .block(7)] {
            let rule = RuleEntry(
                peer: peer, ruleID: 77, transport: 6, ports: ports, action: .pass, tier: .baseline)
            #expect(RuleEntry(rule.layout) == rule)
        }
        var bad = RuleEntry(
            peer: .any, ruleID: 1, transport: 0, ports: .all, action: .allow, tier: .admin
        ).layout
        bad.action = 9
        #expect(RuleEntry(bad) == nil)
        bad.action = 1
        bad.peer_kind = 9
        #expect(RuleEntry(bad) == nil)
    }

    @Test("Bytes of another size are no value")
    func bytes() {
        #expect(MapBytes.value(UInt32.self, from: [1, 2, 3]) == nil)
        #expect(MapBytes.value(UInt32.self, from: [1, 0, 0, 0]) == 1)
        #expect(MapBytes.values(UInt16.self, from: [1, 0, 2, 0, 9]) == [1, 2])
    }
}
