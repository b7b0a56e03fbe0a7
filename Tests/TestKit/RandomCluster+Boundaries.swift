import KubeObjects
import NetTypes
package import PolicyCompiler

/// Flows at the borders of what the cluster's own policies say: the ends of a block and of its exceptions and what lies
/// next to them, the ends of a port range and the numbers around them, the numbers that pods give their named ports.
extension RandomCluster {
    /// Nil where there is no pod.
    package mutating func boundaryFlow() -> PolicyEvaluator.Flow? {
        guard let flow = flow() else { return nil }
        let transport = flip(85) ? flow.transport : pick(TransportProtocol.allCases).rawValue
        let edgePort = flip(75) ? port() : nil
        let edge = flip(45) ? edgeAddress() : nil
        let sourceIsPod = flow.source.pod != nil
        let (mine, other) = sourceIsPod ? (flow.source, flow.destination) : (flow.destination, flow.source)
        var far = other
        if let edge, edge.family == mine.address.family, edge != mine.address {
            far = .init(edge, pod: pods.values.first { $0.addresses.contains(edge) })
        }
        return .init(
            source: sourceIsPod ? mine : far, destination: sourceIsPod ? far : mine, transport: transport,
            port: edgePort ?? flow.port)
    }

    /// The blocks and ports of one rule of either kind.
    private mutating func anyRule() -> (blocks: [CIDR], ports: [PolicyPort])? {
        let rules: [(blocks: [CIDR], ports: [PolicyPort])]
        if flip(70), let key = policies.keys.sorted().randomElement(using: &random), let policy = policies[key] {
            rules = ((policy.ingress ?? []) + (policy.egress ?? [])).map { rule in
                (rule.peers.flatMap(Self.blocks), rule.ports)
            }
        } else if let key = clusterPolicies.keys.sorted().randomElement(using: &random),
            let policy = clusterPolicies[key]
        {
            rules = (policy.ingress + policy.egress).map { rule in
                (
                    rule.peers.compactMap { peer in
                        if case .network(let block) = peer { return block }
                        return nil
                    }, rule.ports
                )
            }
        } else {
            return nil
        }
        return rules.randomElement(using: &random)
    }

    private static func blocks(_ peer: PolicyPeer) -> [CIDR] {
        if case .block(let block) = peer { return [block.cidr] + block.except }
        return []
    }

    private mutating func port() -> UInt16? {
        guard let entry = anyRule()?.ports.randomElement(using: &random) else { return nil }
        switch entry.target {
        case .all: return nil
        case .range(let range):
            return pick([range.low &- 1, range.low, range.low &+ 1, range.high &- 1, range.high, range.high &+ 1])
        case .named(let name):
            let numbers = pods.values.flatMap(\.ports).filter { $0.name == name }.map(\.number).sorted()
            guard let number = numbers.randomElement(using: &random) else { return nil }
            return flip(70) ? number : number &+ 1
        }
    }

    private mutating func edgeAddress() -> IPAddress? {
        for _ in 0..<4 {
            guard let cidr = anyRule()?.blocks.randomElement(using: &random) else { continue }
            let before = cidr.address.low == 0 ? nil : IPAddress(high: cidr.address.high, low: cidr.address.low - 1)
            return pick([before, cidr.address, cidr.last, cidr.last.advanced(by: 1)].compactMap { $0 })
        }
        return nil
    }
}
