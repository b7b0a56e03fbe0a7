import CMartletABI
import Glibc
import MapLayout
import NetTypes
import TestKit
import Testing

@testable import BPFRuntime

/// Packet tests share the kernel's memory and counters: they run one at a time.
@Suite(.serialized)
enum PacketSuite {}

/// A node in test runs: the real programs and maps, packets by BPF_PROG_TEST_RUN, all on the loopback device's index.
final class PacketNode {
    /// Test runs take place on the loopback device.
    static let interface: UInt32 = 1
    static let client = Pod(number: 1, addresses: ["10.244.1.10", "fd44:0:0:1::10"], mac: [2, 0, 0, 0, 0, 10])
    static let server = Pod(number: 2, addresses: ["10.244.1.11", "fd44:0:0:1::11"], mac: [2, 0, 0, 0, 0, 11])
    /// A pod of another node.
    static let remote = Pod(number: 3, addresses: ["10.244.2.20", "fd44:0:0:2::20"], mac: [0, 0, 0, 0, 0, 0])
    /// A local pod behind another link.
    static let elsewhere = Pod(number: 4, addresses: ["10.244.1.14", "fd44:0:0:1::14"], mac: [2, 0, 0, 0, 0, 14])

    struct Pod {
        let number: UInt32
        let addresses: [String]
        let mac: [UInt8]

        func address(_ family: IPFamily) -> String { addresses[family == .v4 ? 0 : 1] }
    }

    static let node = ["192.168.9.1", "fd99::1"]
    static let outside = ["203.0.113.9", "2001:db8::9"]

    let datapath: KernelDatapath
    private let path: String

