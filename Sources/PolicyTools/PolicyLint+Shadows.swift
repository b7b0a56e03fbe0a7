import KubeObjects
import NetTypes

/// Rules against other rules: what others together let through, decide or deny already.
extension PolicyLint {
    struct RulePlace: Hashable {
        let policy: ObjectKey
        let direction: Direction
        let rule: Int

        /// As a report about `other` names it.
        func name(in other: ObjectKey) -> String {
            "spec.\(direction.field)[\(rule)]" + (policy == other ? "" : " of \(policy)")
        }
    }

    /// Other rules that one is compared with: the first that may take some part of it away, of the policies that
    /// select all of its pods.
    package static let comparedMax = 4_096

    private static let names = 4

    /// Whether two rules may mean one flow.
    private static let stepsToMeet = 16

    private static func block(_ peer: PolicyPeer) -> AddressBlock? {
        guard case .block(let block) = peer else { return nil }
        return block
    }

    private static func block(_ peer: ClusterPolicyPeer) -> AddressBlock? {
        guard case .network(let cidr) = peer else { return nil }
        return AddressBlock(cidr)
    }

    /// `a`, `a and b together`.
    private static func together(_ names: [String]) -> String {
        if names.count == 1 { return names[0] }
        let shown = names.prefix(Self.names)
        let more = names.count - shown.count
        if more > 0 { return shown.joined(separator: ", ") + " and \(more.counted("other")) together" }
        return shown.dropLast().joined(separator: ", ") + " and \(shown[shown.count - 1]) together"
    }

    // MARK: NetworkPolicy

    /// Rules without which the others let through the same, all of them at once, and what does it in their place. Of
    /// those that cover each other the later go. What a dry run allows covers nothing that is enforced.
    static func shadows(_ world: PolicyWorld, _ budget: inout ComparisonBudget) -> [RulePlace: String] {
        var found: [RulePlace: String] = [:]
        let near = Dictionary(grouping: world.policies.map(\.policy), by: \.metadata.namespace)
        for (_, policies) in near.sorted(by: { $0.key < $1.key }) {
            for direction in [Direction.ingress, .egress] {
                found.merge(shadows(among: policies.sorted { $0.key < $1.key }, direction, &budget)) { $1 }
            }
        }
        return found
    }

    private static func shadows(
        among policies: [NetworkPolicy], _ direction: Direction, _ budget: inout ComparisonBudget
    ) -> [RulePlace: String] {
        typealias Cover = RuleCover<PolicyPeer, PolicyPeer>
        let cover = Cover(covers: { $0.covers($1) }, block: { block($0) }, narrowBlock: { block($0) })
        var owners: [Int] = []
        var places: [RulePlace] = []
        var rules: [Cover.Rule] = []
        var index = RuleIndex()
        var selectors = SelectorIndex()
        for (owner, policy) in policies.enumerated() {
            selectors.add(policy.podSelector, owner)
            for (number, rule) in (self.rules(of: policy, direction) ?? []).enumerated() {
                index.add(rule.peers, rule.ports, rules.count)
                owners.append(owner)
                places.append(RulePlace(policy: policy.key, direction: direction, rule: number))
                rules.append(Cover.Rule(peers: rule.peers, ports: rule.ports))
            }
        }
        var found: [RulePlace: String] = [:]
        // Of the policy at hand, those that select all of its pods.
        var (near, owner): (Set<Int>, Int?) = ([], nil)
        for place in rules.indices.reversed() {
            if owner != owners[place] {
                let policy = policies[owners[place]]
                owner = owners[place]
                near = Set(selectors.candidates(policy.podSelector).filter { isAsked(policies[$0], wherever: policy) })
            }
            guard budget.left > 0 else {
                budget.noteCut()
                continue
            }
            let candidates = index.candidates(rules[place].peers, rules[place].ports)
            _ = budget.spend(candidates.count)
            let others = candidates.filter { other in
                other != place && near.contains(owners[other]) && found[places[other]] == nil
            }
            if others.count > comparedMax { budget.noteCut() }
            let needed = cover.needed(
                of: rules, at: Array(others.prefix(comparedMax)), covering: rules[place].peers, rules[place].ports,
                &budget)
            guard let needed else { continue }
            let names = needed.map { places[$0].name(in: places[place].policy) }
            found[places[place]] = together(names) + (names.count == 1 ? " lets" : " let")
        }
        return found
    }

