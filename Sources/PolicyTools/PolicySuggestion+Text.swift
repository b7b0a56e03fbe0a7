package import JSONText
import KubeObjects
import NetTypes

/// A suggestion as YAML with its reasons as comments, and as JSON.
extension PolicySuggestion {
    package var yaml: String {
        var text = policies.map(Self.yaml).joined(separator: "---\n")
        for word in spared { text += "# \(word): those above close it and let through what was seen\n" }
        for note in notes { text += "# not covered: \(note)\n" }
        return text
    }

    private static func yaml(_ policy: Policy) -> String {
        let direction = policy.direction.rawValue
        var text = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata:
              name: \(policy.name)
              namespace: \(policy.workload.namespace)
            spec:
              podSelector:
                matchLabels: \(flow(policy.labels))
              policyTypes: [\(direction == "ingress" ? "Ingress" : "Egress")]
              \(direction):

            """
        for rule in policy.rules {
            for flow in rule.proof {
                text += "    # seen: \(flow.source) -> \(flow.destination) \(flow.portText)"
                text += flow.family == .v6 ? " over IPv6" : ""
                text += ", \(flow.count.counted("flow")), last \(flow.last)\n"
            }
            for word in rule.also { text += "    # also lets through: \(word)\n" }
            text += "    - \(policy.direction == .ingress ? "from" : "to"):\n"
            for peer in rule.peers { text += yaml(peer) }
            text += "      ports:\n"
            for port in rule.ports {
                guard case .range(let range) = port.target else { continue }
                text += "        - {protocol: \(port.transport.kubernetesName), port: \(range.low)}\n"
            }
        }
        return text
    }

    private static func yaml(_ peer: PolicyPeer) -> String {
        switch peer {
        case .block(let block): return "        - ipBlock: {cidr: \"\(block.cidr)\"}\n"
        case .pods(let namespaces, let pods):
            var text = "        - "
            if let namespaces { text += "namespaceSelector: {matchLabels: \(flow(labels(namespaces)))}\n          " }
            return text + "podSelector: {matchLabels: \(flow(labels(pods)))}\n"
        }
    }

    /// Of selectors that were made from labels.
    private static func labels(_ selector: LabelSelector) -> [String: String] {
        Dictionary(selector.requirements.compactMap { need in need.values.first.map { (need.key, $0) } }) { $1 }
    }

    /// JSON is YAML.
    private static func flow(_ labels: [String: String]) -> String {
        JSONValue.object(labels.mapValues { .string($0) }).compactText
    }

    package var json: JSONValue {
        [
            "policies": .array(policies.map(Self.json)), "notes": .array(notes.map { .string($0) }),
            "spared": .array(spared.map { .string($0) }),
        ]
    }

    private static func json(_ policy: Policy) -> JSONValue {
        [
            "namespace": .string(policy.workload.namespace), "name": .string(policy.name),
            "workload": .string("\(policy.workload)"), "direction": .string(policy.direction.rawValue),
            "podSelector": .object(policy.labels.mapValues { .string($0) }),
            "rules": .array(
                policy.rules.map { rule in
                    [
                        "peers": .array(rule.peers.map { .string(PolicyLint.describe($0)) }),
                        "ports": .array(rule.ports.map(text)), "proof": .array(rule.proof.map(\.json)),
                        "also": .array(rule.also.map { .string($0) }),
                    ]
                }),
        ]
    }

    private static func text(_ port: PolicyPort) -> JSONValue {
        guard case .range(let range) = port.target else { return .string(port.transport.kubernetesName) }
        return .string("\(port.transport.kubernetesName) \(range.low)")
    }
}
