import CMartletABI
import KubeObjects
package import MapLayout
import NetTypes

/// A value that a generation switches: where it is.
package enum PolicySlot: Hashable, Sendable {
    case endpointClass(UInt32)
    case networkClass(UInt32)
    case lists(UInt32)
    case controlFlags
}

extension PolicySlot {
    /// As one word: tables of slots are as large as what a change moves.
    private var word: UInt64 {
        switch self {
        case .endpointClass(let number): UInt64(number)
        case .networkClass(let number): 1 << 32 | UInt64(number)
        case .lists(let index): 2 << 32 | UInt64(index)
        case .controlFlags: 3 << 32
        }
    }

    package static func == (left: Self, right: Self) -> Bool { left.word == right.word }
    package func hash(into hasher: inout Hasher) { hasher.combine(word) }
}

/// A value that a generation switches: what it is.
package enum PolicySlotValue: Hashable, Sendable {
    case word(UInt32)
    case lists(ClassLists)
}

extension PolicyDelta {
    /// Data that nothing in force reads yet, then the trie's births and deaths; written at once, in this order.
    /// Births of classes and endpoints follow, by `bornValues`.
    package var operations: [MapOperation] {
        var found: [MapOperation] = []
        for (offset, run) in rules.sorted(by: { $0.key < $1.key }) {
            found.append(.store(MapCatalog.rules, from: offset, run.map(\.layout)))
        }
        for (row, words) in classRows.sorted(by: { $0.key < $1.key }) {
            found.append(.store(MapCatalog.classRows, row: row, words))
        }
        for (row, words) in blockRows.sorted(by: { $0.key < $1.key }) {
            found.append(.store(MapCatalog.blockRows, row: row, words))
        }
        let size = MemoryLayout<martlet_network>.stride
        // A shorter network first: it may be the parent of a longer one of the same delta.
        for birth in bornNetworks.sorted(by: { $0.cidr.mappedPrefixLength < $1.cidr.mappedPrefixLength }) {
            found.append(
                .copy(
                    MapCatalog.networks.identity, from: Int(birth.parent) * size, to: Int(birth.number) * size,
                    count: size))
            found.append(.put(MapCatalog.networkIDs, martlet_network_key(birth.cidr), UInt64(birth.number)))
        }
        for cidr in networksGone { found.append(.remove(MapCatalog.networkIDs, martlet_network_key(cidr))) }
        return found
    }

    /// Values of what is born: they go into all four slots at once.
    package var bornValues: [PolicySlot: PolicySlotValue] {
        var found: [PolicySlot: PolicySlotValue] = [:]
        for (index, lists) in bornClasses { found[.lists(index)] = .lists(lists) }
        for (endpoint, id) in bornEndpoints { found[.endpointClass(endpoint)] = .word(id) }
        return found
    }

    /// Numbers that are born without a value of their own: what older change sets say of them is void.
    package var bornWithoutValue: [PolicySlot] { bornNetworks.map { .networkClass($0.number) } }

    /// Values of the next generation.
    package var switchedValues: [PolicySlot: PolicySlotValue] {
        var found: [PolicySlot: PolicySlotValue] = [:]
        found.reserveCapacity(classLists.count + endpointClasses.count + networkClasses.count + 1)
        for (index, lists) in classLists { found[.lists(index)] = .lists(lists) }
        for (endpoint, id) in endpointClasses { found[.endpointClass(endpoint)] = .word(id) }
        for (number, id) in networkClasses { found[.networkClass(number)] = .word(id) }
        if let blocksCoverPods { found[.controlFlags] = .word(blocksCoverPods ? 1 : 0) }
        return found
    }
}

extension PolicySlot {
    /// The one word, in the map of endpoints, that says an endpoint's class in one of the four slots.
    package static func endpointClassWord(_ number: UInt32, slot: Int, _ id: UInt32) -> MapWord {
        MapWord(offset: Int(number) * MemoryLayout<martlet_endpoint>.stride + slot * 4, value: id)
    }

    /// The writes that set the value in one of the four slots.
    package func operations(slot: Int, _ value: PolicySlotValue) -> [MapOperation] {
        switch (self, value) {
        case (.endpointClass(let number), .word(let id)):
            let word = Self.endpointClassWord(number, slot: slot, id)
            return [.store(MapCatalog.endpoints.identity, offset: word.offset, bytes: MapBytes.of(word.value))]
        case (.networkClass(let number), .word(let id)):
            let base = Int(number) * MemoryLayout<martlet_network>.stride
            return [.store(MapCatalog.networks.identity, offset: base + slot * 4, bytes: MapBytes.of(id))]
        case (.controlFlags, .word(let flags)):
            let base = MemoryLayout<martlet_control>.offset(of: \.flags) ?? 4
            return [.store(MapCatalog.control.identity, offset: base + slot * 4, bytes: MapBytes.of(flags))]
        case (.lists(let index), .lists(let lists)):
            let base = Int(index) * MemoryLayout<martlet_class_lists>.stride
            let size = MemoryLayout<martlet_list>.stride
            let egress = MemoryLayout<martlet_class_lists>.offset(of: \.egress) ?? 4 * size
            let map = MapCatalog.classLists.identity
            return [
                .store(map, offset: base + slot * size, bytes: MapBytes.of(lists.ingress.layout)),
                .store(map, offset: base + egress + slot * size, bytes: MapBytes.of(lists.egress.layout)),
            ]
        case (.endpointClass, .lists), (.networkClass, .lists), (.controlFlags, .lists), (.lists, .word):
            preconditionFailure("a value of another kind than its place")
        }
    }
}
