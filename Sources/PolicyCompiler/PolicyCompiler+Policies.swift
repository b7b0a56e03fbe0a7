import KubeObjects
import MapLayout
import NetTypes

extension PolicyCompiler {
    /// Puts a policy in the place of the one of its name; nil removes it.
    mutating func replace(_ key: ObjectKey, _ policy: OrderedPolicy?, _ batch: inout Batch) {
        let old = policies[key]
        policyProblems[key] = nil
        refused[key] = nil
        guard let policy else {
            if let old { drop(old, keptIDs: [], &batch) }
            put(nil, at: key, &batch)
            resetting.remove(key)
            return
        }
        blocks.beginForecast()
        if let problem = misfit(policy) {
            policyProblems[key] = problem
            refused[key] = policy
            // Another object's version is none of this one, and what is left of one that does not fit is no good one.
            guard let old, !old.policy.isShut, old.policy.uid == policy.uid else {
                if old?.policy != policy.shut { install(policy.shut, old, &batch) }
                return
            }
            if old.namedPorts.isDisjoint(with: batch.ports) { return }
            // Pods give its names other numbers than when it was compiled: what stands would mean other ports.
            install(misfit(old.policy) == nil ? old.policy : old.policy.shut, old, &batch)
            return
        }
        install(policy, old, &batch)
    }

    /// New uses are entered before old ones are given back, so that what both share lives on.
    private mutating func install(_ policy: OrderedPolicy, _ old: PolicyRecord?, _ batch: inout Batch) {
        let record = compile(policy, &batch)
        put(record, at: policy.key, &batch)
        if policy.onChange == .reset { resetting.insert(policy.key) } else { resetting.remove(policy.key) }
        policiesBySubject[record.subject, default: []].insert(policy.key)
        for port in record.namedPorts { policiesByPort[port, default: []].insert(policy.key) }
        batch.subjects.insert(record.subject)
        if let old { drop(old, keptIDs: record.ruleIDs, replacedBy: record, &batch) }
    }

    private mutating func put(_ record: PolicyRecord?, at key: ObjectKey, _ batch: inout Batch) {
        let old = policies[key]
        if record?.policy != old?.policy { batch.delta.policies.insert(key) }
        let change = RuleCounts(record) - RuleCounts(old)
        if let old { count(RuleCounts() - RuleCounts(old), of: old.subject) }
        if let record { count(RuleCounts(record), of: record.subject) }
        policies[key] = record
        ruleCounts[key.namespace, default: RuleCounts()] += change
        if ruleCounts[key.namespace] == RuleCounts() { ruleCounts[key.namespace] = nil }
    }

    private mutating func count(_ change: RuleCounts, of subject: UInt32) {
        let sum = (subjectCounts[subject] ?? RuleCounts()) + change
        subjectCounts[subject] = sum == RuleCounts() ? nil : sum
    }

    private mutating func drop(
        _ old: PolicyRecord, keptIDs: Set<UInt32>, replacedBy new: PolicyRecord? = nil, _ batch: inout Batch
    ) {
        let key = old.policy.key
        batch.subjects.insert(old.subject)
        if new?.subject != old.subject {
            policiesBySubject[old.subject]?.remove(key)
            if policiesBySubject[old.subject]?.isEmpty == true { policiesBySubject[old.subject] = nil }
        }
        for port in old.namedPorts.subtracting(new?.namedPorts ?? []) {
            policiesByPort[port]?.remove(key)
            if policiesByPort[port]?.isEmpty == true { policiesByPort[port] = nil }
        }
        for id in old.conditions { conditions.release(id) }
        for id in old.peers { conditions.releasePeer(id) }
        for bit in old.blocks { blocks.release(bit) }
        rules.retire(old.ruleIDs, except: keptIDs, &batch.delta.journal)
    }

    /// What the policy asks for that is not there; nil where it fits.
    func misfit(_ policy: OrderedPolicy) -> PolicyError? {
        let counts = mostRules(of: policy)
        for (name, count) in [("ingress", counts.ingress), ("egress", counts.egress)] {
            if count > limits.listRules {
                return PolicyError(
                    .listTooLong, policy.key,
                    "spec.\(name) makes \(count) rules (peers × ports); a list holds \(limits.listRules)")
            }
        }
        var needs = Needs()
        for rule in policy.egress?.rules ?? [] { add(rule, narrowed: true, &needs) }
        for rule in policy.ingress?.rules ?? [] { add(rule, narrowed: false, &needs) }
        let selectors = needs.conditions.count { !conditions.hasBit($0) }
        if selectors > conditions.freeBits {
            return PolicyError(
                .noSelectorFree, policy.key,
                "needs \(selectors) more peer selectors; \(conditions.freeBits) of \(limits.selectors) are free")
        }
        return blockMisfit(policy.key, needs.blocks) ?? longList(policy)
    }

