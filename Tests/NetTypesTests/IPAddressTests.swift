import NetTypes
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "fd00::1", "2001:db8::1:0:0:1", "fe80::1",
        "1:2:3:4:5:6:7:8", "64:ff9b::102:304",
    ])
    func canonicalTextSurvivesARoundTrip(text: String) throws {
        #expect(try #require(IPAddress(text)).description == text)
    }

    @Test(arguments: [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("0:0:0:0:0:0:0:0", "::"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("::ffff:10.0.0.1", "10.0.0.1"), ("fd00:0:0:1:0:0:0:0", "fd00:0:0:1::"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
    ])
    func otherTextIsPrintedCanonically(text: String, canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "a.b.c.d", ":", ":::", "1::2::3", "12345::",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "fe80::1%eth0", "::1.2.3", "1:2:3:4:5:6:7::8:9", "-1.2.3.4",
    ])
    func malformedTextIsRefused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func networkBytesSurviveARoundTrip() throws {
        let address = try #require(IPAddress("fd00:1234::9"))
        #expect(IPAddress(networkBytes: address.networkBytes) == address)
        #expect(IPAddress(v4: 0x0a01_0203).networkBytes == Array(repeating: 0, count: 10) + [255, 255, 10, 1, 2, 3])
        #expect(IPAddress(networkBytes: [1, 2, 3, 4]) == nil)
    }

    @Test func advancingCarriesAndStopsAtTheEnd() throws {
        #expect(try #require(IPAddress("10.0.0.255")).advanced(by: 1)?.description == "10.0.1.0")
        #expect(try #require(IPAddress("fd00::ffff:ffff:ffff:ffff")).advanced(by: 1)?.description == "fd00:0:0:1::")
        #expect(IPAddress(high: .max, low: .max).advanced(by: 1) == nil)
    }
}
