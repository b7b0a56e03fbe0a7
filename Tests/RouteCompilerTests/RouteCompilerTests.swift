import KubeObjects
import MapLayout
import NetTypes
import RouteCompiler
import Testing

@Suite struct RouteCompilerTests {
    private let mac = MACAddress("02:00:00:00:00:01")

    private func attachment(_ id: String, pod: String?, _ addresses: String...) throws -> LocalAttachment {
        let owner: EndpointOwner = pod.map { .pod(ObjectKey("shop", $0), uid: "uid-\($0)") } ?? .unmanaged
        return LocalAttachment(
            id: id, owner: owner, addresses: try addresses.map { try #require(IPAddress($0)) },
            link: LocalLink(interface: 7, podMAC: try #require(mac)))
    }

    private func pod(_ name: String, node: String, _ address: String) throws -> Pod {
        Pod(
            metadata: ObjectMeta(namespace: "shop", name: name, uid: "u"), nodeName: node,
            addresses: [try #require(IPAddress(address))])
    }

    @Test func allAddressesOfAPodShareOneNumber() throws {
        var routes = RouteCompiler(nodeName: "one")
        let delta = try routes.attach(attachment("c1", pod: "web", "10.244.0.2", "fd00:244::2"))
        #expect(delta.born.count == 1 && delta.gone.isEmpty)
        let record = try #require(routes.record(of: ObjectKey("shop", "web")))
        #expect(record.number != 0)
        #expect(routes.record(of: try #require(IPAddress("fd00:244::2"))) == record)
        #expect(try routes.attach(attachment("c1", pod: "web", "10.244.0.2", "fd00:244::2")).isEmpty)
    }

    @Test func aNumberIsGivenAgainOnlyAfterReleaseAndWithANewIncarnation() throws {
        var routes = RouteCompiler(nodeName: "one", capacity: 2)
        let first = try #require(try routes.attach(attachment("c1", pod: "web", "10.244.0.2")).born.first)
        #expect(routes.detach(id: "c1").gone == [first])
        #expect(throws: RouteError.self) { try routes.attach(attachment("c2", pod: "api", "10.244.0.2")) }
        routes.release([first.number])
        let second = try #require(try routes.attach(attachment("c2", pod: "api", "10.244.0.2")).born.first)
        #expect(second.number == first.number && second.incarnation != first.incarnation)
    }

    @Test func aPodIsWhereItWasAttachedLast() throws {
        var routes = RouteCompiler(nodeName: "one")
        _ = try routes.attach(attachment("old", pod: "web", "10.244.0.2"))
        let delta = try routes.attach(attachment("new", pod: "web", "10.244.0.3"))
        #expect(delta.gone.count == 1 && delta.born.count == 1)
        #expect(routes.record(of: try #require(IPAddress("10.244.0.2"))) == nil)
        #expect(routes.detach(id: "old").isEmpty)
        #expect(routes.record(of: ObjectKey("shop", "web"))?.addresses.first?.description == "10.244.0.3")
    }

    @Test func podsOfOtherNodesComeFromTheirStatusAndLocalOnesDoNot() throws {
        var routes = RouteCompiler(nodeName: "one")
        #expect(try routes.update(pod("web", node: "one", "10.244.0.2")).isEmpty)
        let born = try routes.update(pod("far", node: "two", "10.244.1.2")).born
        #expect(born.count == 1 && born.first?.link == nil)
        var ended = try pod("far", node: "two", "10.244.1.2")
        ended.phase = .succeeded
        #expect(try routes.update(ended).gone.count == 1)
    }

    @Test func aNewDaemonKeepsTheNumbersOfTheOld() throws {
        var journal: [String: String] = [:]
        func write(_ delta: RouteDelta) {
            for entry in delta.journal { journal[entry.key] = entry.value }
        }
        var old = RouteCompiler(nodeName: "one")
        write(try old.attach(attachment("c1", pod: "web", "10.244.0.2")))
        write(try old.attach(attachment("c2", pod: nil, "10.244.0.3")))
        write(try old.attach(attachment("c3", pod: "gone", "10.244.0.4")))
        var new = RouteCompiler(nodeName: "one", journal: journal)
        let delta = try new.attach(attachment("c1", pod: "web", "10.244.0.2"))
        #expect(delta.born.first == old.record(of: ObjectKey("shop", "web")) && delta.journal.isEmpty)
        _ = try new.attach(attachment("c2", pod: nil, "10.244.0.3"))
        let left = new.finishAdoption()
        #expect(left.unclaimed == [try #require(old.record(of: ObjectKey("shop", "gone"))).number])
        #expect(left.journal.count == 1)
    }

    @Test func anAddressOfTwoLocalPodsIsAnError() throws {
        var routes = RouteCompiler(nodeName: "one")
        _ = try routes.attach(attachment("c1", pod: "web", "10.244.0.2"))
        #expect(throws: RouteError.self) { try routes.attach(attachment("c2", pod: "api", "10.244.0.2")) }
    }
}
