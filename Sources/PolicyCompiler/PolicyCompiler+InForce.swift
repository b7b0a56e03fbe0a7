package import KubeObjects
import MapLayout

/// What is in force where that is not what was written: for the evaluator, which reads objects and knows no tables.
extension PolicyCompiler {
    /// The version of a policy that is in force, as the change that brought it, without labels; nil where none is.
    package func standing(_ key: ObjectKey) -> PolicyChange? {
        guard version(of: key) != nil, let policy = policies[key]?.policy else { return nil }
        if policy.tier == .networkPolicy { return .policy(NetworkPolicy(policy)) }
        return ClusterNetworkPolicy(policy).map { .clusterPolicy($0) }
    }

    /// All policies of which a version is in force.
    package var standingKeys: [ObjectKey] { policies.keys.filter { version(of: $0) != nil } }

    /// Policies that do not fit as they are wanted.
    package var misfits: Set<ObjectKey> { Set(policyProblems.keys) }

    /// The evaluator with what stands in for policies that do not fit, and with the directions of pods that are closed.
    /// - Parameters:
    ///   - evaluator: of the objects, with the stand-ins of those that cannot be read.
    ///   - ends: the pods that it will be asked about.
    package func inForce(_ evaluator: PolicyEvaluator, ends: [ObjectKey]) -> PolicyEvaluator {
        var namespaced = evaluator.policies
        var cluster = evaluator.clusterPolicies
        var standIns = evaluator.standIns
        for (key, problem) in policyProblems {
            guard let record = policies[key] else { continue }
            let policy = record.policy
            standIns[key] = PolicyEvaluator.StandIn(
                cause: .doesNotFit, reason: problem.message, version: policy.isShut ? nil : policy.resourceVersion)
            if policy.tier == .networkPolicy {
                namespaced.removeAll { $0.key == key }
                namespaced.append(NetworkPolicy(policy))
            } else {
                cluster.removeAll { $0.key == key }
                // What is left of one that never fit closes directions, and has no rules.
                if !policy.isShut, let good = ClusterNetworkPolicy(policy) { cluster.append(good) }
            }
        }
        var judge = evaluator.with(namespaced, cluster)
        judge.standIns = standIns
        judge.unplaced = Set(blocks.faults.keys)
        for pod in ends { judge.closures[pod] = closures(of: pod) }
        return judge
    }

    /// The directions of a pod in which nothing passes, for want of room.
    func closures(of pod: ObjectKey) -> [RuleInfo.Direction: PolicyEvaluator.Closure] {
        guard let member = memberOf[pod] else { return [:] }
        if let problem = podProblems[member] {
            let closure = PolicyEvaluator.Closure(
                reason: problem.message, remedy: "remove policies or labels that tell pods apart")
            return [.egress: closure, .ingress: closure]
        }
        guard let index = classIndex(of: member), let entry = classes.classes[index],
            let content = lists.content(of: index), let seen = pods[member]
        else { return [:] }
        var found: [RuleInfo.Direction: PolicyEvaluator.Closure] = [:]
        for (direction, list) in [(RuleInfo.Direction.egress, content.egress), (.ingress, content.ingress)]
        where list.flags.contains(.closed) {
            found[direction] = closure(direction, selecting(entry), seen)
        }
        return found
    }

