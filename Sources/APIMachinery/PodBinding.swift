package import JSONText

/// `pods/binding`: a Pod gets its node, once.
package enum PodBinding {
    /// The Pod on the node that a Binding names.
    package static func bound(_ pod: JSONValue, _ binding: JSONValue, now: Timestamp) throws(APIStatus) -> JSONValue {
        let name = pod.name
        let kind = binding["target"]?.text("kind") ?? ""
        let node = binding["target"]?.text("name") ?? ""
        if !kind.isEmpty, kind != "Node" {
            throw .invalid(
                group: "", kind: "Binding", name: name,
                [.notSupported("target.kind", kind, ["Node", "<empty>"])])
        }
        guard !node.isEmpty else {
            throw .invalid(group: "", kind: "Binding", name: name, [.required("target.name")])
        }
        func refusal(_ why: String) -> APIStatus { .conflict(group: "", resource: "pods/binding", name: name, why) }
        if !binding.uid.isEmpty, binding.uid != pod.uid {
            throw refusal("Precondition failed: UID in precondition: \(binding.uid), UID in object meta: \(pod.uid)")
        }
        if pod["metadata"]?["deletionTimestamp"] != nil {
            throw refusal("pod \(name) is being deleted, cannot be assigned to a host")
        }
        if let taken = pod["spec"]?["nodeName"]?.string, !taken.isEmpty {
            throw refusal("pod \(name) is already assigned to node \"\(taken)\"")
        }
        if pod["spec"]?["schedulingGates"]?.elements.isEmpty == false {
            throw refusal("pod \(name) has non-empty .spec.schedulingGates")
        }
        return assigned(pod, to: node, binding, now)
    }

    private static func assigned(_ pod: JSONValue, to node: String, _ binding: JSONValue, _ now: Timestamp) -> JSONValue
    {
        var pod = pod
        pod["spec"]?["nodeName"] = .string(node)
        for field in ["annotations", "labels"] {
            for (key, value) in binding["metadata"]?[field]?.members ?? [:] {
                if pod["metadata"]?[field] == nil { pod["metadata"]?[field] = .object([:]) }
                pod["metadata"]?[field]?[key] = value
            }
        }
        var conditions = pod["status"]?["conditions"]?.elements ?? []
        conditions.removeAll { $0.text("type") == "PodScheduled" }
        conditions.append([
            "type": "PodScheduled", "status": "True", "lastProbeTime": .null,
            "lastTransitionTime": .string(now.text),
        ])
        pod["status"]?["conditions"] = .array(conditions)
        return pod
    }
}
