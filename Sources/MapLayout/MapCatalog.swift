package import CMartletABI

/// A map of ours by name. The pin carries the layout's version, so that a change of one layout leaves other maps alone.
package struct MapIdentity: Hashable, Sendable, CustomStringConvertible {
    /// As declared in `bpf/lib/maps.h`.
    package let name: String
    package let layoutVersion: UInt32

    package init(_ name: String, layoutVersion: UInt32 = 1) {
        self.name = name
        self.layoutVersion = layoutVersion
    }

    package var pinName: String { "\(name)_v\(layoutVersion)" }
    package var description: String { name }
}

/// A hash or trie: looked up by key.
package struct KeyedMap<Key: BitwiseCopyable & Sendable, Value: BitwiseCopyable & Sendable>: Sendable {
    package let identity: MapIdentity

    package init(_ name: String, layoutVersion: UInt32 = 1) {
        identity = MapIdentity(name, layoutVersion: layoutVersion)
    }
}

/// A memory-mapped array: values do not move, and are written by plain stores.
package struct FlatMap<Value: BitwiseCopyable & Sendable>: Sendable {
    package let identity: MapIdentity
    /// How many values it holds; an index beyond is a programming error.
    package let capacity: Int

    package init(_ name: String, capacity: Int, layoutVersion: UInt32 = 1) {
        identity = MapIdentity(name, layoutVersion: layoutVersion)
        self.capacity = capacity
    }
}

/// Every map that user space reads or writes, with the types of its keys and values.
package enum MapCatalog {
    /// Address → tagged endpoint number.
    package static let addresses = KeyedMap<martlet_address, UInt64>("addresses")
    /// Network → network number.
    package static let networkNumbers = KeyedMap<martlet_network_key, UInt64>("network_numbers")
    /// Frontend → tagged service number.
    package static let frontends = KeyedMap<martlet_frontend_key, UInt64>("frontends")

    package static let control = FlatMap<martlet_control>("control", capacity: 1)
    package static let endpoints = FlatMap<martlet_endpoint>("endpoints", capacity: MapLimits.endpoints)
    package static let networks = FlatMap<martlet_network>("networks", capacity: MapLimits.networks)
    package static let classLists = FlatMap<martlet_class_lists>("class_lists", capacity: MapLimits.classes)
    package static let classRows = FlatMap<martlet_class_row>("class_rows", capacity: MapLimits.classes)
    package static let blockRows = FlatMap<martlet_block_row>("block_rows", capacity: MapLimits.cidrClasses)
    package static let rules = FlatMap<martlet_rule>("rules", capacity: MapLimits.rules)
    package static let services = FlatMap<martlet_service>("services", capacity: MapLimits.services)
    package static let backends = FlatMap<martlet_backend>("backends", capacity: MapLimits.backends)

    /// Per-CPU counters, index = `martlet_counter`.
    package static let counters = MapIdentity("counters")
    /// Ring buffer of `martlet_event`.
    package static let events = MapIdentity("events")
}

/// Capacities, from `abi.h`. Admission refuses what would exceed them.
package enum MapLimits {
    package static let generationSlots = Int(MARTLET_GENERATION_SLOTS.rawValue)
    package static let endpoints = Int(MARTLET_ENDPOINTS_MAX.rawValue)
    package static let networks = Int(MARTLET_NETWORKS_MAX.rawValue)
    package static let classes = Int(MARTLET_CLASSES_MAX.rawValue)
    package static let cidrClasses = Int(MARTLET_CIDR_CLASSES_MAX.rawValue)
    package static let selectors = Int(MARTLET_SELECTORS_MAX.rawValue)
    package static let blocks = Int(MARTLET_BLOCKS_MAX.rawValue)
    package static let rules = Int(MARTLET_RULES_MAX.rawValue)
    package static let listRules = Int(MARTLET_LIST_RULES_MAX.rawValue)
    package static let services = Int(MARTLET_SERVICES_MAX.rawValue)
    package static let backends = Int(MARTLET_BACKENDS_MAX.rawValue)
}
