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

    /// Rows sorted by key.
    /// - Throws: `.missing` for a name that is not in `maps`.
    package func rows(_ map: String) throws(DatapathError) -> [MapDumpRow] {
        switch map {
        case "control": return [MapDumpRow("0", text.control(try datapath.read(MapCatalog.control, at: 0)))]
        case "flows": return try keyed(MapCatalog.flows, text.flowKey, text.flow)
        case "half_flows": return try keyed(MapCatalog.halfFlows, text.flowKey, text.flow)
        case "translations": return try keyed(MapCatalog.translations, text.tuple, text.translation)
        case "masquerades": return try keyed(MapCatalog.masquerades, text.masqueradeKey, text.masquerade)
        case "fragments": return try keyed(MapCatalog.fragments, text.fragmentKey, text.fragment)
        case "socket_frontends": return try keyed(MapCatalog.socketFrontends, text.socketKey, text.socketFrontend)
        case "counters": return try counters()
        default: break
        }
        guard Self.maps.contains(map) else {
            throw DatapathError(.missing, "no map \(map); one of: \(Self.maps.joined(separator: ", "))")
        }
        return try rows(map, of: datapath.image())
    }

    /// Rows of the maps that an image holds.
    private func rows(_ map: String, of image: MapImage) throws(DatapathError) -> [MapDumpRow] {
        switch map {
        case "endpoint_ids":
            return image.endpointOfAddress.sorted { $0.key < $1.key }.map {
                MapDumpRow("\($0.key)", text.endpoint($0.value))
            }
        case "endpoints":
            var rows: [MapDumpRow] = []
            for number in image.endpoints.keys.sorted() {
                let endpoint = try datapath.read(MapCatalog.endpoints, at: Int(number))
                rows.append(MapDumpRow(text.endpoint(number), text.endpoint(endpoint)))
            }
            return rows
        case "pod_netns":
            return image.endpointOfNamespace.sorted { $0.key < $1.key }.map {
                MapDumpRow("\($0.key)", text.endpoint($0.value))
            }
        case "network_ids":
            return image.numberOfNetwork.sorted { $0.key < $1.key }.map { MapDumpRow("\($0.key)", "\($0.value)") }
        case "networks":
            var rows: [MapDumpRow] = []
            for number in image.networkClasses.keys.sorted() {
                rows.append(
                    MapDumpRow("\(number)", text.network(try datapath.read(MapCatalog.networks, at: Int(number)))))
            }
            return rows
        case "class_lists": return numbered(image.classLists, text.lists)
        case "class_rows": return numbered(image.classRows) { "selectors \(Self.bits($0, text.selector))" }
        case "block_rows": return numbered(image.blockRows) { "blocks \(Self.bits($0, text.block))" }
        case "rules": return numbered(image.rules, text.rule)
        case "frontends":
            return image.serviceOfFrontend.sorted { $0.key < $1.key }.map {
                MapDumpRow(MapText.frontend($0.key), text.service($0.value))
            }
        case "services": return numbered(image.services) { text.extent($0.extent) }
        default: return numbered(image.backends) { MapText.socket($0.address, $0.port) }
        }
    }

    private func keyed<Key, Value>(
        _ map: KeyedMap<Key, Value>, _ key: (Key) -> String, _ value: (Value) -> String
    ) throws(DatapathError) -> [MapDumpRow] {
        try datapath.entries(map).map { MapDumpRow(key($0.key), value($0.value)) }.sorted { $0.key < $1.key }
    }

    private func numbered<Value>(_ values: [UInt32: Value], _ describe: (Value) -> String) -> [MapDumpRow] {
        values.sorted { $0.key < $1.key }.map { MapDumpRow("\($0.key)", describe($0.value)) }
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
