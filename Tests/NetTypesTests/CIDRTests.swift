import NetTypes
import Testing

@Suite struct CIDRTests {
    @Test(arguments: [
        ("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3/32", "10.1.2.3/32"), ("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"),
        ("fd00:1:2::3/33", "fd00:1::/33"), ("fd00::ffff/127", "fd00::fffe/127"),
    ])
    func hostBitsAreCleared(text: String, canonical: String) throws {
        #expect(try #require(CIDR(text)).description == canonical)
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "::/129", "/8", "10.0.0.0/8/8", "x/8"])
    func malformedTextIsRefused(text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test func containmentHoldsAtBothEdgesAndNowhereElse() throws {
        let block = try #require(CIDR("10.244.1.0/24"))
        for inside in ["10.244.1.0", "10.244.1.255"] { #expect(block.contains(try #require(IPAddress(inside)))) }
        for outside in ["10.244.0.255", "10.244.2.0", "::", "::a.b"] {
            #expect(IPAddress(outside).map(block.contains) ?? false == false)
        }
        #expect(block.last.description == "10.244.1.255")
        #expect(try #require(CIDR("fd00::/64")).last.description == "fd00::ffff:ffff:ffff:ffff")
    }

    @Test func everyV4BlockIsApartFromEveryV6Block() throws {
        let all4 = try #require(CIDR("0.0.0.0/0"))
        let all6 = try #require(CIDR("::/0"))
        #expect(!all4.overlaps(all6))
        #expect(!all6.contains(IPAddress(v4: 1)))
        #expect(all4.mappedPrefixLength == 96)
    }
}
