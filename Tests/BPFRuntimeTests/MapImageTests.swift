import CMartletABI
import MapLayout
import NetTypes
import Synchronization
import Testing

@testable import BPFRuntime

/// Reading back what was written, through the kernel and through memory.
struct MapImageTests {
    /// A pod with policy and a Service, written as the agent does.
    private func fill(_ datapath: some Datapath) throws {
        let pod = try #require(IPAddress("10.1.0.5"))
        try datapath.put(
            MapCatalog.endpointIDs, pod.mapped, TaggedNumber(endpoint: 5, address: pod.mapped).word)
        var endpoint = martlet_endpoint()
        endpoint.flags = MARTLET_ENDPOINT_LIVE.rawValue | MARTLET_ENDPOINT_LOCAL.rawValue
        endpoint.incarnation = 3
        endpoint.ifindex = 12
        endpoint.mac = (2, 0, 0, 0, 0, 5)
        for slot in 0..<4 { endpoint[class: slot] = ClassNumber(index: UInt32(slot + 1), incarnation: 1).word }
        try datapath.write(MapCatalog.endpoints, at: 5, endpoint)
        try datapath.put(MapCatalog.podNamespaces, 4026, 5)

        try datapath.put(MapCatalog.networkIDs, martlet_network_key(try #require(CIDR("192.0.2.0/24"))), 2)
        try datapath.write(MapCatalog.networks, at: 2, martlet_network(cidr_class: (7, 7, 8, 7)))

        var lists = martlet_class_lists()
        let list = ListEntry(extent: Extent(offset: 100, count: 2), flags: .isolated, version: 6, isolationRuleID: 20)
        lists[ingress: 2] = list.layout
        try datapath.write(MapCatalog.classLists, at: 3, lists)
        try datapath.write(MapCatalog.rules, from: 100, rules.map(\.layout))
        try datapath.write(MapCatalog.classRows, at: 3, martlet_class_row(selectors: [1, 65]))

        let frontend = martlet_frontend_key(address: try #require(IPAddress("10.96.0.9")), port: 80, protocol: 6)
        try datapath.put(MapCatalog.frontends, frontend, TaggedNumber(service: 4, frontend: frontend).word)
        var service = martlet_service()
        service.extent = BackendExtent(offset: 50, count: 1).word
        try datapath.write(MapCatalog.services, at: 4, service)
        try datapath.write(MapCatalog.backends, at: 50, martlet_backend(address: pod, port: 8080))
        try datapath.publish(generation: 6)
    }

    private let rules = [
        RuleEntry(
            peer: .selector(65), ruleID: 20, transport: 6, ports: PortRange(80), action: .allow, tier: .networkPolicy),
        RuleEntry(peer: .any, ruleID: 21, transport: 0, ports: .all, action: .deny, tier: .baseline),
    ]

    private func expectFilled(_ image: MapImage) throws {
        let pod = try #require(IPAddress("10.1.0.5"))
        #expect(image.faults.isEmpty)
        #expect(image.generation == 6)
        #expect(image.endpointOfAddress == [pod: 5])
        #expect(image.endpoints.keys.sorted() == [5])
        #expect(image.endpoints[5]?.classID == ClassNumber(index: 3, incarnation: 1).word)
        #expect(image.endpoints[5]?.mac?.description == "02:00:00:00:00:05")
        #expect(image.endpointOfNamespace == [4026: 5])
        #expect(image.numberOfNetwork == [try #require(CIDR("192.0.2.0/24")): 2])
        #expect(image.networkClasses == [2: 8])
        #expect(image.classLists.keys.sorted() == [3])
        #expect(image.classLists[3].map { image.rules(of: $0.ingress) } == rules)
        #expect(image.classRows[3]?.prefix(2) == [2, 2])
        let frontend = MapImage.Frontend(
            address: try #require(IPAddress("10.96.0.9")), port: 80, transport: 6)
        #expect(image.backends(of: frontend) == [MapImage.Backend(address: pod, port: 8080)])
    }

    @Test("The kernel's maps read back as what was written")
    func kernel() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(DatapathSettings(pinDirectory: filesystem.pins))
        try fill(datapath)
        try expectFilled(try datapath.image())
        for map in MapDump.maps { _ = try MapDump(datapath).content(map) }
    }

    @Test("Maps in memory read back as the kernel's do")
    func memory() throws {
        let datapath = MemoryDatapath()
        try fill(datapath)
        try expectFilled(try datapath.image())
    }

    @Test("What no writer of ours leaves is told as a fault")
    func faults() throws {
        let datapath = MemoryDatapath()
        try fill(datapath)
        let pod = try #require(IPAddress("10.1.0.6"))
        try datapath.put(
            MapCatalog.endpointIDs, pod.mapped, TaggedNumber(number: 5, tag: 1).word)
        try datapath.write(MapCatalog.rules, at: 101, martlet_rule())
        var service = martlet_service()
        service.extent = BackendExtent(offset: .max, count: 1).word
        try datapath.write(MapCatalog.services, at: 4, service)
        let faults = try datapath.image().faults
        #expect(faults.count == 3)
        #expect(faults.contains { $0.contains("10.1.0.6") })
        #expect(faults.contains { $0.contains("rules: entry 101") })
        #expect(faults.contains { $0.contains("services: number 4") })
    }

    @Test("A dump reads as sentences, with the names that are known")
    func dump() throws {
        struct Names: MapNames {
            func endpoint(_ number: UInt32) -> String? { number == 5 ? "shop/web" : nil }
            func service(_ number: UInt32) -> String? { "shop/front" }
            func rule(_ id: UInt32) -> String? { id == 20 ? "shop/only-api ingress[0]" : nil }
            func selector(_ bit: UInt32) -> String? { "app=api" }
            func block(_ bit: UInt32) -> String? { nil }
        }
        let datapath = MemoryDatapath()
        try fill(datapath)
        let dump = MapDump(datapath, names: Names())
        #expect(try dump.content("endpoint_ids").rows == [MapDumpRow("10.1.0.5", "5 (shop/web)")])
        #expect(
            try dump.content("rules").rows == [
                MapDumpRow(
                    "100", "network-policy allow selector 65 (app=api) TCP 80 rule 20 (shop/only-api ingress[0])"),
                MapDumpRow("101", "baseline deny any peer any protocol rule 21"),
            ])
        #expect(try dump.content("frontends").rows == [MapDumpRow("10.96.0.9:80 TCP", "4 (shop/front)")])
        #expect(try dump.content("class_rows").rows == [MapDumpRow("3", "selectors 1 (app=api), 65 (app=api)")])
        #expect(try dump.content("endpoints").rows.first?.value.contains("flags live,local interface 12") == true)
        #expect(try dump.content("control").rows.first?.value == "generation 6 slot 2 flags - - - -")
        #expect(throws: DatapathError.self) { try dump.content("nonsense") }
    }

    @Test("A dump puts no more rows into words than it shows, and counts all", arguments: [1, 2, 5])
    func limit(_ limit: Int) throws {
        final class Names: MapNames {
            let asked = Mutex(0)
            func endpoint(_ number: UInt32) -> String? { nil }
            func service(_ number: UInt32) -> String? { nil }
            func rule(_ id: UInt32) -> String? {
                asked.withLock { $0 += 1 }
                return nil
            }
            func selector(_ bit: UInt32) -> String? { nil }
            func block(_ bit: UInt32) -> String? { nil }
        }
        let datapath = MemoryDatapath()
        try fill(datapath)
        var flow = martlet_flow()
        flow.rule_id.1 = 20
        for port in [443, 80, 8080] as [UInt16] {
            var key = martlet_flow_key()
            key.low = try #require(IPAddress("10.1.0.5")).mapped
            key.high = try #require(IPAddress("10.1.0.6")).mapped
            key.high_port = port.bigEndian
            try datapath.put(MapCatalog.flows, key, flow)
        }
        for (map, total) in [("rules", 2), ("flows", 3)] {
            let (names, all) = (Names(), Names())
            let whole = try MapDump(datapath, names: all).content(map)
            let content = try MapDump(datapath, names: names).content(map, limit: limit)
            #expect(content.rows == Array(whole.rows.prefix(limit)))
            #expect(content.total == total)
            #expect(names.asked.withLock { $0 } * total == all.asked.withLock { $0 } * min(limit, total))
        }
        let keys = try MapDump(datapath).content("flows").rows.map(\.key)
        #expect(keys == keys.sorted())
    }
}