    private func mostRules(of policy: OrderedPolicy) -> RuleCounts {
        RuleCounts(policy) { portValues[$0]?.count ?? 0 }
    }

    /// The most rules that a list can have in which the policy takes part, as far as namespaces tell.
    private func mostRules(beside policy: OrderedPolicy) -> RuleCounts {
        let near = policy.key.namespace.isEmpty ? Array(ruleCounts.keys) : [policy.key.namespace]
        let most = near.filter { !$0.isEmpty }.compactMap { ruleCounts[$0] }.reduce(RuleCounts()) { $0.most($1) }
        return mostRules(of: policy) + most + (ruleCounts[""] ?? RuleCounts()) - RuleCounts(policies[policy.key])
    }

    /// A class that the policy selects and whose list would grow over the limit. Baseline rules count even where an
    /// isolated list leaves them out: they come back when the isolating policy goes. What is compiled already is no
    /// reason that a list is closed which is closed with it.
    private func longList(_ policy: OrderedPolicy) -> PolicyError? {
        guard mostRules(beside: policy).longest > limits.listRules else { return nil }
        let standing = policies[policy.key]
        let isCompiled = policy.means(standing?.policy)
        let own = mostRules(of: policy)
        for (index, entry) in classes.classes {
            if isCompiled, classProblems[index]?.code == .listTooLong { continue }
            guard let pod = entry.members.first.flatMap(anyPod),
                policy.subject.matches(pod, namespaceLabels: namespaces[pod.key.namespace] ?? [:])
            else { continue }
            var others = RuleCounts()
            for id in entry.signature { others += subjectCounts[id] ?? RuleCounts() }
            if let standing, entry.signature.contains(standing.subject) { others = others - RuleCounts(standing) }
            let long = [("ingress", own.ingress, others.ingress), ("egress", own.egress, others.egress)]
            guard let (direction, need, taken) = long.first(where: { $1 + $2 > limits.listRules }) else { continue }
            return PolicyError(
                .listTooLong, policy.key,
                "needs \(need.counted("\(direction) rule")) in the list of pod \(pod.key); "
                    + "\(max(0, limits.listRules - taken)) of \(limits.listRules) are free", pod: pod.key)
        }
        return nil
    }

    /// Peers that a policy wants a bit for.
    private struct Needs {
        var conditions: Set<PodCondition> = []
        var blocks: Set<BlockCondition> = []
    }

    private func add(_ rule: OrderedRule, narrowed: Bool, _ needs: inout Needs) {
        let names = narrowed ? rule.ports.compactMap(\.namedPort) : []
        let values = names.flatMap(values)
        let hasPlain = rule.ports.isEmpty || rule.ports.contains { !narrowed || $0.namedPort == nil }
        if rule.peers.isEmpty {
            for value in values {
                needs.conditions.insert(PodCondition(.namespaces(.everything), .everything, port: value))
            }
        }
        for peer in rule.peers {
            switch peer {
            case .pods(let condition):
                if hasPlain { needs.conditions.insert(condition) }
                for value in values { needs.conditions.insert(condition.with(value)) }
            case .block(let block):
                if hasPlain { needs.blocks.insert(.block(block)) }
                for value in values { needs.blocks.insert(.named(block, value)) }
            case .nodes(let selector):
                if hasPlain { needs.blocks.insert(.nodes(selector)) }
            }
        }
    }

    /// The numbers that pods give a name, in order.
    private func values(_ port: NamedPort) -> [NamedPortValue] {
        (portValues[port] ?? [:]).keys.sorted().map {
            NamedPortValue(name: port.name, transport: port.transport, number: $0)
        }
    }

    // MARK: Compiling

    private mutating func compile(_ policy: OrderedPolicy, _ batch: inout Batch) -> PolicyRecord {
        var record = PolicyRecord(policy)
        record.namedPorts = policy.namedPorts
        record.subject = conditions.acquire(policy.subject)
        record.conditions.append(record.subject)
        record.ingress = compile(policy.ingress, .ingress, &record, &batch)
        if record.ingress != nil { splitByIngressPorts(&record) }
        record.egress = compile(policy.egress, .egress, &record, &batch)
        return record
    }