    /// For all pods of `policy`, and enforced if that one is.
    private static func isAsked(_ other: NetworkPolicy, wherever policy: NetworkPolicy) -> Bool {
        other.podSelector.covers(policy.podSelector) && (!other.metadata.isDryRun || policy.metadata.isDryRun)
    }

    func shadows(_ report: inout Report<PolicyWorld.Entry>) {
        let policy = report.policy
        for direction in [Direction.ingress, .egress] {
            for index in (Self.rules(of: policy, direction) ?? []).indices {
                let place = RulePlace(policy: policy.key, direction: direction, rule: index)
                guard let by = shadowed[place] else { continue }
                report.add(
                    .warning, .shadowed, "spec.\(direction.field)[\(index)]",
                    "adds nothing: \(by) through all that it does",
                    "remove it, or narrow the others where they are too wide")
            }
        }
    }

    static func rules(of policy: NetworkPolicy, _ direction: Direction) -> [PolicyRule]? {
        switch direction {
        case .ingress: policy.ingress
        case .egress: policy.egress
        }
    }

    // MARK: ClusterNetworkPolicy

    static func rules(of policy: ClusterNetworkPolicy, _ direction: Direction) -> [ClusterPolicyRule] {
        switch direction {
        case .ingress: policy.ingress
        case .egress: policy.egress
        }
    }

    /// The rules that are asked before this one and together match all that it does. `Pass` hides what follows in the
    /// tier as well.
    func decided(
        _ rule: ClusterPolicyRule, _ index: Int, _ policy: ClusterNetworkPolicy, _ direction: Direction,
        _ budget: inout ComparisonBudget
    ) -> String? {
        typealias Cover = RuleCover<ClusterPolicyPeer, ClusterPolicyPeer>
        var earlier: [(place: RulePlace, action: ClusterPolicyAction, rule: Cover.Rule)] = []
        for other in world.clusterPolicies where other.tier == policy.tier {
            let isSame = other.key == policy.key
            if other.namespaces.covers(policy.namespaces), other.pods.covers(policy.pods),
                !other.metadata.isDryRun || policy.metadata.isDryRun
            {
                for (number, rule) in Self.rules(of: other, direction).prefix(isSame ? index : .max).enumerated() {
                    let place = RulePlace(policy: other.key, direction: direction, rule: number)
                    earlier.append((place, rule.action, Cover.Rule(peers: rule.peers, ports: rule.ports)))
                }
            }
            if isSame { break }
        }
        let cover = Cover(covers: { $0.covers($1) }, block: { Self.block($0) }, narrowBlock: { Self.block($0) })
        let asked = earlier.prefix(Self.comparedMax).map(\.rule)
        if earlier.count > Self.comparedMax { budget.noteCut() }
        guard let needed = cover.needed(of: asked, at: Array(asked.indices), covering: rule.peers, rule.ports, &budget)
        else { return nil }
        let names = needed.map { "\(earlier[$0].place.name(in: policy.key)) (\(earlier[$0].action.rawValue))" }
        return Self.together(names) + (names.count == 1 ? " decides" : " decide")
    }

