import NetTypes
import TestKit
import Testing

@testable import Netlink

/// Dumps of addresses, routes and neighbours: read where they are whole, refused where their header is cut off, and
/// whatever their bytes are, an error or an answer.
@Suite struct DumpFuzzTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>, ["10.1.0.5", "fd00::5"])
    func fuzzedDumpsAreReadOrRefused(seed: UInt64, text: String) throws {
        var random = SeededGenerator(seed: seed)
        let mac = try #require(MACAddress(bytes: [2, 0, 0, 0, 0, 5]))
        let address = try #require(IPAddress(text))
        let assigned = InterfaceAddress(link: 5, address: address).addRequest(prefixRoute: false)
        try fuzz(assigned, headerBytes: 8, &random) { try $0.addresses().count }
        let route = Route(to: CIDR(address), via: address, link: 5, preferredSource: address, metric: 7)
        try fuzz(route.addRequest(), headerBytes: 12, &random) { try $0.routes(address.family).count }
        let neighbour = Neighbour(link: 5, address: address, mac: mac)
        try fuzz(neighbour.addRequest(), headerBytes: 12, &random) { try $0.neighbours().count }
    }

    /// - Parameter read: how many records a connection gives.
    private func fuzz(
        _ request: NetlinkMessage, headerBytes: Int, _ random: inout SeededGenerator,
        read: (NetlinkConnection) throws -> Int
    ) throws {
        var whole = request
        whole.flags = NetlinkMessage.link.flags
        func answer(_ message: NetlinkMessage) -> Int? {
            let socket = MockSocket()
            socket.answers = [[[message, .done]]]
            return try? read(NetlinkConnection(socket: socket))
        }
        #expect(answer(whole) == 1)
        for length in 0..<whole.payload.count {
            var cut = whole
            cut.payload = Array(whole.payload.prefix(length))
            let count = answer(cut)
            #expect(length >= headerBytes || count == nil, "\(length) bytes were read")
        }
        for _ in 0..<500 {
            var changed = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<changed.payload.count, using: &random)
                changed.payload[position] = UInt8.random(in: 0...255, using: &random)
            }
            _ = answer(changed)
        }
    }
}
