package import KubeObjects
import MapLayout
import NetTypes

extension PolicyCompiler {
    /// Puts a policy in the place of the one of its name; nil removes it.
    mutating func replace(_ key: ObjectKey, _ policy: NetworkPolicy?, _ batch: inout Batch) {
        let old = policies[key]
        policyProblems[key] = nil
        refused[key] = nil
        guard let policy else {
            if let old { drop(old, keptIDs: [], &batch) }
            policies[key] = nil
            return
        }
        if let problem = misfit(policy) {
            policyProblems[key] = problem
            refused[key] = policy
            if old != nil { return }
            install(policy.isolationAlone, nil, &batch)
            return
        }
        install(policy, old, &batch)
    }

    /// New uses are entered before old ones are given back, so that what both share lives on.
    private mutating func install(_ policy: NetworkPolicy, _ old: PolicyRecord?, _ batch: inout Batch) {
        let record = compile(policy, &batch)
        policies[policy.key] = record
        policiesBySubject[record.subject, default: []].insert(policy.key)
        for port in record.namedPorts { policiesByPort[port, default: []].insert(policy.key) }
        batch.subjects.insert(record.subject)
        if let old { drop(old, keptIDs: record.ruleIDs, replacedBy: record, &batch) }
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
    package func misfit(_ policy: NetworkPolicy) -> PolicyError? {
        for (name, rules) in [("ingress", policy.ingress), ("egress", policy.egress)] {
            let count = PolicyRecord.ruleCount(rules)
            if count > limits.listRules {
                return PolicyError(
                    .listTooLong, policy.key,
                    "spec.\(name) makes \(count) rules (peers × ports); a list holds \(limits.listRules)")
            }
        }
        var wanted: Set<PodCondition> = []
        var wantedBlocks: Set<BlockCondition> = []
        for rule in policy.egress ?? [] { addNeeds(rule, policy, narrowed: true, &wanted, &wantedBlocks) }
        for rule in policy.ingress ?? [] { addNeeds(rule, policy, narrowed: false, &wanted, &wantedBlocks) }
        let selectors = wanted.count { !conditions.hasBit($0) }
        if selectors > conditions.freeBits {
            return PolicyError(
                .noSelectorFree, policy.key,
                "needs \(selectors) more peer selectors; \(conditions.freeBits) of \(limits.selectors) are free")
        }
        let fresh = wantedBlocks.filter { !blocks.isLive($0) }
        if fresh.count > blocks.freeBits {
            return PolicyError(
                .noBlockFree, policy.key,
                "needs \(fresh.count) more address blocks; \(blocks.freeBits) of \(limits.blocks) are free")
        }
        let borders = Set(fresh.flatMap { [$0.block.cidr] + $0.block.except }).count { blocks.networks[$0] == nil }
        if borders > blocks.freeNetworks {
            return PolicyError(
                .noNetworkFree, policy.key,
                "needs \(borders) more networks; \(blocks.freeNetworks) of \(limits.networks) are free")
        }
        return longList(policy)
    }

    /// A class that the policy selects and whose list would grow over the limit.
    private func longList(_ policy: NetworkPolicy) -> PolicyError? {
        let subject = PodCondition(.namespace(policy.metadata.namespace), policy.podSelector)
        let own = (PolicyRecord.ruleCount(policy.ingress), PolicyRecord.ruleCount(policy.egress))
        for entry in classes.classes.values {
            guard let member = entry.members.first, let pod = pods[member], subject.matches(pod, namespaceLabels: [:])
            else { continue }
            var counts = own
            for id in entry.signature {
                for key in policiesBySubject[id] ?? [] where key != policy.key {
                    counts.0 += policies[key]?.ingress?.count ?? 0
                    counts.1 += policies[key]?.egress?.count ?? 0
                }
            }
            let count = max(counts.0, counts.1)
            guard count > limits.listRules else { continue }
            return PolicyError(
                .listTooLong, policy.key,
                "with the other policies of pod \(pod.key), a list of \(count) rules; a list holds \(limits.listRules)")
        }
        return nil
    }

    private func addNeeds(
        _ rule: PolicyRule, _ policy: NetworkPolicy, narrowed: Bool, _ wanted: inout Set<PodCondition>,
        _ wantedBlocks: inout Set<BlockCondition>
    ) {
        let names = narrowed ? rule.ports.compactMap(\.namedPort) : []
        let values = names.flatMap(values)
        let hasPlain = rule.ports.isEmpty || rule.ports.contains { !narrowed || $0.namedPort == nil }
        if rule.peers.isEmpty {
            for value in values { wanted.insert(PodCondition(.namespaces(.everything), .everything, port: value)) }
        }
        for peer in rule.peers {
            switch peer {
            case .pods(let namespaces, let pods):
                let condition = policy.condition(namespaces: namespaces, pods: pods)
                if hasPlain { wanted.insert(condition) }
                for value in values { wanted.insert(condition.with(value)) }
            case .block(let block):
                if hasPlain { wantedBlocks.insert(BlockCondition(block: block, port: nil)) }
                for value in values { wantedBlocks.insert(BlockCondition(block: block, port: value)) }
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

    private mutating func compile(_ policy: NetworkPolicy, _ batch: inout Batch) -> PolicyRecord {
        var record = PolicyRecord(policy)
        record.namedPorts = policy.namedPorts
        record.subject = conditions.acquire(record.subjectCondition)
        record.conditions.append(record.subject)
        if let entries = policy.ingress {
            record.ingressIsolationID = rules.id(policy, record.tier, .ingress, nil, &batch.delta.journal)
            record.ruleIDs.insert(record.ingressIsolationID)
            var templates: [RuleTemplate] = []
            for (index, rule) in entries.enumerated() {
                let id = rules.id(policy, record.tier, .ingress, index, &batch.delta.journal)
                record.ruleIDs.insert(id)
                for peer in peers(of: rule, &record) {
                    templates += ingressPorts(rule).map { RuleTemplate(peer: peer, port: $0, ruleID: id) }
                }
            }
            record.ingress = templates
            splitByIngressPorts(&record)
        }
        if let entries = policy.egress {
            record.egressIsolationID = rules.id(policy, record.tier, .egress, nil, &batch.delta.journal)
            record.ruleIDs.insert(record.egressIsolationID)
            var templates: [RuleTemplate] = []
            for (index, rule) in entries.enumerated() {
                let id = rules.id(policy, record.tier, .egress, index, &batch.delta.journal)
                record.ruleIDs.insert(id)
                templates += egressTemplates(rule, id, &record)
            }
            record.egress = templates
        }
        return record
    }

    /// Pods that the policy selects and that give a name different numbers need lists of their own.
    private mutating func splitByIngressPorts(_ record: inout PolicyRecord) {
        var names: Set<NamedPort> = []
        for rule in record.policy.ingress ?? [] { names.formUnion(rule.ports.compactMap(\.namedPort)) }
        for name in names {
            for value in values(name) {
                record.conditions.append(conditions.acquire(record.subjectCondition.with(value)))
            }
        }
    }

    private mutating func peers(of rule: PolicyRule, _ record: inout PolicyRecord) -> [RuleEntry.Peer] {
        if rule.peers.isEmpty { return [.any] }
        var found: [RuleEntry.Peer] = []
        for peer in rule.peers {
            if let bit = acquire(peer, nil, &record) { found.append(bit) }
        }
        return found
    }

    private mutating func acquire(
        _ peer: PolicyPeer?, _ port: NamedPortValue?, _ record: inout PolicyRecord
    ) -> RuleEntry.Peer? {
        let condition: PodCondition
        switch peer {
        case .block(let block):
            guard let bit = blocks.acquire(BlockCondition(block: block, port: port)) else { return nil }
            record.blocks.append(bit)
            return .block(bit)
        case .pods(let namespaces, let pods):
            condition = record.policy.condition(namespaces: namespaces, pods: pods)
        case nil:
            condition = PodCondition(.namespaces(.everything), .everything)
        }
        guard let held = conditions.acquirePeer(port.map(condition.with) ?? condition) else { return nil }
        record.peers.append(held.id)
        return .selector(held.bit)
    }

    private func ingressPorts(_ rule: PolicyRule) -> [RuleTemplate.Port] {
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
        _ rule: PolicyRule, _ id: UInt32, _ record: inout PolicyRecord
    ) -> [RuleTemplate] {
        var templates: [RuleTemplate] = []
        let wanted: [PolicyPeer?] = rule.peers.isEmpty ? [nil] : rule.peers.map(Optional.some)
        for peer in wanted {
            var plain: RuleEntry.Peer? = peer == nil ? .any : nil
            for port in ingressPorts(rule) {
                guard case .named(let name) = port else {
                    if plain == nil { plain = acquire(peer, nil, &record) }
                    if let plain { templates.append(RuleTemplate(peer: plain, port: port, ruleID: id)) }
                    continue
                }
                for value in values(name) {
                    guard let narrowed = acquire(peer, value, &record) else { continue }
                    templates.append(
                        RuleTemplate(
                            peer: narrowed, port: .range(name.transport, PortRange(value.number)), ruleID: id))
                }
            }
        }
        return templates
    }
}

extension PolicyPort {
    var namedPort: NamedPort? {
        if case .named(let name) = target { return NamedPort(name: name, transport: transport) }
        return nil
    }
}
