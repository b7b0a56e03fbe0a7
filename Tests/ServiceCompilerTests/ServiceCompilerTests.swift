import KubeObjects
import MapLayout
import NetTypes
import ServiceCompiler
import TestKit
import Testing

@Suite struct ServiceCompilerTests {
    @Test func aServiceLeadsToItsReadyEndpoints() {
        var world = ServiceWorld()
        world.apply(
            .service(service("web", ["10.96.0.1"])),
            .slice(slice("web-1", of: "web", [endpoint("10.0.0.2"), endpoint("10.0.0.1")])),
            .slice(slice("web-2", of: "web", [endpoint("10.0.0.3"), endpoint("10.0.0.4", ready: false)])))
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"])
        #expect(world.lookup("10.96.0.1", 81) == nil)
        #expect(world.lookup("10.96.0.1", 80, .udp) == nil)
    }

    @Test func withoutReadyEndpointsThoseThatServeWhileTheyEndAreUsed() {
        var world = ServiceWorld()
        let ending = endpoint("10.0.0.2", ready: false, serving: true, terminating: true)
        world.apply(
            .service(service("web", ["10.96.0.1"])),
            .slice(slice("web-1", of: "web", [endpoint("10.0.0.1", ready: false), ending])))
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.2:8080"])
        world.apply(.slice(slice("web-1", of: "web", [endpoint("10.0.0.1"), ending])))
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.1:8080"])
        world.apply(.slice(slice("web-1", of: "web", [])))
        #expect(world.lookup("10.96.0.1", 80) == [])
    }

    @Test func familiesAndNamedPortsStayApart() {
        var world = ServiceWorld()
        let ports = [
            ServicePort(name: "http", transport: .tcp, port: 80, targetPort: .name("web")),
            ServicePort(name: "dns", transport: .udp, port: 53, targetPort: .number(53)),
        ]
        let slicePorts = [
            SlicePort(name: "http", transport: .tcp, port: 8080), SlicePort(name: "dns", transport: .udp, port: 5353),
        ]
        let others = [SlicePort(name: "http", transport: .tcp, port: 9090)]
        world.apply(
            .service(service("web", ["10.96.0.1", "fd00:96::1"], ports)),
            .slice(slice("four", of: "web", [endpoint("10.0.0.1")], slicePorts)),
            .slice(slice("six", of: "web", [endpoint("fd00::1")], slicePorts, family: .v6)),
            .slice(slice("six-b", of: "web", [endpoint("fd00::2")], others, family: .v6)))
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.1:8080"])
        #expect(world.lookup("fd00:96::1", 80) == ["[fd00::1]:8080", "[fd00::2]:9090"])
        #expect(world.lookup("10.96.0.1", 53, .udp) == ["10.0.0.1:5353"])
    }

    @Test func headlessAndExternalServicesHaveNoFrontend() {
        var world = ServiceWorld()
        var headless = service("headless", [])
        headless.isHeadless = true
        var external = service("external", ["10.96.0.7"])
        external.type = .externalName
        world.apply(.service(headless), .service(external))
        #expect(world.maps.count == 0)
    }

    @Test func anSCTPServiceKeepsItsPort() {
        var world = ServiceWorld()
        let port = ServicePort(name: "", transport: .sctp, port: 9000, targetPort: .name("sig"))
        let same = [SlicePort(name: "", transport: .sctp, port: 9000)]
        let other = [SlicePort(name: "", transport: .sctp, port: 9001)]
        let delta = world.apply(
            .service(service("sig", ["10.96.0.1"], [port])),
            .slice(slice("a", of: "sig", [endpoint("10.0.0.1")], same)),
            .slice(slice("b", of: "sig", [endpoint("10.0.0.2")], other)))
        #expect(world.lookup("10.96.0.1", 9000, .sctp) == ["10.0.0.1:9000"])
        #expect(delta.problems.map(\.code) == [.portTranslated])
    }

