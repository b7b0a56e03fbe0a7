package import MapLayout
package import NetTypes

/// The policy maps as values, filled from deltas, and the lookup that the kernel does over them, step by step the same
/// (`bpf/lib/policy.h`). It serves conformance and property tests, `fsck` and the dump of the maps; it holds one
/// generation, the newest.
package struct PolicyMaps: Sendable, Equatable {
    /// Endpoint number → class id.
    package var endpoints: [UInt32: UInt32] = [:]
    package var networks: [CIDR: UInt32] = [:]
    /// Network number → CIDR class id.
    package var networkClasses: [UInt32: UInt32] = [:]
    package var classLists: [UInt32: ClassLists] = [:]
    package var classRows: [UInt32: [UInt64]] = [:]
    package var blockRows: [UInt32: [UInt64]] = [:]
    package var rules: [UInt32: RuleEntry] = [:]
    package var blocksCoverPods = false
    /// Where pods of the cluster get their addresses: configuration of the kernel programs, in no map.
    package var clusterPods: [CIDR] = []

    package init() {}

    package mutating func apply(_ delta: PolicyDelta) {
        for (offset, run) in delta.rules {
            for (index, rule) in run.enumerated() { rules[offset + UInt32(index)] = rule }
        }
        classRows.merge(delta.classRows) { $1 }
        blockRows.merge(delta.blockRows) { $1 }
        classLists.merge(delta.bornClasses) { $1 }
        endpoints.merge(delta.bornEndpoints) { $1 }
        for birth in delta.bornNetworks {
            networkClasses[birth.number] = networkClasses[birth.parent] ?? 0
            networks[birth.cidr] = birth.number
        }
        endpoints.merge(delta.endpointClasses) { $1 }
        networkClasses.merge(delta.networkClasses) { $1 }
        classLists.merge(delta.classLists) { $1 }
        if let covers = delta.blocksCoverPods { blocksCoverPods = covers }
        for cidr in delta.networksGone {
            if let number = networks.removeValue(forKey: cidr) { networkClasses[number] = nil }
        }
    }

    /// One end of a packet: the endpoint number of its address (nil where it is no pod's) and the address.
    package struct End: Hashable, Sendable {
        package let endpoint: UInt32?
        package let address: IPAddress

        package init(endpoint: UInt32?, address: IPAddress) {
            self.endpoint = endpoint
            self.address = address
        }
    }

    package struct Verdict: Hashable, Sendable {
        package let isAllowed: Bool
        /// 0 where no policy decided.
        package let ruleID: UInt32

        package init(isAllowed: Bool, ruleID: UInt32) {
            self.isAllowed = isAllowed
            self.ruleID = ruleID
        }
    }

    /// What the list of one direction says. `subject` is the pod whose list is asked.
    package func judge(
        _ direction: RuleInfo.Direction, subject: End, peer: End, transport: UInt8, port: UInt16
    ) -> Verdict {
        guard let endpoint = subject.endpoint, let classID = endpoints[endpoint] else {
            return Verdict(isAllowed: true, ruleID: 0)
        }
        let lists = classLists[classID & 0xffff] ?? .open
        let list = direction == .ingress ? lists.ingress : lists.egress
        if list.flags.contains(.closed) { return Verdict(isAllowed: false, ruleID: 0) }
        if peer.endpoint == nil, list.flags.contains(.podDeny),
            clusterPods.contains(where: { $0.contains(peer.address) })
        {
            return Verdict(isAllowed: false, ruleID: 0)
        }
        let classRow = peer.endpoint.flatMap { endpoints[$0] }.flatMap { classRows[$0 & 0xffff] } ?? []
        let blockRow = blockRows[cidrClass(of: peer) & 0xffff] ?? []
        var skipped: RuleTier?
        var passedIsolation = false
        for index in list.extent.offset..<list.extent.end {
            guard let rule = rules[index] else { continue }
            if skipped == rule.tier { continue }
            if rule.tier > .networkPolicy && !passedIsolation {
                if list.flags.contains(.isolated) { break }
                passedIsolation = true
            }
            guard matches(rule, transport, port, classRow, blockRow) else { continue }
            switch rule.action {
            case .allow: return Verdict(isAllowed: true, ruleID: rule.ruleID)
            case .deny: return Verdict(isAllowed: false, ruleID: rule.ruleID)
            case .pass: skipped = rule.tier
            }
        }
        if list.flags.contains(.isolated) { return Verdict(isAllowed: false, ruleID: list.isolationRuleID) }
        return Verdict(isAllowed: true, ruleID: 0)
    }

    private func matches(
        _ rule: RuleEntry, _ transport: UInt8, _ port: UInt16, _ classRow: [UInt64], _ blockRow: [UInt64]
    ) -> Bool {
        if rule.transport != 0 && (rule.transport != transport || !rule.ports.contains(port)) { return false }
        switch rule.peer {
        case .any: return true
        case .selector(let bit): return Self.bit(bit, of: classRow)
        case .block(let bit): return Self.bit(bit, of: blockRow)
        }
    }

    private static func bit(_ bit: UInt32, of row: [UInt64]) -> Bool {
        let word = Int(bit / 64)
        return row.indices.contains(word) && row[word] >> UInt64(bit % 64) & 1 == 1
    }

    /// The CIDR class of an address; a pod's address is looked up only where some block lies over the pods.
    private func cidrClass(of end: End) -> UInt32 {
        if end.endpoint != nil && !blocksCoverPods { return 0 }
        var length = 128
        while length >= 0 {
            let address = end.address.masked(to: length)
            if let block = CIDR(address, prefixLength: address.isV4 ? length - 96 : length),
                let number = networks[block]
            {
                return networkClasses[number] ?? 0
            }
            length -= 1
        }
        return 0
    }
}