    private func closure(
        _ direction: RuleInfo.Direction, _ selecting: [PolicyRecord], _ pod: PolicyPod
    ) -> PolicyEvaluator.Closure {
        let path: KeyPath<PolicyRecord, CompiledDirection?> = direction == .egress ? \.egress : \.ingress
        let shut = selecting.filter { $0[keyPath: path]?.isClosed == true }.map(\.policy.key)
        if let key = shut.first, let problem = policyProblems[key] {
            return PolicyEvaluator.Closure(
                reason: "ClusterNetworkPolicy \(key) does not fit (\(problem.message)), and denies",
                remedy: "make ClusterNetworkPolicy \(key) smaller")
        }
        let short = selecting.filter { $0[keyPath: path].map(isShort) ?? false }.map(\.policy.key)
        if let key = short.first, let problem = blockProblems[key]?.error {
            return PolicyEvaluator.Closure(
                reason: "ClusterNetworkPolicy \(key) denies or passes by blocks that have no room (\(problem.message))",
                remedy: "remove policies with address blocks")
        }
        let speaking = selecting.filter { $0[keyPath: path] != nil }
        let names = speaking.prefix(4).map { "\($0.policy.key)" }.joined(separator: ", ")
        let all = names + (speaking.count > 4 ? " …" : "")
        let count = content(speaking, path, pod, []).rules.count
        if count > limits.listRules {
            return PolicyEvaluator.Closure(
                reason: "its policies (\(all)) make \(count) rules, \(limits.listRules) fit",
                remedy: "take \(count - limits.listRules) rules out of \(all)")
        }
        return PolicyEvaluator.Closure(
            reason: "the \(count) rules of its policies (\(all)) find no room; \(self.lists.freeRules) of "
                + "\(limits.rules) are free",
            remedy: "remove policies")
    }
}

// MARK: Back to objects

extension NetworkPolicy {
    /// As it was before it was lowered. What is left of one that does not fit isolates, and has no rules.
    fileprivate init(_ policy: OrderedPolicy) {
        func raise(_ content: OrderedPolicy.Content?) -> [PolicyRule]? {
            content?.rules.map { rule in
                let peers = rule.peers.compactMap { peer -> PolicyPeer? in
                    switch peer {
                    case .pods(let condition):
                        switch condition.scope {
                        case .namespace: .pods(namespaces: nil, pods: condition.pods)
                        case .namespaces(let selector): .pods(namespaces: selector, pods: condition.pods)
                        }
                    case .block(let block): .block(block)
                    case .nodes: nil
                    }
                }
                return PolicyRule(peers: peers, ports: rule.ports)
            }
        }
        var metadata = ObjectMeta(namespace: policy.key.namespace, name: policy.key.name)
        (metadata.uid, metadata.resourceVersion) = (policy.uid, policy.resourceVersion)
        self.init(
            metadata: metadata, podSelector: policy.subject.pods, ingress: raise(policy.ingress),
            egress: raise(policy.egress))
        onChange = policy.onChange
    }
}

extension ClusterNetworkPolicy {
    /// As it was before it was lowered; nil of a NetworkPolicy.
    fileprivate init?(_ policy: OrderedPolicy) {
        func raise(_ content: OrderedPolicy.Content?) -> [ClusterPolicyRule] {
            (content?.rules ?? []).map { rule in
                let peers = rule.peers.compactMap { peer -> ClusterPolicyPeer? in
                    switch peer {
                    case .pods(let condition):
                        switch condition.scope {
                        case .namespace: nil
                        case .namespaces(let selector): .pods(namespaces: selector, pods: condition.pods)
                        }
                    case .block(let block): .network(block.cidr)
                    case .nodes(let selector): .nodes(selector)
                    }
                }
                let action: ClusterPolicyAction =
                    switch rule.action {
                    case .allow: .accept
                    case .deny: .deny
                    case .pass: .pass
                    }
                return ClusterPolicyRule(name: rule.name, action: action, peers: peers, ports: rule.ports)
            }
        }
        guard case .namespaces(let namespaces) = policy.subject.scope else { return nil }
        let tier: Tier
        switch policy.tier {
        case .admin: tier = .admin
        case .baseline: tier = .baseline
        case .networkPolicy: return nil
        }
        var metadata = ObjectMeta(name: policy.key.name)
        (metadata.uid, metadata.resourceVersion) = (policy.uid, policy.resourceVersion)
        self.init(
            metadata: metadata, tier: tier, priority: policy.priority, namespaces: namespaces,
            pods: policy.subject.pods, ingress: raise(policy.ingress), egress: raise(policy.egress))
        onChange = policy.onChange
    }
}
