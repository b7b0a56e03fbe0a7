package import JSONText

/// Endpoints: the server writes them, clients only read them.
package enum EndpointsRules: KindRules {
    /// So many addresses are shown in a table; the rest is counted.
    private static let shownMax = 3

    package static var table: TableColumns { TableColumns(["Name", "Endpoints", "Age"]) }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let all = (object["subsets"]?.elements ?? []).flatMap(addresses)
        var text = all.prefix(shownMax).joined(separator: ",")
        if all.count > shownMax { text += " + \(all.count - shownMax) more..." }
        return [.string(object.name), TableText.orNone(text), .string(TableText.age(object, now))]
    }

    /// Each ready address with each port; the bare address where the Service has no ports.
    private static func addresses(_ subset: JSONValue) -> [String] {
        let hosts = (subset["addresses"]?.elements ?? []).map { $0.text("ip") }
        let ports = (subset["ports"]?.elements ?? []).compactMap { $0["port"]?.integer }
        if ports.isEmpty { return hosts }
        return ports.flatMap { port in
            hosts.map { host in host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
        }
    }
}
