import DaemonAPI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import ServiceCompiler
import Testing

@testable import Agent

/// Which addresses `explain` is about, and what it says of a Service's.
@Suite struct ExplainedEndTests {
    private static let four = IPAddress(v4: 0x0a00_0001)
    private static let six = IPAddress(high: 0xfd00_0000_0000_0000, low: 1)

    private static func end(_ addresses: [IPAddress], named: Bool = true) -> ExplainedEnd {
        ExplainedEnd(
            text: named ? "n/p" : "\(addresses[0])", addresses: addresses,
            pod: named ? Pod(metadata: ObjectMeta(namespace: "n", name: "p")) : nil, isNamed: named)
    }

    @Test func theFamilyIsThatOfTheEndThatIsAnAddress() throws {
        let both = Self.end([Self.six, Self.four])
        #expect(try ExplainedEnd.families(both, Self.end([Self.six], named: false)) == [.v6])
        #expect(try ExplainedEnd.families(Self.end([Self.six], named: false), both) == [.v6])
        #expect(try ExplainedEnd.families(both, Self.end([Self.four], named: false)) == [.v4])
        #expect(try ExplainedEnd.families(both, both) == [.v4, .v6])
        #expect(try ExplainedEnd.families(both, Self.end([Self.six])) == [.v6])
        #expect(try both.end(.v6).address == Self.six)
    }

    @Test func endsWithoutACommonFamilyAreNamedWithTheirAddresses() {
        let error = #expect(throws: DaemonError.self) {
            try ExplainedEnd.families(Self.end([Self.four]), Self.end([Self.six], named: false))
        }
        #expect(error?.message == "n/p (10.0.0.1) and fd00::1 are not of one address family")
    }

    // MARK: Services

    private static func refusal(_ port: JSONValue, _ targets: [String]) throws -> String {
        let service = try Service([
            "metadata": ["namespace": "shop", "name": "db"],
            "spec": ["clusterIP": "10.96.0.9", "ports": [["port": 5432]]],
        ])
        let slice = try EndpointSlice([
            "metadata": ["namespace": "shop", "name": "db-1", "labels": ["kubernetes.io/service-name": "db"]],
            "addressType": "IPv4", "endpoints": [["addresses": ["10.0.0.2"]]], "ports": [["name": "", "port": 5432]],
        ])
        var compiler = ServiceCompiler()
        _ = compiler.apply([.service(service), .slice(slice)])
        let address = try #require(IPAddress("10.96.0.9"))
        let frontends = compiler.entries.filter { $0.key.address == address }
        #expect(frontends.count == 1)
        return ExplainedService(frontends: frontends, address: address, port: port, transport: .tcp)
            .refusal(source: "shop/api", targets: targets).message
    }

    @Test func aServiceIsAnsweredWithTheCommandToGoOnWith() throws {
        #expect(
            try Self.refusal(5432, ["shop/db-0:5432"])
                == "10.96.0.9 is of Service shop/db: policy is asked about the pods behind it; "
                + "martlet explain shop/api shop/db-0:5432")
        #expect(try Self.refusal(5432, ["a/b:1", "a/c:1"]).hasSuffix("a/b:1 (or another of the 2 behind it)"))
        #expect(try Self.refusal(5432, []).contains("no pod is behind port 5432"))
    }

    @Test func aPortThatTheServiceHasNotIsSaidSo() throws {
        for port in [80, "sql"] as [JSONValue] {
            #expect(try Self.refusal(port, []).contains("10.96.0.9 is of Service shop/db, which has no TCP port "))
            #expect(try Self.refusal(port, []).hasSuffix("; it has TCP 5432"))
        }
    }
}
