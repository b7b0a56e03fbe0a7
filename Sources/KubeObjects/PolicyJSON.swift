package import JSONText
import NetTypes

/// Policies as the API has them: what is written here is read back as the same policy. Of the metadata stands what
/// policies are read for (name, uid, version, labels and the annotations that are kept), and no status.
extension NetworkPolicy {
    package var json: JSONValue {
        var spec: [String: JSONValue] = ["podSelector": podSelector.json]
        var types: [JSONValue] = []
        for (type, field, peers, rules) in [
            ("Ingress", "ingress", "from", ingress), ("Egress", "egress", "to", egress),
        ] {
            guard let rules else { continue }
            types.append(.string(type))
            spec[field] = .array(rules.map { $0.json(peers: peers) })
        }
        spec["policyTypes"] = .array(types)
        return [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": .object(metadata.json(onChange)), "spec": .object(spec),
        ]
    }
}

extension ClusterNetworkPolicy {
    package var json: JSONValue {
        var metadata = metadata.json(onChange)
        metadata["generation"] = .integer(generation)
        return [
            "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
            "metadata": .object(metadata),
            "spec": [
                "tier": .string(tier.rawValue), "priority": .integer(Int64(priority)),
                "subject": ClusterPolicyPeer.pods(namespaces: namespaces, pods: pods).json,
                "ingress": .array(ingress.map { $0.json(peers: "from") }),
                "egress": .array(egress.map { $0.json(peers: "to") }),
            ],
        ]
    }
}

extension ObjectMeta {
    fileprivate func json(_ onChange: ChangeMode) -> [String: JSONValue] {
        var annotations = annotations
        if onChange != .recheck { annotations[ChangeMode.annotation] = onChange.rawValue }
        var members: [String: JSONValue] = [
            "name": .string(name), "uid": .string(uid), "resourceVersion": .string(resourceVersion),
        ]
        if !namespace.isEmpty { members["namespace"] = .string(namespace) }
        if !labels.isEmpty { members["labels"] = .object(labels.mapValues { .string($0) }) }
        if !annotations.isEmpty { members["annotations"] = .object(annotations.mapValues { .string($0) }) }
        return members
    }
}

extension LabelSelector {
    fileprivate var json: JSONValue {
        var labels: [String: JSONValue] = [:]
        var expressions: [JSONValue] = []
        for requirement in requirements {
            let (key, operation, values) = (requirement.key, requirement.operation, requirement.values)
            if operation == .isIn, values.count == 1, labels[key] == nil {
                labels[key] = .string(values[0])
                continue
            }
            var members: [String: JSONValue] = ["key": .string(key), "operator": .string(operation.rawValue)]
            if !values.isEmpty { members["values"] = .array(values.map { .string($0) }) }
            expressions.append(.object(members))
        }
        var members: [String: JSONValue] = [:]
        if !labels.isEmpty { members["matchLabels"] = .object(labels) }
        if !expressions.isEmpty { members["matchExpressions"] = .array(expressions) }
        return .object(members)
    }
}

extension PolicyRule {
    fileprivate func json(peers field: String) -> JSONValue {
        [field: .array(peers.map(\.json)), "ports": .array(ports.map(\.json))]
    }
}

extension PolicyPeer {
    fileprivate var json: JSONValue {
        switch self {
        case .pods(nil, let pods): return ["podSelector": pods.json]
        case .pods(let namespaces?, let pods):
            return ["namespaceSelector": namespaces.json, "podSelector": pods.json]
        case .block(let block):
            return [
                "ipBlock": [
                    "cidr": .string(block.cidr.description), "except": .array(block.except.map { .string("\($0)") }),
                ]
            ]
        }
    }
}

extension PolicyPort {
    /// As an entry of `ports` of a NetworkPolicy.
    fileprivate var json: JSONValue {
        let name = JSONValue.string(transport.kubernetesName)
        switch target {
        case .all: return ["protocol": name]
        case .named(let port): return ["protocol": name, "port": .string(port)]
        case .range(let ports):
            return ["protocol": name, "port": .integer(Int64(ports.low)), "endPort": .integer(Int64(ports.high))]
        }
    }

    /// As an entry of `protocols` of a ClusterNetworkPolicy; nil where an entry before it stands for it: a name is read
    /// as one port for each transport.
    fileprivate var protocolEntry: JSONValue? {
        switch target {
        case .all: return nil
        case .named(let port):
            return transport == TransportProtocol.allCases.first ? ["destinationNamedPort": .string(port)] : nil
        case .range(let ports):
            let (low, high) = (JSONValue.integer(Int64(ports.low)), JSONValue.integer(Int64(ports.high)))
            let port: JSONValue = low == high ? ["number": low] : ["range": ["start": low, "end": high]]
            return [transport.kubernetesName.lowercased(): ["destinationPort": port]]
        }
    }
}

extension ClusterPolicyRule {
    fileprivate func json(peers field: String) -> JSONValue {
        var members: [String: JSONValue] = ["action": .string(action.rawValue), field: .array(peerEntries)]
        if !name.isEmpty { members["name"] = .string(name) }
        if !ports.isEmpty { members["protocols"] = .array(ports.compactMap(\.protocolEntry)) }
        return .object(members)
    }

    /// Networks that stand together are one entry, as far as one holds them: there may be no more than there were.
    private var peerEntries: [JSONValue] {
        var entries: [JSONValue] = []
        var networks: [JSONValue] = []
        func close() {
            if !networks.isEmpty { entries.append(["networks": .array(networks)]) }
            networks = []
        }
        for peer in peers {
            if case .network(let cidr) = peer {
                networks.append(.string(cidr.description))
                if networks.count == ClusterNetworkPolicy.networksMax { close() }
            } else {
                close()
                entries.append(peer.json)
            }
        }
        close()
        return entries
    }
}

extension ClusterPolicyPeer {
    fileprivate var json: JSONValue {
        switch self {
        case .pods(let namespaces, let pods):
            ["pods": ["namespaceSelector": namespaces.json, "podSelector": pods.json]]
        case .nodes(let selector): ["nodes": selector.json]
        case .network(let cidr): ["networks": [.string(cidr.description)]]
        }
    }
}
