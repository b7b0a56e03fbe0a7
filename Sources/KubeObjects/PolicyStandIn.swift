package import JSONText
import NetTypes

/// What takes the place of a policy that cannot be read, and of which no good version is known: nothing opens for want
/// of it. A stand-in has no resourceVersion.
extension NetworkPolicy {
    /// Isolates the pods that the object selects in the directions that it names; where the selector cannot be read
    /// every pod of its namespace, where the directions cannot be told both. Nil where not even its name is there.
    package init?(closing object: JSONValue) {
        let reader = FieldReader(object)
        guard let metadata = try? ObjectMeta(object: reader), !metadata.name.isEmpty else { return nil }
        let spec = reader["spec"]
        self.init(metadata: metadata, podSelector: (try? LabelSelector(spec["podSelector"])) ?? .everything)
        self.metadata.resourceVersion = ""
        let types = try? spec["policyTypes"].strings()
        let isClear = types.map { $0.allSatisfy { ["Ingress", "Egress"].contains($0) } } ?? false
        switch (isClear, types ?? []) {
        case (true, let types) where !types.isEmpty:
            ingress = types.contains("Ingress") ? [] : nil
            egress = types.contains("Egress") ? [] : nil
        case (true, _):
            ingress = []
            let rules = object["spec"]?["egress"] ?? .null
            egress = rules.isNull || rules.array?.isEmpty == true ? nil : []
        case (false, _):
            ingress = []
            egress = []
        }
    }
}

extension ClusterNetworkPolicy {
    /// Denies everything in the directions in which the object has a rule that does more than accept. Nil where tier,
    /// priority or subject cannot be read: whom to close cannot be told.
    package init?(closing object: JSONValue) {
        var head = object
        head["spec"]?["ingress"] = nil
        head["spec"]?["egress"] = nil
        guard var policy = try? ClusterNetworkPolicy(head) else { return nil }
        policy.metadata.resourceVersion = ""
        func closed(_ rules: JSONValue?, _ peers: [ClusterPolicyPeer]) -> [ClusterPolicyRule] {
            guard let rules, !rules.isNull else { return [] }
            let isHarmless = rules.array?.allSatisfy { $0["action"]?.string == "Accept" } ?? false
            return isHarmless ? [] : [ClusterPolicyRule(action: .deny, peers: peers)]
        }
        let everybody = ClusterPolicyPeer.pods(namespaces: .everything, pods: .everything)
        let everywhere = [CIDR("0.0.0.0/0"), CIDR("::/0")].compactMap { $0 }.map { ClusterPolicyPeer.network($0) }
        policy.ingress = closed(object["spec"]?["ingress"], [everybody] + everywhere)
        policy.egress = closed(object["spec"]?["egress"], [everybody] + everywhere)
        self = policy
    }
}