    /// - Parameters:
    ///   - uplink: the interface that packets to the outside are put on; 0 leaves them to the stack.
    ///   - elf: other programs than the product's.
    ///   - hasPods: false leaves the maps empty.
    init(
        uplink: UInt32 = 0, elf: [UInt8]? = nil, hasPods: Bool = true, change: (inout martlet_config) -> Void = { _ in }
    ) throws {
        try #require(geteuid() == 0, "packet tests need root")
        var template = Array("/tmp/mt-packets-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try #require(mount("bpf", path, "bpf", 0, nil) == 0, "mounting a bpffs at \(path)")
        var configuration = Self.configuration
        configuration.uplink_ifindex = uplink
        change(&configuration)
        let settings = DatapathSettings(pinDirectory: path + "/martlet", configuration: configuration)
        datapath =
            if let elf {
                try KernelDatapath(settings, name: "martlet", elf: elf)
            } else {
                try KernelDatapath(settings)
            }
        if hasPods { try addPods() }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    private static var configuration: martlet_config {
        var configuration = martlet_config()
        configuration.node_addresses.0 = PacketBytes.address(node[0]).mapped
        configuration.node_addresses.1 = PacketBytes.address(node[1]).mapped
        configuration.node_address_count = 2
        configuration.cluster_pods.0 = block("10.244.0.0/16")
        configuration.cluster_pods.1 = block("fd44::/48")
        configuration.cluster_pods_count = 2
        configuration.node_pods.0 = block("10.244.1.0/24")
        configuration.node_pods.1 = block("fd44:0:0:1::/64")
        configuration.node_pods_count = 2
        configuration.services.0 = block("10.96.0.0/16")
        configuration.services.1 = block("fd96::/108")
        configuration.services_count = 2
        configuration.masquerade_ipv4 = configuration.node_addresses.0
        configuration.masquerade_ipv6 = configuration.node_addresses.1
        configuration.flags = MARTLET_CONFIG_MASQUERADE_IPV4.rawValue | MARTLET_CONFIG_MASQUERADE_IPV6.rawValue
        configuration.uplink_mtu = 1500
        configuration.pod_mtu = 1500
        configuration.events_per_second = 1_000_000
        configuration.gateway_mac = (0xee, 0xee, 0xee, 0xee, 0xee, 0xee)
        return configuration
    }

    private static func block(_ text: String) -> martlet_prefix {
        guard let block = CIDR(text) else { preconditionFailure("\(text) is no block") }
        return martlet_prefix(block)
    }

    private func addPods() throws {
        try put(Self.client)
        try put(Self.server)
        try put(Self.remote, flags: MARTLET_ENDPOINT_LIVE.rawValue)
        try put(Self.elsewhere, interface: 77)
    }
}

// MARK: Pods

extension PacketNode {
    static let liveHere = MARTLET_ENDPOINT_LIVE.rawValue | MARTLET_ENDPOINT_LOCAL.rawValue

    /// Writes a pod into every slot, its class being its number.
    func put(
        _ pod: Pod, flags: UInt32 = liveHere, interface: UInt32 = interface, incarnation: UInt32 = 1,
        classNumber: UInt32? = nil
    ) throws {
        var endpoint = martlet_endpoint()
        let number = classNumber ?? pod.number
        endpoint.class_id = (number, number, number, number)
        endpoint.incarnation = incarnation
        endpoint.flags = flags
        endpoint.ifindex = interface
        endpoint.mac = (pod.mac[0], pod.mac[1], pod.mac[2], pod.mac[3], pod.mac[4], pod.mac[5])
        try datapath.write(MapCatalog.endpoints, at: Int(pod.number), endpoint)
        for text in pod.addresses {
            let address = PacketBytes.address(text).mapped
            try datapath.put(
                MapCatalog.endpointIDs, address, TaggedNumber(endpoint: pod.number, address: address).word)
        }
    }

    func setGeneration(_ generation: UInt32) throws { try datapath.publish(generation: generation) }
}

// MARK: Services

extension PacketNode {
    /// Writes one frontend and its backends, which start at `offset` of the flat array.
    func putService(
        _ number: UInt32, _ frontend: String, _ port: UInt16, _ number4: UInt8, at offset: Int,
        _ backends: [(String, UInt16)]
    ) throws {
        let key = martlet_frontend_key(address: PacketBytes.address(frontend), port: port, protocol: number4)
        let values = backends.map { martlet_backend(address: PacketBytes.address($0.0), port: $0.1) }
        try datapath.write(MapCatalog.backends, from: offset, values)
        var service = martlet_service()
        service.extent = BackendExtent(offset: UInt32(offset), count: UInt32(backends.count)).word
        try datapath.write(MapCatalog.services, at: Int(number), service)
        try datapath.put(MapCatalog.frontends, key, TaggedNumber(service: number, frontend: key).word)
    }
}

// MARK: Policy

/// A rule list to be written for a class.
struct RuleList {
    var rules: [martlet_rule] = []
    var flags: martlet_list_flag = martlet_list_flag(rawValue: 0)
    var version: UInt32 = 1

    static func isolated(_ rules: [martlet_rule] = [], version: UInt32 = 1) -> RuleList {
        RuleList(rules: rules, flags: MARTLET_LIST_ISOLATED, version: version)
    }
}

extension martlet_rule {
    static func allow(
        _ id: UInt32, kind: martlet_peer_kind = MARTLET_PEER_ANY, peer: UInt32 = 0, protocol number: UInt8 = 0,
        ports: ClosedRange<UInt16> = 0...65535, tier: martlet_tier = MARTLET_TIER_NETWORK_POLICY,
        action: martlet_action = MARTLET_ACTION_ALLOW
    ) -> martlet_rule {
        martlet_rule(
            peer: peer, rule_id: id, port_low: ports.lowerBound, port_high: ports.upperBound, protocol: number,
            action: UInt8(action.rawValue), tier: UInt8(tier.rawValue), peer_kind: UInt8(kind.rawValue))
    }
}

extension PacketNode {
    /// What an isolated list reports at its end.
    static let isolationRule: UInt32 = 99

    /// Writes the lists of one class into `slots`; its rules start at 100 × class (+ 50 for egress) × slot.
    func setPolicy(
        of number: UInt32, ingress: RuleList = RuleList(), egress: RuleList = RuleList(), slots: [Int] = [0, 1, 2, 3]
    ) throws {
        var lists = try datapath.read(MapCatalog.classLists, at: Int(number))
        for slot in slots {
            let base = Int(number) * 10_000 + slot * 2_000
            try datapath.write(MapCatalog.rules, from: base, ingress.rules)
            try datapath.write(MapCatalog.rules, from: base + 1_000, egress.rules)
            withUnsafeMutableBytes(of: &lists.ingress) {
                $0.storeBytes(of: list(ingress, at: base), toByteOffset: slot * 16, as: martlet_list.self)
            }
            withUnsafeMutableBytes(of: &lists.egress) {
                $0.storeBytes(of: list(egress, at: base + 1_000), toByteOffset: slot * 16, as: martlet_list.self)
            }
        }
        try datapath.write(MapCatalog.classLists, at: Int(number), lists)
    }

    private func list(_ list: RuleList, at offset: Int) -> martlet_list {
        martlet_list(
            offset: UInt32(offset), count: UInt16(list.rules.count), flags: UInt16(list.flags.rawValue),
            version: list.version, isolation_rule_id: Self.isolationRule)
    }

    func setSelectors(_ bits: [UInt32], ofClass number: UInt32) throws {
        var row = martlet_class_row()
        withUnsafeMutableBytes(of: &row) { bytes in
            for bit in bits { bytes[Int(bit / 8)] |= 1 << UInt8(bit % 8) }
        }
        try datapath.write(MapCatalog.classRows, at: Int(number), row)
    }

    /// Puts a network into a CIDR class of which blocks hold it.
    func putNetwork(_ number: UInt32, _ block: String, cidrClass: UInt32, blocks: [UInt32]) throws {
        guard let block = CIDR(block) else { preconditionFailure("\(block) is no block") }
        var row = martlet_block_row()
        withUnsafeMutableBytes(of: &row) { bytes in
            for bit in blocks { bytes[Int(bit / 8)] |= 1 << UInt8(bit % 8) }
        }
        try datapath.write(MapCatalog.blockRows, at: Int(cidrClass), row)
        try datapath.write(
            MapCatalog.networks, at: Int(number),
            martlet_network(cidr_class: (cidrClass, cidrClass, cidrClass, cidrClass)))
        try datapath.put(MapCatalog.networkIDs, martlet_network_key(block), UInt64(number))
    }
}

// MARK: Runs

/// What a program did with a packet.
struct PacketOutcome: Equatable {
    static let pass: Int32 = 0
    static let shot: Int32 = 2
    static let redirect: Int32 = 7

    let verdict: Int32
    let bytes: [UInt8]
}

extension PacketNode {
    /// - Parameters:
    ///   - forwarded: the packet came in by another interface (`to_pod`).
    ///   - segment: bytes of payload that each segment of a train carries; 0 for a single packet.
    func run(
        _ program: String, _ bytes: [UInt8], forwarded: Bool = false, segment: UInt16 = 0
    ) throws -> PacketOutcome {
        var input = TestRunInput(data: bytes)
        if forwarded || segment > 0 {
            var context = [UInt8](repeating: 0, count: 192)
            context[36] = forwarded ? 5 : 0  // ingress_ifindex
            context[40] = 1  // ifindex
            context[176] = UInt8(segment & 0xff)  // gso_size
            context[177] = UInt8(segment >> 8)
            input.context = context
        }
        let output = try datapath.testRun(program, input)
        return PacketOutcome(verdict: output.verdict, bytes: output.data)
    }

    func run(_ program: String, _ packet: PacketBytes, forwarded: Bool = false) throws -> PacketOutcome {
        try run(program, packet.bytes, forwarded: forwarded)
    }

    func fromPod(_ packet: PacketBytes) throws -> PacketOutcome { try run("from_pod", packet) }

    func drops(_ reason: martlet_drop_reason) throws -> UInt64 {
        try datapath.counters()[Int(MARTLET_COUNTER_DROPS.rawValue + reason.rawValue)]
    }

    /// All reasons whose count has grown over a body, by how much.
    func newDrops(_ body: () throws -> Void) throws -> [UInt32: UInt64] {
        let before = try datapath.counters()
        try body()
        let after = try datapath.counters()
        var grown: [UInt32: UInt64] = [:]
        for reason in 0..<MARTLET_DROP_REASONS.rawValue {
            let index = Int(MARTLET_COUNTER_DROPS.rawValue + reason)
            if after[index] != before[index] { grown[reason] = after[index] - before[index] }
        }
        return grown
    }

    /// The one flow between two ends, from whichever table.
    func flow(_ packet: PacketBytes) throws -> (table: KeyedMap<martlet_flow_key, martlet_flow>, martlet_flow)? {
        for table in [MapCatalog.flows, MapCatalog.halfFlows] {
            for entry in try datapath.entries(table) where matches(entry.key, packet) { return (table, entry.value) }
        }
        return nil
    }

    private func matches(_ key: martlet_flow_key, _ packet: PacketBytes) -> Bool {
        let ends = [IPAddress(key.low), IPAddress(key.high)]
        guard ends == [packet.source, packet.destination] || ends == [packet.destination, packet.source] else {
            return false
        }
        let ports = [UInt16(bigEndian: key.low_port), UInt16(bigEndian: key.high_port)]
        switch packet.body {
        case .tcp(let from, let to, _, _, _), .udp(let from, let to):
            return key.protocol == packet.protocolNumber && Set(ports) == Set([from, to])
        case .icmp, .raw: return key.protocol == packet.protocolNumber
        }
    }
}

// MARK: Time

extension PacketNode {
    /// Makes a flow's last packet older than it was.
    func age(_ packet: PacketBytes, seconds: UInt64) throws {
        for table in [MapCatalog.flows, MapCatalog.halfFlows] {
            for entry in try datapath.entries(table) where matches(entry.key, packet) {
                var flow = entry.value
                flow.last_seen_ns &-= seconds * 1_000_000_000
                try datapath.put(table, entry.key, flow)
            }
        }
    }
}
