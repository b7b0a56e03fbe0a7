import BPFRuntime
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
                name: map.name, used: used[map.name], capacity: Int(map.capacity),
                bytes: Int(map.capacity) * Int(map.keyBytes + map.valueBytes))
        }
    }

    private static func used(_ image: MapImage) -> [String: Int] {
        [
            "endpoint_ids": image.endpointOfAddress.count, "endpoints": image.endpoints.count,
            "network_ids": image.numberOfNetwork.count, "networks": image.networkClasses.count,
            "class_lists": image.classLists.count, "class_rows": image.classRows.count,
            "block_rows": image.blockRows.count, "rules": image.rules.count,
            "frontends": image.serviceOfFrontend.count, "services": image.services.count,
            "backends": image.backends.count, "pod_netns": image.endpointOfNamespace.count,
        ]
    }
}
