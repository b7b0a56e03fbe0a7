package import CMartletABI

/// A map of ours by name. The pin carries the layout's version, so that a change of one layout leaves other maps alone.
package struct MapIdentity: Hashable, Sendable, CustomStringConvertible {
    /// As declared in `bpf/lib/maps.h`.
    package let name: String
    package let layoutVersion: UInt32

    package init(_ name: String, layoutVersion: UInt32? = nil) {
        self.name = name
        self.layoutVersion = layoutVersion ?? MapCatalog.layoutVersion(of: name)
    }

    package var pinName: String { "\(name)_v\(layoutVersion)" }
    package var description: String { name }
}

/// A hash or trie: looked up by key.
package struct KeyedMap<Key: BitwiseCopyable & Sendable, Value: BitwiseCopyable & Sendable>: Sendable {
    package let identity: MapIdentity

    package init(_ name: String) {
        identity = MapIdentity(name)
    }
}

/// A memory-mapped array: values do not move, and are written by plain stores.
package struct FlatMap<Value: BitwiseCopyable & Sendable>: Sendable {
    package let identity: MapIdentity
    /// How many values it holds; an index beyond is a programming error.
    package let capacity: Int

    package init(_ name: String, capacity: Int) {
        identity = MapIdentity(name)
        self.capacity = capacity
    }
}

/// Every map that user space reads or writes, with the types of its keys and values.
package enum MapCatalog {
    /// Address of a pod → tagged endpoint number.
    package static let endpointIDs = KeyedMap<martlet_address, UInt64>("endpoint_ids")
    /// Network → network number.
    package static let networkIDs = KeyedMap<martlet_network_key, UInt64>("network_ids")
    /// Frontend → tagged service number.
    package static let frontends = KeyedMap<martlet_frontend_key, UInt64>("frontends")
    /// Cookie of a pod's network namespace → endpoint number.
    package static let podNamespaces = KeyedMap<UInt64, UInt32>("pod_netns")
    package static let flows = KeyedMap<martlet_flow_key, martlet_flow>("flows")
    /// Flows without a reply yet.
    package static let halfFlows = KeyedMap<martlet_flow_key, martlet_flow>("half_flows")
    package static let translations = KeyedMap<martlet_tuple, martlet_translation>("translations")
    package static let masquerades = KeyedMap<martlet_masquerade_key, martlet_masquerade>("masquerades")
    package static let fragments = KeyedMap<martlet_fragment_key, martlet_fragment>("fragments")
    package static let socketFrontends = KeyedMap<martlet_socket_key, martlet_socket_frontend>("socket_frontends")

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

extension MapCatalog {
    /// The numbers of `enum martlet_layout`, by map. Maps that hold nothing worth keeping have none there, and are 1.
    private static let layoutVersions: [String: martlet_layout] = [
        "endpoint_ids": MARTLET_LAYOUT_ENDPOINT_IDS, "endpoints": MARTLET_LAYOUT_ENDPOINTS,
        "network_ids": MARTLET_LAYOUT_NETWORK_IDS, "networks": MARTLET_LAYOUT_NETWORKS,
        "control": MARTLET_LAYOUT_CONTROL, "class_lists": MARTLET_LAYOUT_CLASS_LISTS,
        "class_rows": MARTLET_LAYOUT_CLASS_ROWS, "block_rows": MARTLET_LAYOUT_BLOCK_ROWS,
        "rules": MARTLET_LAYOUT_RULES, "frontends": MARTLET_LAYOUT_FRONTENDS, "services": MARTLET_LAYOUT_SERVICES,
        "backends": MARTLET_LAYOUT_BACKENDS, "flows": MARTLET_LAYOUT_FLOWS, "half_flows": MARTLET_LAYOUT_HALF_FLOWS,
        "translations": MARTLET_LAYOUT_TRANSLATIONS, "masquerades": MARTLET_LAYOUT_MASQUERADES,
        "fragments": MARTLET_LAYOUT_FRAGMENTS, "socket_frontends": MARTLET_LAYOUT_SOCKET_FRONTENDS,
        "pod_netns": MARTLET_LAYOUT_POD_NETNS, "events": MARTLET_LAYOUT_EVENTS,
        "event_budget": MARTLET_LAYOUT_EVENT_BUDGET, "counters": MARTLET_LAYOUT_COUNTERS,
    ]

    package static func layoutVersion(of name: String) -> UInt32 { layoutVersions[name].map { $0.rawValue } ?? 1 }
}
