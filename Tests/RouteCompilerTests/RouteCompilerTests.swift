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

    private func pod(_ name: String, node: String, _ addresses: String...) throws -> Pod {
        Pod(
            metadata: ObjectMeta(namespace: "shop", name: name, uid: "u"), nodeName: node,
            addresses: try addresses.map { try #require(IPAddress($0)) })
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
        #expect(routes.update(try pod("web", node: "one", "10.244.0.2")).isEmpty)
        let born = routes.update(try pod("far", node: "two", "10.244.1.2")).born
        #expect(born.count == 1 && born.first?.link == nil)
        var ended = try pod("far", node: "two", "10.244.1.2")
        ended.phase = .succeeded
        #expect(routes.update(ended).gone.count == 1)
    }

    @Test func aPodOfAnotherNodeThatClaimsALocalAddressWaitsUntilItIsFree() throws {
        var routes = RouteCompiler(nodeName: "one")
        _ = try routes.attach(attachment("c1", pod: "web", "10.244.0.2"))
        #expect(routes.update(try pod("liar", node: "two", "10.244.0.2")).isEmpty)
        #expect(routes.problems.map(\.pod) == [ObjectKey("shop", "liar")])
        #expect(routes.problems.first?.error.message == "10.244.0.2 of shop/liar belongs to local c1")
        #expect(routes.retry().isEmpty)
        _ = routes.detach(id: "c1")
        #expect(routes.retry().born.map(\.owner.pod) == [ObjectKey("shop", "liar")] && routes.problems.isEmpty)
        // And the other way round.
        let back = try routes.attach(attachment("c2", pod: "web", "10.244.0.2"))
        #expect(back.gone.count == 1 && routes.problems.map(\.pod) == [ObjectKey("shop", "liar")])
        #expect(routes.removePod(ObjectKey("shop", "liar")).isEmpty && routes.problems.isEmpty)
    }

    @Test func ofTwoPodsOfOtherNodesTheLaterHasTheAddressAndTheyDoNotTakeItInTurns() throws {
        var routes = RouteCompiler(nodeName: "one")
        _ = routes.update(try pod("former", node: "two", "10.244.1.2"))
        #expect(routes.update(try pod("later", node: "two", "10.244.1.2")).gone.count == 1)
        #expect(routes.retry().isEmpty && routes.problems.map(\.pod.name) == ["former"])
    }

    @Test func aPodThatFindsNoPlaceTakesNothingFromOthers() throws {
        var routes = RouteCompiler(nodeName: "one", capacity: 3)
        _ = try routes.attach(attachment("c1", pod: "web", "10.244.0.2", "fd00:244::2"))
        let far = try pod("far", node: "two", "10.244.1.2")
        let held = try #require(routes.update(far).born.first)
        // The first address is another node's pod's, the second a local pod's.
        #expect(routes.update(try pod("liar", node: "two", "10.244.1.2", "fd00:244::2")).isEmpty)
        #expect(routes.problems.map(\.error.message) == ["fd00:244::2 of shop/liar belongs to local c1"])
        #expect(routes.record(of: far.key) == held)
        // All addresses could be had, but there is no number left.
        #expect(routes.update(try pod("late", node: "two", "10.244.1.2")).isEmpty)
        #expect(routes.problems.map(\.error.code) == [.noEndpointFree, .addressTaken])
        #expect(throws: RouteError.self) { try routes.attach(attachment("c2", pod: "api", "10.244.1.2")) }
        #expect(routes.record(of: far.key) == held && routes.record(of: held.addresses[0]) == held)
    }

    @Test func podsBeyondTheLastNumberWaitForOne() throws {
        var routes = RouteCompiler(nodeName: "one", capacity: 3)
        for index in 0..<4 { _ = routes.update(try pod("far\(index)", node: "two", "10.244.1.\(index)")) }
        #expect(routes.records.count == 2 && routes.problems.map(\.pod.name) == ["far2", "far3"])
        let gone = try #require(routes.removePod(ObjectKey("shop", "far0")).gone.first)
        #expect(routes.retry().isEmpty)
        routes.release([gone.number])
        #expect(routes.retry().born.map(\.owner.pod?.name) == ["far2"])
        #expect(routes.problems.map(\.pod.name) == ["far3"])
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
