import BPFObjects
import CLibbpf
import CMartletABI
import Glibc
import MapLayout
import NetTypes
import Testing

@testable import BPFRuntime

/// The programs and maps in this machine's kernel.
@Suite(.serialized)
struct KernelDatapathTests {
    /// Settings that differ make different programs.
    private func settings(_ filesystem: TemporaryBPFFS, eventsPerSecond: UInt32 = 1000) -> DatapathSettings {
        var configuration = martlet_config()
        configuration.events_per_second = eventsPerSecond
        return DatapathSettings(pinDirectory: filesystem.pins, configuration: configuration)
    }

    private func ids(_ datapath: KernelDatapath) throws -> [String: UInt32] {
        Dictionary(uniqueKeysWithValues: try datapath.inventory().programs.map { ($0.name, $0.id) })
    }

    @Test("A second start with the same object and settings adopts the programs and maps of the first")
    func adopts() throws {
        let filesystem = try TemporaryBPFFS()
        let first = try KernelDatapath(settings(filesystem))
        try first.put(MapCatalog.podNamespaces, 7, 42)
        let before = try ids(first)
        #expect(try first.inventory().programs.allSatisfy { !$0.adopted })
        let second = try KernelDatapath(settings(filesystem))
        #expect(try ids(second) == before)
        #expect(try second.inventory().programs.allSatisfy(\.adopted))
        #expect(try second.inventory().maps.allSatisfy(\.adopted))
        #expect(try second.get(MapCatalog.podNamespaces, 7) == 42)
    }