    private mutating func compile(
        _ content: OrderedPolicy.Content?, _ direction: RuleInfo.Direction, _ record: inout PolicyRecord,
        _ batch: inout Batch
    ) -> CompiledDirection? {
        guard let content else { return nil }
        let policy = record.policy
        var compiled = CompiledDirection()
        compiled.isClosed = content == .closed
        if policy.isolates {
            compiled.isolationID = rules.id(policy, direction, nil, &batch.delta.journal)
            record.ruleIDs.insert(compiled.isolationID)
        }
        for (index, rule) in content.rules.enumerated() {
            let id = rules.id(policy, direction, index, ruleName: rule.name, &batch.delta.journal)
            record.ruleIDs.insert(id)
            compiled.refusesPods = compiled.refusesPods || rule.refusesPods
            switch direction {
            case .ingress: compiled.templates += ingressTemplates(rule, id, &record)
            case .egress: compiled.templates += egressTemplates(rule, id, &record)
            }
        }
        return compiled
    }

    /// Pods that the policy selects and that give a name different numbers need lists of their own.
    private mutating func splitByIngressPorts(_ record: inout PolicyRecord) {
        var names: Set<NamedPort> = []
        for rule in record.policy.ingress?.rules ?? [] { names.formUnion(rule.ports.compactMap(\.namedPort)) }
        for name in names {
            for value in values(name) {
                record.conditions.append(conditions.acquire(record.policy.subject.with(value)))
            }
        }
    }

    private mutating func ingressTemplates(
        _ rule: OrderedRule, _ id: UInt32, _ record: inout PolicyRecord
    ) -> [RuleTemplate] {
        var peers: [RuleEntry.Peer] = rule.peers.isEmpty ? [.any] : []
        for peer in rule.peers {
            if let bit = acquire(peer, nil, &record) { peers.append(bit) }
        }
        let ports = ports(of: rule)
        return peers.flatMap { peer in
            ports.map { RuleTemplate(peer: peer, port: $0, action: rule.action, ruleID: id) }
        }
    }

    private mutating func acquire(
        _ peer: OrderedPeer?, _ port: NamedPortValue?, _ record: inout PolicyRecord
    ) -> RuleEntry.Peer? {
        let wanted: PodCondition
        switch peer {
        case .block(let block): return acquire(port.map { .named(block, $0) } ?? .block(block), &record)
        // No pod of ours names a node's ports.
        case .nodes(let selector): return port == nil ? acquire(.nodes(selector), &record) : nil
        case .pods(let condition): wanted = condition
        case nil: wanted = PodCondition(.namespaces(.everything), .everything)
        }
        guard let held = conditions.acquirePeer(port.map(wanted.with) ?? wanted) else { return nil }
        record.peers.append(held.id)
        return .selector(held.bit)
    }

    private mutating func acquire(_ condition: BlockCondition, _ record: inout PolicyRecord) -> RuleEntry.Peer? {
        let hosts = blocks.isLive(condition) ? [] : hosts(of: condition)
        guard let bit = blocks.acquire(condition, hosts: hosts) else { return nil }
        record.blocks.append(bit)
        return .block(bit)
    }

    private func ports(of rule: OrderedRule) -> [RuleTemplate.Port] {
        if rule.ports.isEmpty { return [.any] }
        return rule.ports.map { port in
            switch port.target {
            case .all: .range(port.transport, .all)
            case .range(let range): .range(port.transport, range)
            case .named(let name): .named(NamedPort(name: name, transport: port.transport))
            }
        }
    }

    /// A port by name is the number that the peer gives it: one rule for each number, its peer narrowed to those pods.
    private mutating func egressTemplates(
        _ rule: OrderedRule, _ id: UInt32, _ record: inout PolicyRecord
    ) -> [RuleTemplate] {
        var templates: [RuleTemplate] = []
        let wanted: [OrderedPeer?] = rule.peers.isEmpty ? [nil] : rule.peers.map(Optional.some)
        for peer in wanted {
            var plain: RuleEntry.Peer? = peer == nil ? .any : nil
            for port in ports(of: rule) {
                guard case .named(let name) = port else {
                    if plain == nil { plain = acquire(peer, nil, &record) }
                    if let plain {
                        templates.append(RuleTemplate(peer: plain, port: port, action: rule.action, ruleID: id))
                    }
                    continue
                }
                for value in values(name) {
                    guard let narrowed = acquire(peer, value, &record) else { continue }
                    templates.append(
                        RuleTemplate(
                            peer: narrowed, port: .range(name.transport, PortRange(value.number)),
                            action: rule.action, ruleID: id))
                }
            }
        }
        return templates
    }
}
