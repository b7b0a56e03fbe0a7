import KubeObjects
import MapLayout
import NetTypes

/// The policy maps with names in the place of numbers. Two states that differ only in the numbers chosen give the same
/// text, so it is what replays compare.
package struct PolicyDump: Sendable {
    private let compiler: PolicyCompiler
    private let maps: PolicyMaps
    private let selectors: [UInt32: String]
    private let blocks: [UInt32: String]

    package init(_ compiler: PolicyCompiler, _ maps: PolicyMaps) {
        self.compiler = compiler
        self.maps = maps
        (selectors, blocks) = compiler.bitNames
    }

    package var lines: [String] { classLines + networkLines }

    package var text: String { lines.joined(separator: "\n") }

    private var classLines: [String] {
        var members: [UInt32: [ObjectKey]] = [:]
        for (endpoint, id) in maps.endpoints {
            if let pod = compiler.pods[endpoint] { members[id, default: []].append(pod.key) }
        }
        let ordered = members.map { (id: $0, pods: $1.sorted()) }.sorted { $0.pods[0] < $1.pods[0] }
        return ordered.flatMap { entry -> [String] in
            let index = entry.id & 0xffff
            let lists = maps.classLists[index] ?? .open
            return ["class of \(entry.pods.map(\.description).joined(separator: " "))"]
                + rowLines(maps.classRows[index], selectors).map { "  is \($0)" }
                + listLines("ingress", lists.ingress) + listLines("egress", lists.egress)
        }
    }

    private func rowLines(_ row: [UInt64]?, _ names: [UInt32: String]) -> [String] {
        var found: [String] = []
        for (word, bits) in (row ?? []).enumerated() where bits != 0 {
            for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 {
                if let name = names[UInt32(word * 64 + bit)] { found.append(name) }
            }
        }
        return found.sorted()
    }

    private func listLines(_ direction: String, _ list: ListEntry) -> [String] {
        if list.flags.contains(.closed) { return ["  \(direction): closed"] }
        var found = (list.extent.offset..<list.extent.end).compactMap { maps.rules[$0] }.map { rule in
            "  \(direction): \(tier(rule.tier))\(rule.action) \(peer(rule.peer)) \(ports(rule)) by \(name(rule.ruleID))"
        }
        if list.flags.contains(.podDeny) { found.insert("  \(direction): deny unknown pods", at: 0) }
        if list.flags.contains(.isolated) {
            found.append("  \(direction): deny the rest by \(name(list.isolationRuleID))")
        }
        return found
    }

    private func peer(_ peer: RuleEntry.Peer) -> String {
        switch peer {
        case .any: "any"
        case .selector(let bit): "[\(selectors[bit] ?? "selector \(bit)?")]"
        case .block(let bit): "[\(blocks[bit] ?? "block \(bit)?")]"
        }
    }

    private func tier(_ tier: RuleTier) -> String {
        switch tier {
        case .admin: "admin "
        case .networkPolicy: ""
        case .baseline: "baseline "
        }
    }

    private func ports(_ rule: RuleEntry) -> String {
        if rule.transport == 0 { return "all" }
        let name = TransportProtocol(rawValue: rule.transport)?.kubernetesName ?? "\(rule.transport)"
        return rule.ports.low == rule.ports.high
            ? "\(name)/\(rule.ports.low)" : "\(name)/\(rule.ports.low)-\(rule.ports.high)"
    }

    private func name(_ id: UInt32) -> String {
        guard let info = compiler.rule(id) else { return "rule \(id)?" }
        return "\(info.policy) \(info.direction) \(info.index.map { "rule \($0)" } ?? "isolation")"
    }

    private var networkLines: [String] {
        let networks = maps.networks.sorted { $0.key < $1.key }.map { cidr, number in
            let row = maps.blockRows[(maps.networkClasses[number] ?? 0) & 0xffff]
            return "network \(cidr) in [\(rowLines(row, blocks).joined(separator: " | "))]"
        }
        return networks + [maps.blocksCoverPods ? "blocks cover pods" : "no block covers pods"]
    }
}

extension PolicyCompiler {
    /// What the bits of class rows and block rows stand for, of those in use.
    package var bitNames: (selectors: [UInt32: String], blocks: [UInt32: String]) {
        var selectors: [UInt32: String] = [:]
        for entry in conditions.entries.values {
            if let bit = entry.bit { selectors[bit] = entry.condition.text }
        }
        return (selectors, blocks.blocks.mapValues(\.condition.text))
    }
}
