import BPFRuntime
import CMartletABI
import MapLayout

/// How full one kernel map is.
package struct MapFill: Hashable, Sendable {
    /// From this share on `status` warns.
    static let warnShare = 0.8

    package let name: String
    /// Entries in use at the generation in force; nil where the kernel evicts by itself or nothing is counted.
    package let used: Int?
    /// Entries at most.
    package let capacity: Int
    /// Memory of a full map, keys and values alone.
    let bytes: Int

    package init(name: String, used: Int?, capacity: Int, bytes: Int = 0) {
        self.name = name
        self.used = used
        self.capacity = capacity
        self.bytes = bytes
    }

    /// 0 to 1; 0 where nothing is counted.
    var share: Double { Double(used ?? 0) / Double(max(1, capacity)) }

    /// All maps, by name.
    static func read(_ datapath: any Datapath) throws(DatapathError) -> [MapFill] {
        let used = used(try datapath.image())
        return try datapath.inventory().maps.sorted { $0.name < $1.name }.map { map in
            MapFill(
                name: map.name, used: used[map.name], capacity: Int(map.capacity) * Self.holds(map.name),
                bytes: Int(map.capacity) * Int(map.keyBytes + map.valueBytes))
        }
    }

    /// How many of what is counted an entry holds.
    private static func holds(_ map: String) -> Int { map == "rules" ? Int(MARTLET_PAGE_RULES.rawValue) : 1 }

    /// What packets can find. What was given back does not count, though it stays written until its number is given out
    /// again.
    static func used(_ image: MapImage) -> [String: Int] {
        let endpoints = Set(image.endpointOfAddress.values)
        let networks = Set(image.numberOfNetwork.values)
        let classes = Set(endpoints.compactMap { image.endpoints[$0].map { $0.classID & 0xffff } })
        let lists = classes.compactMap { image.classLists[$0] }.flatMap { [$0.ingress, $0.egress] }
        let services = Set(image.serviceOfFrontend.values)
        let backends = Set(services.compactMap { image.services[$0]?.extent })
        let rules = Set(lists.map(\.extent)).reduce(0) { $0 + Int($1.count) }
        return [
            "endpoint_ids": image.endpointOfAddress.count, "endpoints": endpoints.count,
            "network_ids": image.numberOfNetwork.count, "networks": networks.count,
            "class_lists": classes.count, "class_rows": classes.count,
            "block_rows": Set(networks.map { (image.networkClasses[$0] ?? 0) & 0xffff }).count, "rules": rules,
            "frontends": image.serviceOfFrontend.count, "services": services.count,
            "backends": backends.reduce(0) { $0 + Int($1.count) }, "pod_netns": image.endpointOfNamespace.count,
        ]
    }
}
