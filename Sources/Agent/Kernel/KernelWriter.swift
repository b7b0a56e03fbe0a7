import BPFRuntime
import CMartletABI
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler

/// Carries out what the planner and the compilers ask for, by plain map writes, and counts them.
struct KernelWriter: Sendable {
    let datapath: any Datapath
    let writes: MapWrites

    private static let endpointBytes = MemoryLayout<martlet_endpoint>.stride
    /// Where an endpoint's entry goes on after the classes.
    private static let endpointRest = MemoryLayout<martlet_endpoint>.offset(of: \.incarnation) ?? 16

    // MARK: Policy

    private func write(_ place: PolicySlot, _ value: PolicySlotValue, slot: Int) throws(DatapathError) {
        try perform(place.operations(slot: slot, value))
    }

    /// Values of one slot. Of endpoints there may be thousands: they are written in one go.
    func write(_ values: [PolicySlot: PolicySlotValue], slot: Int) throws(DatapathError) {
        var classes: [MapWord] = []
        for (place, value) in values {
            if case (.endpointClass(let number), .word(let id)) = (place, value) {
                classes.append(PolicySlot.endpointClassWord(number, slot: slot, id))
            } else {
                try write(place, value, slot: slot)
            }
        }
        guard !classes.isEmpty else { return }
        try datapath.write(MapCatalog.endpoints.identity, classes)
        writes.wrote(classes.count)
    }

    func fill(_ values: [PolicySlot: PolicySlotValue]) throws(DatapathError) {
        for slot in 0..<MapLimits.generationSlots { try write(values, slot: slot) }
    }

    /// Plain writes, in order.
    func perform(_ operations: [MapOperation]) throws(DatapathError) {
        for operation in operations {
            switch operation {
            case .store(let map, let offset, let bytes): try store(map, offset, bytes)
            case .copy(let map, let from, let to, let count):
                try store(map, to, datapath.read(map, bytes: from..<from + count))
            case .put(let map, let key, let value):
                try datapath.put(map, key: key, value: value, mode: .any)
                writes.wrote()
            case .remove(let map, let key):
                try datapath.remove(map, key: key)
                writes.wrote()
            }
        }
    }

    func publish(_ generation: UInt32) throws(DatapathError) {
        try datapath.publish(generation: generation)
        writes.wrote()
    }

    private func store(_ map: MapIdentity, _ offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try datapath.write(map, at: offset, bytes)
        writes.stored(map, bytes: bytes.count)
    }

    // MARK: Endpoints

    /// Everything of the entry but its classes, which the planner owns; then the addresses, which make it reachable.
    func writeEndpoint(_ record: EndpointRecord, closed: Bool) throws(DatapathError) {
        let entry = MapBytes.of(record.entry(class: 0, closed: closed))
        let offset = Int(record.number) * Self.endpointBytes + Self.endpointRest
        try store(MapCatalog.endpoints.identity, offset, Array(entry[Self.endpointRest...]))
        for address in record.addresses {
            let mapped = address.mapped
            try put(MapCatalog.endpointIDs, mapped, TaggedNumber(endpoint: record.number, address: mapped).word)
        }
    }

    /// Takes the addresses away, then marks the entry dead. An address that another endpoint has by now stays.
    func removeEndpoint(_ record: EndpointRecord) throws(DatapathError) {
        for address in record.addresses {
            let mapped = address.mapped
            guard let word = try datapath.get(MapCatalog.endpointIDs, mapped),
                TaggedNumber(word).number == record.number
            else { continue }
            try remove(MapCatalog.endpointIDs, mapped)
        }
        let offset = Int(record.number) * Self.endpointBytes + Self.endpointRest
        let rest = Self.endpointBytes - Self.endpointRest
        try store(MapCatalog.endpoints.identity, offset, [UInt8](repeating: 0, count: rest))
    }

    // MARK: Keyed maps

    func put<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key, _ value: Value) throws(DatapathError) {
        try perform([.put(map, key, value)])
    }

    func remove<Key, Value>(_ map: KeyedMap<Key, Value>, _ key: Key) throws(DatapathError) {
        try perform([.remove(map, key)])
    }
}
