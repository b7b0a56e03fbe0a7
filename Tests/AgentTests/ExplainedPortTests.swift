import DaemonAPI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@testable import Agent

/// The port of `explain`: a number, or a name of the pod at the destination.
@Suite struct ExplainedPortTests {
    private static let pod = Pod(
        metadata: ObjectMeta(namespace: "shop", name: "web"),
        ports: [
            ContainerPort(name: "http", transport: .tcp, number: 8080),
            ContainerPort(name: "", transport: .tcp, number: 9000),
            ContainerPort(name: "dns", transport: .udp, number: 53),
        ])

    private static func port(_ value: JSONValue, _ transport: TransportProtocol = .tcp, pod: Pod? = pod) throws
        -> UInt16
    {
        try LocalRequests.port(value, transport, at: .init(IPAddress(v4: 0x0A00_0001), pod: pod))
    }

    @Test func aNameIsTheNumberThatThePodGivesIt() throws {
        #expect(try Self.port("http") == 8080)
        #expect(try Self.port("dns", .udp) == 53)
        #expect(try Self.port(81) == 81)
    }

    @Test func anUnknownNameIsAnsweredWithTheNamesThereAre() {
        let error = #expect(throws: DaemonError.self) { try Self.port("https") }
        #expect(error?.message == "pod shop/web has no TCP port named https; there is http (TCP 8080), dns (UDP 53)")
        let other = #expect(throws: DaemonError.self) { try Self.port("dns") }
        #expect(other?.message.hasPrefix("pod shop/web has no TCP port named dns") == true)
    }

    @Test(arguments: [0, 65_536, "", .null] as [JSONValue])
    func whatIsNoPortIsRefused(value: JSONValue) {
        #expect(throws: DaemonError.self) { try Self.port(value) }
    }

    @Test func anAddressHasNoNames() {
        #expect(throws: DaemonError.self) { try Self.port("http", pod: nil) }
    }
}
