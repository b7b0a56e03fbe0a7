import CMartletABI
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import TestKit

/// The kernel's maps as bytes, written by operations alone, and the policy stage over them, with the generation loaded
/// once. A packet's run is in two halves, so that writes can come in between.
struct KernelModel {
    private var flat: [MapIdentity: [UInt8]] = [:]
    private var keyed: [MapIdentity: [[UInt8]: [UInt8]]] = [:]
    var generation: UInt32 = 0

    init() {
        func room<Value>(_ map: FlatMap<Value>, _ count: Int) {
            flat[map.identity] = [UInt8](repeating: 0, count: count * MemoryLayout<Value>.stride)
        }
        room(MapCatalog.control, 1)
        room(MapCatalog.endpoints, 2048)
        room(MapCatalog.networks, 8192)
        room(MapCatalog.classLists, 4096)
        room(MapCatalog.classRows, 4096)
        room(MapCatalog.blockRows, 4096)
        room(MapCatalog.rules, 65536)
    }

    mutating func perform(_ operation: MapOperation) {
        switch operation {
        case .store(let map, let offset, let bytes):
            flat[map]?.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .copy(let map, let from, let to, let count):
            let bytes = Array(flat[map]?[from..<from + count] ?? [])
            flat[map]?.replaceSubrange(to..<to + count, with: bytes)
        case .put(let map, let key, let value): keyed[map, default: [:]][key] = value
        case .remove(let map, let key): keyed[map]?[key] = nil
        }
    }

    /// What a new daemon finds at the generation in force.
    /// - Parameter addresses: by endpoint number.
    func image(_ addresses: [UInt32: [IPAddress]]) -> MapImage {
        let slot = Int(generation & 3)
        var image = MapImage()
        image.generation = generation
        for (number, held) in addresses {
            for address in held { image.endpointOfAddress[address] = number }
            let classID = read(MapCatalog.endpoints, Int(number))?[class: slot] ?? 0
            image.endpoints[number] = MapImage.Endpoint(
                classID: classID, incarnation: 0, flags: MARTLET_ENDPOINT_LIVE.rawValue, interface: 0, mac: nil)
            let index = classID & 0xffff
            guard let lists = read(MapCatalog.classLists, Int(index)) else { continue }
            let entry = ClassLists(ingress: ListEntry(lists[ingress: slot]), egress: ListEntry(lists[egress: slot]))
            image.classLists[index] = entry
            image.classRows[index] = words(MapCatalog.classRows, index)
            for list in [entry.ingress, entry.egress] {
                for position in list.extent.offset..<list.extent.end {
                    image.rules[position] = read(MapCatalog.rules, Int(position)).flatMap { RuleEntry($0) }
                }
            }
        }
        for (key, value) in keyed[MapCatalog.networkIDs.identity] ?? [:] {
            guard let key: martlet_network_key = MapBytes.value(from: key), let cidr = key.block,
                let number: UInt64 = MapBytes.value(from: value)
            else { continue }
            image.numberOfNetwork[cidr] = UInt32(number)
            let classID = read(MapCatalog.networks, Int(number))?[cidrClass: slot] ?? 0
            image.networkClasses[UInt32(number)] = classID
            image.blockRows[classID & 0xffff] = words(MapCatalog.blockRows, classID & 0xffff)
        }
        return image
    }

    private func words<Row>(_ map: FlatMap<Row>, _ index: UInt32) -> [UInt64] {
        let stride = MemoryLayout<Row>.stride
        let bytes = flat[map.identity]?[Int(index) * stride..<(Int(index) + 1) * stride] ?? []
        return MapBytes.values(from: Array(bytes))
    }

    private func read<Value>(_ map: FlatMap<Value>, _ index: Int) -> Value? {
        let stride = MemoryLayout<Value>.stride
        return MapBytes.value(from: Array(flat[map.identity]?[index * stride..<(index + 1) * stride] ?? []))
    }

    // MARK: A packet

    /// What the first half of a run has read.
    struct Run {
        let slot: Int
        let subjectClass: UInt32
        let peerClass: UInt32
        let peerCIDRClass: UInt32
        /// An address of pods that no pod has.
        let isUnknown: Bool
    }

    /// Loads the classes of both ends in the slot of a generation. An end that is no pod has endpoint 0.
    func begin(_ generation: UInt32, subject: UInt32, peer: UInt32, peerAddress: IPAddress) -> Run {
        let slot = Int(generation & 3)
        let covers = (read(MapCatalog.control, 0)?[flags: slot] ?? 0) & 1 == 1
        return Run(
            slot: slot,
            subjectClass: subject == 0 ? 0 : read(MapCatalog.endpoints, Int(subject))?[class: slot] ?? 0,
            peerClass: peer == 0 ? 0 : read(MapCatalog.endpoints, Int(peer))?[class: slot] ?? 0,
            peerCIDRClass: peer != 0 && !covers ? 0 : cidrClass(peerAddress, slot),
            isUnknown: peer == 0 && RandomCluster.podCIDRs.contains { $0.contains(peerAddress) })
    }

    private func cidrClass(_ address: IPAddress, _ slot: Int) -> UInt32 {
        for length in stride(from: 128, through: 0, by: -1) {
            let masked = address.masked(to: length)
            guard let block = CIDR(masked, prefixLength: masked.isV4 ? length - 96 : length) else { continue }
            let key = MapBytes.of(martlet_network_key(block))
            guard let value = keyed[MapCatalog.networkIDs.identity]?[key],
                let number: UInt64 = MapBytes.value(from: value)
            else { continue }
            return read(MapCatalog.networks, Int(number))?[cidrClass: slot] ?? 0
        }
        return 0
    }

    /// Scans the list. True: the packet passes.
    func end(_ run: Run, _ direction: RuleInfo.Direction, transport: UInt8, port: UInt16) -> Bool {
        guard let lists = read(MapCatalog.classLists, Int(run.subjectClass & 0xffff)),
            let peerRow = read(MapCatalog.classRows, Int(run.peerClass & 0xffff)),
            let blockRow = read(MapCatalog.blockRows, Int(run.peerCIDRClass & 0xffff))
        else { return false }
        let list = direction == .ingress ? lists[ingress: run.slot] : lists[egress: run.slot]
        let flags = UInt32(list.flags)
        if flags & MARTLET_LIST_CLOSED.rawValue != 0 { return false }
        if flags & MARTLET_LIST_POD_DENY.rawValue != 0, run.isUnknown { return false }
        let isIsolated = flags & MARTLET_LIST_ISOLATED.rawValue != 0
        var tier: UInt8 = 0
        for index in 0..<Int(list.count) {
            guard let rule = read(MapCatalog.rules, Int(list.offset) + index) else { return false }
            if isIsolated, UInt32(rule.tier) > MARTLET_TIER_NETWORK_POLICY.rawValue { return false }
            if rule.tier < tier { continue }
            if rule.protocol != 0 && (rule.protocol != transport || !(rule.port_low...rule.port_high ~= port)) {
                continue
            }
            switch UInt32(rule.peer_kind) {
            case MARTLET_PEER_SELECTOR.rawValue: if !peerRow[selector: Int(rule.peer)] { continue }
            case MARTLET_PEER_BLOCK.rawValue: if !blockRow[block: Int(rule.peer)] { continue }
            default: break
            }
            if UInt32(rule.action) == MARTLET_ACTION_PASS.rawValue {
                tier = rule.tier + 1
                continue
            }
            return UInt32(rule.action) == MARTLET_ACTION_ALLOW.rawValue
        }
        return !isIsolated
    }
}
