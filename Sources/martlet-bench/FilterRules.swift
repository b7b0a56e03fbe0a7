import JSONText

/// The egress of a NetworkPolicy as nftables rules: its pods and peers are found by their labels, as the policy's own
/// compiler finds them, and become named sets of addresses.
struct FilterRules {
    private struct Rule {
        let peers: [String]
        let transport: String
        let port: Int64
    }

    private let subjects: [String]
    private let rules: [Rule]

    /// - Parameter addresses: of all pods, by their label `app`.
    init(_ policy: JSONValue, addresses: [String: [String]]) {
        func found(_ selector: JSONValue?) -> [String] {
            guard let app = selector?[path: "matchLabels", "app"]?.string else {
                return addresses.values.flatMap(\.self)
            }
            return addresses[app] ?? []
        }
        subjects = found(policy[path: "spec", "podSelector"])
        rules = (policy[path: "spec", "egress"]?.array ?? []).flatMap { entry in
            let peers = (entry["to"]?.array ?? []).flatMap { found($0["podSelector"]) }
            return (entry["ports"]?.array ?? []).map { port in
                Rule(
                    peers: peers, transport: (port["protocol"]?.string ?? "TCP").lowercased(),
                    port: port["port"]?.integer ?? 0)
            }
        }
    }

    /// A chain of a router's table: what is open passes; a first packet goes from rule to rule, or is looked up in a
    /// set.
    func chain(asSet: Bool) -> String {
        var sets: [[String]: String] = [:]
        func set(_ addresses: [String]) -> String {
            let name = sets[addresses] ?? "s\(sets.count)"
            sets[addresses] = name
            return "@\(name)"
        }
        let transports = Set(rules.map(\.transport)).sorted()
        let lines =
            asSet
            ? transports.map { "ip saddr . ip daddr . \($0) dport @allowed_\($0) accept" }
            : rules.map {
                "ip saddr \(set(subjects)) ip daddr \(set($0.peers)) \($0.transport) dport \($0.port) accept"
            }
        let named = sets.sorted { $0.value < $1.value }.map { addresses, name in
            "set \(name) { type ipv4_addr; elements = { \(addresses.joined(separator: ", ")) } }"
        }
        return (named + (asSet ? transports.map(allowed) : [])).joined(separator: "\n") + """

            chain passing {
              type filter hook forward priority filter; policy drop;
              ct state established,related accept
              \(lines.joined(separator: "\n  "))
            }
            """
    }

    private func allowed(_ transport: String) -> String {
        let elements = rules.filter { $0.transport == transport }.flatMap { rule in
            subjects.flatMap { subject in rule.peers.map { "\(subject) . \($0) . \(rule.port)" } }
        }
        return """
            set allowed_\(transport) {
              type ipv4_addr . ipv4_addr . inet_service
              elements = { \(elements.joined(separator: ", ")) }
            }
            """
    }
}
