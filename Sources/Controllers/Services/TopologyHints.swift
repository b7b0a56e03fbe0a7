/// Which clients an endpoint is for: those of a zone, or of a node. Two sources: the field `trafficDistribution`, and
/// the older annotation (`Auto`), which spreads endpoints by the zones' share of CPU and wins where it can.
struct TopologyHints {
    /// A zone may get this much less than its share before hints are given up.
    static let overloadShareMax = 0.2

    let service: SliceService
    let nodes: [String: SliceNode]

    func apply(to slices: inout [PlannedSlice]) {
        for index in slices.indices {
            for offset in slices[index].endpoints.indices {
                slices[index].endpoints[offset].hintedZones = []
                slices[index].endpoints[offset].hintedNodes = []
            }
        }
        let isAuto = service.topologyMode == "Auto" || service.topologyMode == "auto"
        if isAuto, applyShares(to: &slices) { return }
        for index in slices.indices {
            for offset in slices[index].endpoints.indices { distribute(&slices[index].endpoints[offset]) }
        }
    }

    /// `PreferSameNode` also names the zone, for clients whose node has no endpoint. Other values, `PreferSameZone`
    /// among them, are not acted on in this version of the API.
    private func distribute(_ endpoint: inout PlannedEndpoint) {
        guard endpoint.isReady, !endpoint.zone.isEmpty || !endpoint.nodeName.isEmpty else { return }
        switch service.trafficDistribution {
        case "PreferClose":
            endpoint.hintedZones = endpoint.zone.isEmpty ? [] : [endpoint.zone]
        case "PreferSameNode":
            endpoint.hintedZones = endpoint.zone.isEmpty ? [] : [endpoint.zone]
            endpoint.hintedNodes = endpoint.nodeName.isEmpty ? [] : [endpoint.nodeName]
        default: return
        }
    }

    /// Gives each zone endpoints in proportion to its CPU. False, and no hints, where that is not possible: too few
    /// endpoints, one zone only, a node without zone or CPU, or a zone that would get far too little.
    private func applyShares(to slices: inout [PlannedSlice]) -> Bool {
        let places = slices.indices.flatMap { slice in
            slices[slice].endpoints.indices.filter { slices[slice].endpoints[$0].isReady }.map { (slice, $0) }
        }
        guard let shares = zoneShares(), places.count >= shares.count else { return false }
        var wanted: [String: Int] = [:]
        var minimum = 0
        for (zone, share) in shares {
            let desired = share * Double(places.count)
            wanted[zone] = Int(desired.rounded(.down))
            minimum += max(Int((desired / (1 + Self.overloadShareMax)).rounded(.up)), 1)
        }
        guard minimum <= places.count else { return false }
        // What rounding left over goes to the zones with the largest remainder.
        let remainders = shares.sorted { left, right in
            let first = left.value * Double(places.count)
            let second = right.value * Double(places.count)
            return (first - first.rounded(.down), right.key) > (second - second.rounded(.down), left.key)
        }
        for (zone, _) in remainders.prefix(places.count - wanted.values.reduce(0, +)) { wanted[zone, default: 0] += 1 }

        var surplus: [(Int, Int)] = []
        for (slice, offset) in places {
            let zone = slices[slice].endpoints[offset].zone
            guard shares[zone] != nil else { return false }
            if wanted[zone, default: 0] > 0 {
                wanted[zone, default: 0] -= 1
                slices[slice].endpoints[offset].hintedZones = [zone]
            } else {
                surplus.append((slice, offset))
            }
        }
        let needy = wanted.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .flatMap { Array(repeating: $0.key, count: $0.value) }
        for ((slice, offset), zone) in zip(surplus, needy) { slices[slice].endpoints[offset].hintedZones = [zone] }
        return true
    }

    private func zoneShares() -> [String: Double]? {
        var cpu: [String: Int64] = [:]
        for node in nodes.values where node.isReady && !node.isControlPlane {
            guard !node.zone.isEmpty, node.cpuMillis > 0 else { return nil }
            cpu[node.zone, default: 0] += node.cpuMillis
        }
        let total = cpu.values.reduce(0, +)
        guard cpu.count > 1, total > 0 else { return nil }
        return cpu.mapValues { Double($0) / Double(total) }
    }
}