    /// Rules of a NetworkPolicy that tier Admin leaves nothing to: what is denied together is all of it, before a rule
    /// is asked that accepts or passes any of it.
    func overruled(_ report: inout Report<PolicyWorld.Entry>) {
        typealias Cover = RuleCover<ClusterPolicyPeer, PolicyPeer>
        let policy = report.policy
        let labels = world.namespaces[policy.metadata.namespace] ?? [:]
        let admin = world.clusterPolicies.filter { other in
            other.tier == .admin && other.namespaces.matches(labels) && !other.metadata.isDryRun
                && !other.pods.excludes(policy.podSelector)
        }
        if admin.isEmpty { return }
        let cover = Cover(
            covers: { $0.covers($1, namespace: labels) }, block: { Self.block($0) }, narrowBlock: { Self.block($0) })
        for direction in [Direction.ingress, .egress] {
            let asked = admin.flatMap { other in
                Self.rules(of: other, direction).enumerated().map {
                    (policy: other, index: $0.offset, rule: $0.element)
                }
            }
            for (index, rule) in (Self.rules(of: policy, direction) ?? []).enumerated() {
                // What a rule that is no Deny may let by is not cheap to say.
                guard report.budget.spend(asked.count { $0.rule.action != .deny } * Self.stepsToMeet) else {
                    report.budget.noteCut()
                    continue
                }
                let denies = asked.prefix { $0.rule.action == .deny || !$0.rule.meets(rule, namespace: labels) }
                    .filter { $0.rule.action == .deny && $0.policy.pods.covers(policy.podSelector) }
                let rules = denies.prefix(Self.comparedMax).map {
                    Cover.Rule(peers: $0.rule.peers, ports: $0.rule.ports)
                }
                if denies.count > Self.comparedMax { report.budget.noteCut() }
                let needed = cover.needed(
                    of: rules, at: Array(rules.indices), covering: rule.peers, rule.ports, &report.budget)
                guard let needed else { continue }
                let names = needed.map { place in
                    let deny = denies[place]
                    return "spec.\(direction.field)[\(deny.index)] of ClusterNetworkPolicy \(deny.policy.key)"
                }
                let by = Self.together(names) + (names.count == 1 ? " denies" : " deny")
                report.add(
                    .warning, .overruled, "spec.\(direction.field)[\(index)]",
                    "lets nothing through: \(by) all of it first",
                    "remove it, or have the cluster's policy Pass it")
            }
        }
    }
}

extension LabelSelector {
    /// No labels satisfy both.
    fileprivate func excludes(_ other: LabelSelector) -> Bool {
        LabelSelector(requirements + other.requirements).contradiction != nil
    }
}

extension ClusterPolicyRule {
    /// Some flow may be meant by both; `other` is of a NetworkPolicy in a namespace with these labels.
    fileprivate func meets(_ other: PolicyRule, namespace labels: [String: String]) -> Bool {
        let onPorts = ports.isEmpty || other.ports.isEmpty || ports.contains { $0.mayMeet(other.ports) }
        return onPorts
            && (other.peers.isEmpty
                || peers.contains { peer in other.peers.contains { peer.meets($0, namespace: labels) } })
    }
}

extension PolicyPort {
    /// A name may stand for any number.
    fileprivate func mayMeet(_ others: [PolicyPort]) -> Bool {
        others.contains { other in
            if transport != other.transport { return false }
            if case .named = target { return true }
            if case .named = other.target { return true }
            return meets(other)
        }
    }
}

extension ClusterPolicyPeer {
    /// An address may be that of a pod, or of a node.
    fileprivate func meets(_ other: PolicyPeer, namespace labels: [String: String]) -> Bool {
        switch (self, other) {
        case (.pods(let spaces, let pods), .pods(let otherSpaces, let otherPods)):
            !pods.excludes(otherPods) && (otherSpaces.map { !spaces.excludes($0) } ?? spaces.matches(labels))
        case (.network(let cidr), .block(let block)): block.part(in: cidr) != nil
        case (.nodes, .pods): false
        case (.pods, .block), (.network, .pods), (.nodes, .block): true
        }
    }
}