    @Test("Other settings load other programs onto the same maps")
    func reloads() throws {
        let filesystem = try TemporaryBPFFS()
        let first = try KernelDatapath(settings(filesystem))
        try first.put(MapCatalog.podNamespaces, 7, 42)
        let second = try KernelDatapath(settings(filesystem, eventsPerSecond: 5))
        let before = try ids(first)
        for (name, id) in try ids(second) { #expect(before[name] != id, "\(name)") }
        #expect(try second.get(MapCatalog.podNamespaces, 7) == 42)
        #expect(try second.takeOver().removedPrograms == before.count)
    }

    @Test("A map pinned with another layout is made anew")
    func layout() throws {
        let filesystem = try TemporaryBPFFS()
        let pins = PinDirectory(root: filesystem.pins)
        try pins.prepare()
        let other = OwnedDescriptor(bpf_map_create(BPF_MAP_TYPE_HASH, "other", 8, 8, 16, nil))
        try pins.pin(other.raw, at: "\(pins.maps)/\(MapCatalog.podNamespaces.identity.pinName)")
        let datapath = try KernelDatapath(settings(filesystem))
        try datapath.put(MapCatalog.podNamespaces, 1, 2)
        #expect(try datapath.get(MapCatalog.podNamespaces, 1) == 2)
    }

    @Test("A directory outside a bpffs is refused with the mount that is missing")
    func noBPFFS() throws {
        var template = Array("/tmp/mt-plain-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { rmdir(path) }
        let error = #expect(throws: DatapathError.self) {
            try KernelDatapath(DatapathSettings(pinDirectory: path + "/pins"))
        }
        #expect(error?.code == .missing)
        #expect(error?.message.contains("mount -t bpf") == true)
    }

    @Test("Keyed maps give back what was put, in batches and one by one")
    func keyed() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let addresses = (1...5000).map { IPAddress(v4: 0x0a00_0000 + UInt32($0)).mapped }
        let wanted = addresses.enumerated().map { index, address in
            (key: address, value: TaggedNumber(endpoint: UInt32(index), address: address).word)
        }
        try datapath.putAll(MapCatalog.endpointIDs, wanted)
        let found = try datapath.entries(MapCatalog.endpointIDs)
        #expect(Set(found.map(\.value)) == Set(wanted.map(\.value)))
        #expect(found.count == 5000)
        #expect(try datapath.get(MapCatalog.endpointIDs, addresses[9]) == wanted[9].value)
        #expect(try datapath.remove(MapCatalog.endpointIDs, addresses[9]))
        #expect(try !datapath.remove(MapCatalog.endpointIDs, addresses[9]))
        #expect(try datapath.get(MapCatalog.endpointIDs, addresses[9]) == nil)
        #expect(throws: DatapathError.self) {
            try datapath.put(MapCatalog.endpointIDs, addresses[1], 1, mode: .insert)
        }
    }

    @Test("A map that is full says so, by its name and capacity")
    func full() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let capacity = UInt64(MARTLET_POD_NETNS_MAX.rawValue)
        try datapath.putAll(MapCatalog.podNamespaces, (0..<capacity).map { (key: $0, value: 1) })
        let error = #expect(throws: DatapathError.self) { try datapath.put(MapCatalog.podNamespaces, capacity, 1) }
        #expect(error?.code == .full)
        #expect(error?.errno == E2BIG)
        #expect(error?.description.contains("map pod_netns, capacity \(capacity)") == true)
    }

    @Test("What the verifier refuses is an error that ends with its reason, and nothing stays pinned")
    func refused() throws {
        let filesystem = try TemporaryBPFFS()
        var elf = BPFObject.martlet.elfBytes()
        // The first instruction of a program becomes `exit`, so that the rest is never reached.
        let first = try #require(Self.sectionOffset("tc", of: elf))
        elf.replaceSubrange(first..<first + 8, with: MapBytes.of(Instruction.exit))
        let error = #expect(throws: DatapathError.self) {
            try KernelDatapath(self.settings(filesystem), name: "broken", elf: elf)
        }
        #expect(error?.code == .load)
        #expect(error?.call == "bpf_object__load")
        #expect(error?.log?.contains("unreachable insn 1") == true, "\(error?.log ?? "no log")")
        let pins = PinDirectory(root: filesystem.pins)
        #expect(pins.names(in: pins.programs).isEmpty)
        #expect(pins.names(in: pins.maps).isEmpty)
    }

    @Test("What is no object is refused with libbpf's reason")
    func noObject() throws {
        let filesystem = try TemporaryBPFFS()
        let error = #expect(throws: DatapathError.self) {
            try KernelDatapath(self.settings(filesystem), name: "nonsense", elf: [1, 2, 3, 4])
        }
        #expect(error?.call == "bpf_object__open_mem")
        #expect(error?.log?.isEmpty == false)
    }

    /// Where a section's bytes begin in a 64-bit ELF file.
    private static func sectionOffset(_ name: String, of elf: [UInt8]) -> Int? {
        func number<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Number.Type) -> Int {
            elf.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
        }
        let headers = number(0x28, UInt64.self)
        func header(_ index: Int) -> Int { headers + index * 64 }
        let names = number(header(number(0x3e, UInt16.self)) + 0x18, UInt64.self)
        for index in 0..<number(0x3c, UInt16.self) {
            let start = names + number(header(index), UInt32.self)
            let text = String(decoding: elf[start...].prefix { $0 != 0 }, as: UTF8.self)
            if text == name { return number(header(index) + 0x18, UInt64.self) }
        }
        return nil
    }

    @Test("The trie finds the longest prefix, and lists all")
    func trie() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let blocks = ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "0.0.0.0/0"].compactMap(CIDR.init)
        for (index, block) in blocks.enumerated() {
            try datapath.put(MapCatalog.networkIDs, martlet_network_key(block), UInt64(index + 1))
        }
        let address = try #require(IPAddress("10.1.2.3"))
        #expect(try datapath.get(MapCatalog.networkIDs, martlet_network_key(CIDR(address))) == 2)
        let found = try datapath.entries(MapCatalog.networkIDs).compactMap(\.key.block)
        #expect(Set(found) == Set(blocks))
    }

    @Test("A store into mapped memory is seen by a program, and by a second mapping")
    func mapped() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        try datapath.publish(generation: 77)
        #expect(try datapath.generation() == 77)
        #expect(try datapath.explain(martlet_question()).generation == 77)

        var endpoint = martlet_endpoint()
        endpoint[class: 2] = 9
        endpoint.ifindex = 3
        try datapath.write(MapCatalog.endpoints, at: MapLimits.endpoints - 1, endpoint)
        let other = try KernelDatapath(settings(filesystem))
        let seen = try other.read(MapCatalog.endpoints, at: MapLimits.endpoints - 1)
        #expect(MapBytes.of(seen) == MapBytes.of(endpoint))
        let rules = (UInt32(0)..<100).map { number in
            var rule = martlet_rule()
            rule.rule_id = number
            return rule
        }
        try datapath.write(MapCatalog.rules, from: 1000, rules)
        #expect(try other.read(MapCatalog.rules, 1000..<1100).map(\.rule_id) == Array(0..<100))
    }

    @Test("What lies past the end of an array is refused by the map's name")
    func pastTheEnd() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let end = MapCatalog.services.capacity
        for index in [end, Int(UInt32.max)] {
            let error = #expect(throws: DatapathError.self) {
                try datapath.write(MapCatalog.services, at: index, martlet_service())
            }
            #expect(error?.code == .layout)
            #expect(error?.message.contains("map services") == true)
            #expect(throws: DatapathError.self) { try datapath.read(MapCatalog.services, at: index) }
        }
        try datapath.write(MapCatalog.services, at: end - 1, martlet_service())
    }

    @Test(
        "Words that are written together are each where they belong; one past the end is refused, and none is written")
    func words() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let map = MapCatalog.endpoints
        let stride = MemoryLayout<martlet_endpoint>.stride
        let numbers = [0, 1, 5_000, map.capacity - 1]
        try datapath.write(map.identity, numbers.map { MapWord(offset: $0 * stride + 4, value: UInt32($0) + 1) })
        let all = try datapath.read(map, 0..<map.capacity)
        #expect(all.indices.filter { all[$0].class_id.1 != 0 } == numbers)
        #expect(numbers.allSatisfy { all[$0].class_id.1 == UInt32($0) + 1 && all[$0].class_id.0 == 0 })
        let error = #expect(throws: DatapathError.self) {
            try datapath.write(
                map.identity,
                [MapWord(offset: 0, value: 7), MapWord(offset: map.capacity * stride, value: 7)])
        }
        #expect(error?.code == .layout)
        #expect(try datapath.read(map, at: 0).class_id.0 == 0)
    }

    /// KiB of kernel maps that this process has mapped and that count as its memory.
    private func residentMaps() throws -> Int {
        let sum = "/^[0-9a-f]+-/ { map = /bpf-map/ } /^Rss:/ { if (map) kib += $2 } END { print kib + 0 }"
        // The shell's parent is this process.
        let text = try run("awk '\(sum)' /proc/$PPID/smaps")
        return try #require(Int(text.trimmingPrefix { $0.isWhitespace }.prefix { $0.isNumber }))
    }

    @Test("Of an array only what is used is mapped, and a read of all of it finds every value and keeps nothing mapped")
    func windows() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let opened = try residentMaps()
        let values = [0, 20_000, MapCatalog.services.capacity - 1]
        for index in values {
            var service = martlet_service()
            service.extent = UInt64(index) + 1
            try datapath.write(MapCatalog.services, at: index, service)
        }
        let used = try residentMaps()
        #expect((1...3 * 128).contains(used - opened))
        let other = try KernelDatapath(settings(filesystem))
        let before = try residentMaps()
        let all = try other.read(MapCatalog.services, 0..<MapCatalog.services.capacity)
        #expect(all.indices.filter { all[$0].extent != 0 } == values)
        #expect(try residentMaps() == before)
        #expect(try other.read(MapCatalog.services, at: 20_000).extent == 20_001)
    }

    @Test("A grace period passes by membarrier and by its fallback", arguments: [false, true])
    func gracePeriod(fallback: Bool) throws {
        let grace = GracePeriod(prefersFallback: fallback)
        try grace.wait()
        try grace.wait()
    }

    @Test("The verifier's count is known of every program")
    func verifiedInstructions() throws {
        let filesystem = try TemporaryBPFFS()
        let programs = try KernelDatapath(settings(filesystem)).inventory().programs
        let names = Set(programs.map(\.name))
        let needed =
            ["from_pod", "to_pod", "from_network", "to_network", "explain"] + ConnectHook.allCases.map(\.program)
        #expect(names.isSuperset(of: needed), "missing: \(Set(needed).subtracting(names))")
        for program in programs {
            #expect((1...100_000).contains(program.verifiedInstructions), "\(program.name)")
        }
    }

    @Test("The cookie of a network namespace tells namespaces apart")
    func cookies() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(settings(filesystem))
        let own = try datapath.networkNamespaceCookie(path: "/proc/self/ns/net")
        let other = try inOwnNetwork {
            // The number of this thread, which alone is in the namespace.
            var link = [CChar](repeating: 0, count: 64)
            let count = readlink("/proc/thread-self", &link, link.count)
            let thread = String(decoding: link.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
            return try datapath.networkNamespaceCookie(path: "/proc/\(thread)/ns/net")
        }
        #expect(own != 0)
        #expect(other != own)
        #expect(throws: DatapathError.self) { try datapath.networkNamespaceCookie(path: "/proc/self/ns/none") }
    }
}
