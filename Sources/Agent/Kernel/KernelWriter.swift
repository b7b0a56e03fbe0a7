import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler

/// Carries out what the planner and the compilers ask for, by plain map writes.
struct KernelWriter: Sendable {
    let datapath: any Datapath

    private static let endpointBytes = MemoryLayout<martlet_endpoint>.stride
    private static let networkBytes = MemoryLayout<martlet_network>.stride
    private static let listBytes = MemoryLayout<martlet_list>.stride
    private static let classListsBytes = MemoryLayout<martlet_class_lists>.stride
    /// Where an endpoint's entry goes on after the classes.
    private static let endpointRest = MemoryLayout<martlet_endpoint>.offset(of: \.incarnation) ?? 16
    private static let controlFlags = MemoryLayout<martlet_control>.offset(of: \.flags) ?? 4

    // MARK: Policy

    func write(_ operation: KernelOperation) throws(DatapathError) {
        switch operation {
        case .rules(let offset, let rules):
            try datapath.write(MapCatalog.rules, from: Int(offset), rules.map { martlet_rule($0) })
        case .classRow(let index, let words):
            let offset = Int(index) * MemoryLayout<martlet_class_row>.stride
            try datapath.write(MapCatalog.classRows.identity, at: offset, MapBytes.of(all: words))
        case .blockRow(let index, let words):
            let offset = Int(index) * MemoryLayout<martlet_block_row>.stride
            try datapath.write(MapCatalog.blockRows.identity, at: offset, MapBytes.of(all: words))
        case .networkBirth(let birth):
            // Older generations see no difference: the slots start as the parent's are.
            let parent =
                try birth.parent == 0
                ? martlet_network() : datapath.read(MapCatalog.networks, at: Int(birth.parent))
            try datapath.write(MapCatalog.networks, at: Int(birth.number), parent)
            try datapath.put(MapCatalog.networkIDs, martlet_network_key(birth.cidr), UInt64(birth.number))
        case .networkGone(let cidr):
            try datapath.remove(MapCatalog.networkIDs, martlet_network_key(cidr))
        }
    }

    func write(_ key: SlotKey, _ value: SlotValue, slot: Int) throws(DatapathError) {
        switch (key, value) {
        case (.endpoint(let number), .classID(let classID)):
            let offset = Int(number) * Self.endpointBytes + slot * 4
            try datapath.write(MapCatalog.endpoints.identity, at: offset, MapBytes.of(classID))
        case (.network(let number), .classID(let classID)):
            let offset = Int(number) * Self.networkBytes + slot * 4
            try datapath.write(MapCatalog.networks.identity, at: offset, MapBytes.of(classID))
        case (.lists(let index), .lists(let lists)):
            let base = Int(index) * Self.classListsBytes
            let identity = MapCatalog.classLists.identity
            let egress = MapLimits.generationSlots + slot
            try datapath.write(identity, at: base + slot * Self.listBytes, MapBytes.of(martlet_list(lists.ingress)))
            try datapath.write(identity, at: base + egress * Self.listBytes, MapBytes.of(martlet_list(lists.egress)))
        case (.coverage, .coverage(let covers)):
            let flags = covers ? MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue : 0
            try datapath.write(
                MapCatalog.control.identity, at: Self.controlFlags + slot * 4, MapBytes.of(UInt32(flags)))
        case (.endpoint, _), (.network, _), (.lists, _), (.coverage, _):
            preconditionFailure("a value of another kind for \(key)")
        }
    }

    func fill(_ values: [SlotKey: SlotValue]) throws(DatapathError) {
        for (key, value) in values {
            for slot in 0..<MapLimits.generationSlots { try write(key, value, slot: slot) }
        }
    }

    /// Copies every live value of a slot over another. After a restart only.
    func copySlot(from: Int, to: Int, endpoints: [UInt32], networks: [UInt32], classes: [UInt32])
        throws(DatapathError)
    {
        for number in endpoints {
            let entry = try datapath.read(MapCatalog.endpoints, at: Int(number))
            try write(.endpoint(number), .classID(entry[class: from]), slot: to)
        }
        for number in networks {
            let entry = try datapath.read(MapCatalog.networks, at: Int(number))
            try write(.network(number), .classID(entry[cidrClass: from]), slot: to)
        }
        for index in classes {
            let entry = try datapath.read(MapCatalog.classLists, at: Int(index))
            let base = Int(index) * Self.classListsBytes
            let identity = MapCatalog.classLists.identity
            let egress = MapLimits.generationSlots + to
            try datapath.write(identity, at: base + to * Self.listBytes, MapBytes.of(entry[ingress: from]))
            try datapath.write(identity, at: base + egress * Self.listBytes, MapBytes.of(entry[egress: from]))
        }
        let control = try datapath.read(MapCatalog.control, at: 0)
        try datapath.write(
            MapCatalog.control.identity, at: Self.controlFlags + to * 4, MapBytes.of(control[flags: from]))
    }

    // MARK: Services

    func perform(_ operations: [MapOperation]) throws(DatapathError) {
        for operation in operations {
            switch operation {
            case .store(let map, let offset, let bytes): try datapath.write(map, at: offset, bytes)
            case .copy(let map, let from, let to, let count):
                try datapath.write(map, at: to, datapath.read(map, bytes: from..<from + count))
            case .put(let map, let key, let value): try datapath.put(map, key: key, value: value, mode: .any)
            case .remove(let map, let key): try datapath.remove(map, key: key)
            }
        }
    }

    // MARK: Endpoints

    /// Everything of the entry but its classes, which the planner owns; then the addresses, which make it reachable.
    func writeEndpoint(_ record: EndpointRecord) throws(DatapathError) {
        let entry = MapBytes.of(record.entry(class: 0, closed: false))
        let offset = Int(record.number) * Self.endpointBytes + Self.endpointRest
        try datapath.write(MapCatalog.endpoints.identity, at: offset, Array(entry[Self.endpointRest...]))
        for address in record.addresses {
            let mapped = address.mapped
            try datapath.put(
                MapCatalog.endpointIDs, mapped, TaggedNumber(endpoint: record.number, address: mapped).word)
        }
    }

    /// Takes the addresses away, then marks the entry dead. An address that another endpoint has by now stays.
    func removeEndpoint(_ record: EndpointRecord) throws(DatapathError) {
        for address in record.addresses {
            let mapped = address.mapped
            guard let word = try datapath.get(MapCatalog.endpointIDs, mapped),
                TaggedNumber(word).number == record.number
            else { continue }
            try datapath.remove(MapCatalog.endpointIDs, mapped)
        }
        let offset = Int(record.number) * Self.endpointBytes + Self.endpointRest
        let rest = Self.endpointBytes - Self.endpointRest
        try datapath.write(
            MapCatalog.endpoints.identity, at: offset, [UInt8](repeating: 0, count: rest))
    }
}