    @Test func aBackendChangeIsOneFreshExtentAndOneSwing() {
        var world = ServiceWorld()
        world.apply(.service(service("web", ["10.96.0.1"])))
        world.apply(.slice(slice("a", of: "web", [endpoint("10.0.0.1")])))
        let old = world.compiler.entries.values.first?.extent
        let delta = world.apply(.slice(slice("a", of: "web", [endpoint("10.0.0.1"), endpoint("10.0.0.2")])))
        #expect(delta.operations.count == 2)
        #expect(delta.retired == [old.map { .backends($0) }].compactMap { $0 })
        let again = world.apply(.slice(slice("a", of: "web", [endpoint("10.0.0.2"), endpoint("10.0.0.1")])))
        #expect(again.operations == [])
    }

    @Test func anAddressThatMovesToAnotherServiceGoesToTheNextInLine() {
        var world = ServiceWorld()
        world.apply(
            .service(service("a", ["10.96.0.1"])), .slice(slice("a-1", of: "a", [endpoint("10.0.0.1")])),
            .slice(slice("b-1", of: "b", [endpoint("10.0.0.2")])))
        let delta = world.apply(.service(service("b", ["10.96.0.1"])))
        #expect(delta.problems.map(\.code) == [.frontendTaken])
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.1:8080"])
        let after = world.apply(.serviceRemoved(ObjectKey("n", "a")))
        #expect(after.problems.isEmpty)
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.2:8080"])
    }

    @Test func whatDoesNotFitKeepsTheLastGoodBackends() {
        var world = ServiceWorld(ServiceCompiler(services: 3, backends: 4))
        world.apply(.service(service("a", ["10.96.0.1"])), .slice(slice("a-1", of: "a", [endpoint("10.0.0.1")])))
        let many = (1...5).map { endpoint("10.0.1.\($0)") }
        let full = world.apply(.slice(slice("a-1", of: "a", many)))
        #expect(full.problems.map(\.code) == [.noBackendFree])
        #expect(world.lookup("10.96.0.1", 80) == ["10.0.0.1:8080"])
        world.apply(.service(service("b", ["10.96.0.2"])))
        let none = world.apply(.service(service("c", ["10.96.0.3"])))
        #expect(none.problems.contains { $0.code == .noServiceFree && $0.service.name == "c" })
    }

    @Test func aNewDaemonTakesTheNumbersOfTheOldOneAndRemovesWhatIsGone() {
        var old = ServiceWorld()
        let kept: [ServiceChange] = [
            .service(service("a", ["10.96.0.1", "fd00:96::1"])),
            .slice(slice("a-1", of: "a", [endpoint("10.0.0.1"), endpoint("10.0.0.2")])),
        ]
        old.apply([.service(service("b", ["10.96.0.2"]))] + kept)
        var new = ServiceWorld(ServiceCompiler(services: 4096, backends: 4096, journal: old.journal))
        new.maps = old.maps
        new.journal = old.journal
        new.apply(kept)
        for (frontend, entry) in new.compiler.entries { #expect(old.compiler.entries[frontend] == entry) }
        new.take(new.compiler.finishAdoption())
        #expect(new.lookup("10.96.0.2", 80) == nil)
        #expect(new.lookup("10.96.0.1", 80) == ["10.0.0.1:8080", "10.0.0.2:8080"])
        #expect(new.journal.count == 2)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func changesInAnyOrderEndInTheSameMaps(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var objects: [ServiceChange] = []
        for number in 0..<6 {
            objects.append(.service(service("s\(number)", ["10.96.0.\(number)"])))
            let count = Int.random(in: 0..<4, using: &random)
            objects.append(
                .slice(slice("e\(number)", of: "s\(number)", (0..<count).map { endpoint("10.0.\(number).\($0)") })))
        }
        var first = ServiceWorld()
        first.apply(objects)
        var second = ServiceWorld()
        for object in objects.shuffled(using: &random) {
            second.apply(object)
            guard Bool.random(using: &random) else { continue }
            switch object {
            case .service(let service): second.apply(.serviceRemoved(service.key))
            case .slice(let slice): second.apply(.sliceRemoved(slice.key))
            case .serviceRemoved, .sliceRemoved: break
            }
            second.apply(object)
        }
        for number in 0..<6 {
            #expect(first.lookup("10.96.0.\(number)", 80) == second.lookup("10.96.0.\(number)", 80), "seed \(seed)")
        }
        #expect(first.maps.count == second.maps.count)
    }
}
