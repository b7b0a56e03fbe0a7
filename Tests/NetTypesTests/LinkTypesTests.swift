import NetTypes
import Testing

@Suite struct LinkTypesTests {
    @Test func aMACIsPrintedAsItIsRead() {
        #expect(MACAddress("02:00:0a:f4:01:0f")?.description == "02:00:0a:f4:01:0f")
        #expect(MACAddress("02:00:0a:f4:01") == nil)
        #expect(MACAddress("2:00:0a:f4:01:0f") == nil)
    }

    @Test func protocolsHaveTheirNamesAndNumbers() {
        for transport in TransportProtocol.allCases {
            #expect(TransportProtocol(kubernetesName: transport.kubernetesName) == transport)
        }
        #expect(TransportProtocol(kubernetesName: "tcp") == nil)
        #expect(TransportProtocol.sctp.rawValue == 132)
    }

    @Test func aPortRangeHoldsItsEnds() throws {
        let range = try #require(PortRange(low: 80, high: 90))
        #expect(range.contains(80) && range.contains(90) && !range.contains(79) && !range.contains(91))
        #expect(PortRange(low: 2, high: 1) == nil)
    }
}
