import CMartletABI
package import MapLayout
import NetTypes

/// One line of a dump.
package struct MapDumpRow: Hashable, Sendable {
    package let key: String
    package let value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// Reads one map as text. Flat arrays show only what is in use.
package struct MapDump {
    /// Maps that can be dumped, in the order of the data path.
    package static let maps = [
        "control", "endpoint_ids", "endpoints", "pod_netns", "network_ids", "networks", "class_lists", "class_rows",
        "block_rows", "rules", "frontends", "services", "backends", "flows", "half_flows", "translations",
        "masquerades", "fragments", "socket_frontends", "counters",
    ]

    private let datapath: any Datapath
    private let text: MapText

    package init(_ datapath: any Datapath, names: any MapNames = NoMapNames()) {
        self.datapath = datapath
        text = MapText(names: names)
    }

    /// What of a map is shown.
    package struct Content: Hashable, Sendable {
        package let rows: [MapDumpRow]
        /// Of the map, shown or not.
        package let total: Int
    }

    /// The first `limit` rows: by number, address or frontend where those are the keys, by the key's text in the other
    /// maps. All keys are read and sorted for that; no more rows than are shown are put into words.
    /// - Throws: `.missing` for a name that is not in `maps`.
    package func content(_ map: String, limit: Int = .max) throws(DatapathError) -> Content {
        switch map {
        case "control":
            return first(limit, of: [try datapath.read(MapCatalog.control, at: 0)]) {
                MapDumpRow("0", text.control($0))
            }
        case "flows": return try keyed(MapCatalog.flows, limit, text.flowKey, text.flow)
        case "half_flows": return try keyed(MapCatalog.halfFlows, limit, text.flowKey, text.flow)
        case "translations": return try keyed(MapCatalog.translations, limit, text.tuple, text.translation)
        case "masquerades": return try keyed(MapCatalog.masquerades, limit, text.masqueradeKey, text.masquerade)
        case "fragments": return try keyed(MapCatalog.fragments, limit, text.fragmentKey, text.fragment)
        case "socket_frontends":
            return try keyed(MapCatalog.socketFrontends, limit, text.socketKey, text.socketFrontend)
        case "counters": return first(limit, of: try counters()) { $0 }
        default: break
        }
        guard Self.maps.contains(map) else {
            throw DatapathError(.missing, "no map \(map); one of: \(Self.maps.joined(separator: ", "))")
        }
        return try content(map, limit, of: datapath.image())
    }

    /// Of the maps that an image holds.
    private func content(_ map: String, _ limit: Int, of image: MapImage) throws(DatapathError) -> Content {
        switch map {
        case "endpoint_ids": return sorted(image.endpointOfAddress, limit) { MapDumpRow("\($0)", text.endpoint($1)) }
        case "endpoints":
            return try first(limit, of: image.endpoints.keys.sorted()) { number throws(DatapathError) in
                let endpoint = try datapath.read(MapCatalog.endpoints, at: Int(number))
                return MapDumpRow(text.endpoint(number), text.endpoint(endpoint))
            }
        case "pod_netns": return sorted(image.endpointOfNamespace, limit) { MapDumpRow("\($0)", text.endpoint($1)) }
        case "network_ids": return sorted(image.numberOfNetwork, limit) { MapDumpRow("\($0)", "\($1)") }
        case "networks":
            return try first(limit, of: image.networkClasses.keys.sorted()) { number throws(DatapathError) in
                MapDumpRow("\(number)", text.network(try datapath.read(MapCatalog.networks, at: Int(number))))
            }
        case "class_lists": return sorted(image.classLists, limit) { MapDumpRow("\($0)", text.lists($1)) }
        case "class_rows":
            return sorted(image.classRows, limit) { MapDumpRow("\($0)", "selectors \(Self.bits($1, text.selector))") }
        case "block_rows":
            return sorted(image.blockRows, limit) { MapDumpRow("\($0)", "blocks \(Self.bits($1, text.block))") }
        case "rules": return sorted(image.rules, limit) { MapDumpRow("\($0)", text.rule($1)) }
        case "frontends":
            return sorted(image.serviceOfFrontend, limit) { MapDumpRow(MapText.frontend($0), text.service($1)) }
        case "services": return sorted(image.services, limit) { MapDumpRow("\($0)", text.extent($1.extent)) }
        default: return sorted(image.backends, limit) { MapDumpRow("\($0)", MapText.socket($1.address, $1.port)) }
        }
    }

    /// - Parameter items: in order.
    private func first<Item, Failure: Error>(
        _ limit: Int, of items: [Item], _ row: (Item) throws(Failure) -> MapDumpRow
    ) throws(Failure) -> Content {
        var rows: [MapDumpRow] = []
        for item in items.prefix(limit) { rows.append(try row(item)) }
        return Content(rows: rows, total: items.count)
    }

    private func sorted<Key: Comparable, Value>(
        _ values: [Key: Value], _ limit: Int, _ row: (Key, Value) -> MapDumpRow
    ) -> Content {
        first(limit, of: values.sorted { $0.key < $1.key }) { row($0.key, $0.value) }
    }

    private func keyed<Key, Value>(
        _ map: KeyedMap<Key, Value>, _ limit: Int, _ key: (Key) -> String, _ value: (Value) -> String
    ) throws(DatapathError) -> Content {
        let entries = try datapath.entries(map)
        let keys = entries.indices.map { (text: key(entries[$0].key), place: $0) }.sorted { $0.text < $1.text }
        return first(limit, of: keys) { MapDumpRow($0.text, value(entries[$0.place].value)) }
    }

    /// Of one row, those that are named.
    private static let bitsMax = 32

    private static func bits(_ words: [UInt64], _ describe: (UInt32) -> String) -> String {
        var bits: [String] = []
        for (index, word) in words.enumerated() {
            for bit in 0..<64 where word >> UInt64(bit) & 1 == 1 { bits.append(describe(UInt32(index * 64 + bit))) }
        }
        if bits.isEmpty { return "none" }
        let more = bits.count - bitsMax
        return bits.prefix(bitsMax).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    private func counters() throws(DatapathError) -> [MapDumpRow] {
        let values = try datapath.counters()
        func value(_ index: Int) -> String { values.indices.contains(index) ? "\(values[index])" : "0" }
        return Counter.allCases.map { MapDumpRow($0.name, value($0.rawValue)) }
            + DropReason.allCases.filter { $0 != .none }.map {
                MapDumpRow("drops_\($0.name)", value(Counter.drops($0)))
            }
    }
}
