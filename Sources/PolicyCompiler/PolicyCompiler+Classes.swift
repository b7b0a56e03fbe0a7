import KubeObjects
import MapLayout
import NetTypes

extension PolicyCompiler {
    /// Ends a batch: who is in which class, the rows, and the lists of the classes that changed.
    mutating func commitClasses(_ batch: inout Batch) {
        let dying = conditions.dying
        let fresh = conditions.fresh
        let pending = pendingSignatures(
            batch.dirtyCohorts.union(overflow), fresh: fresh.subtracting(dying), dying: dying)
        let change = classes.commit(pending: pending, fresh: fresh, dying: dying)
        let newPeers = conditions.newPeers.subtracting(dying)
        conditions.commit(dying: dying, into: &batch.delta)
        writeRows(change, newPeers, &batch)
        placeMembers(change, &batch)
        refreshLists(change, &batch)
        for index in change.retired {
            lists.remove(index, &batch.delta)
            starved.remove(index)
            classProblems[index] = nil
            batch.delta.retired.append(.classIndex(index))
            batch.delta.journal.append(JournalEntry("class/\(index)", nil))
        }
    }

    /// Cohort → signature, where that is another than before.
    private func pendingSignatures(
        _ dirty: Set<UInt32>, fresh: Set<UInt32>, dying: Set<UInt32>
    ) -> [UInt32: [UInt32]] {
        var pending: [UInt32: [UInt32]] = [:]
        for cohort in dirty {
            guard let pod = anyPod(of: cohort) else { continue }
            let signature = conditions.signature(
                of: pod, namespaceLabels: namespaces[pod.key.namespace] ?? [:], except: dying)
            if classes.classOf[cohort] == nil || signature != classes.signature(of: cohort) {
                pending[cohort] = signature
            }
        }
        if dirty.count >= cohorts.count { return pending }
        var joined: [UInt32: [UInt32]] = [:]
        for id in fresh.sorted() {
            guard let condition = conditions.entries[id]?.condition else { continue }
            for (namespace, cohorts) in scope(of: condition) {
                let labels = namespaces[namespace] ?? [:]
                for cohort in cohorts where !dirty.contains(cohort) {
                    guard let pod = anyPod(of: cohort), condition.matches(pod, namespaceLabels: labels) else {
                        continue
                    }
                    joined[cohort, default: []].append(id)
                }
            }
        }
        for (cohort, ids) in joined {
            pending[cohort] = (classes.signature(of: cohort).filter { !dying.contains($0) } + ids).sorted()
        }
        return pending
    }

    func anyPod(of cohort: UInt32) -> PolicyPod? { cohorts.members(of: cohort).first.flatMap { pods[$0] } }

    private func scope(of condition: PodCondition) -> [(String, Set<UInt32>)] {
        switch condition.scope {
        case .namespace(let name): return cohorts.ofNamespace[name].map { [(name, $0)] } ?? []
        case .namespaces(let selector):
            return cohorts.ofNamespace.filter { selector.matches(namespaces[$0.key] ?? [:]) }
                .map { ($0.key, $0.value) }
        }
    }

    private mutating func writeRows(_ change: Partition.Change, _ newPeers: Set<UInt32>, _ batch: inout Batch) {
        var touched = Set(change.resigned)
        for id in newPeers { touched.formUnion(classes.classes(with: id)) }
        let born = Set(change.newClasses)
        for index in touched.union(born).sorted() {
            guard let entry = classes.classes[index] else { continue }
            let bits = entry.signature.compactMap { conditions.bit(of: $0) }
            if born.contains(index) {
                rows.set(index, bits: bits, &batch.delta.classRows)
            } else {
                rows.add(index, bits: bits, &batch.delta.classRows)
            }
        }
        for index in change.newClasses + change.resigned {
            guard let entry = classes.classes[index] else { continue }
            batch.delta.journal.append(
                JournalEntry("class/\(index)", JournalText.classEntry(id: entry.id, signature: entry.signature)))
        }
    }

    private mutating func placeMembers(_ change: Partition.Change, _ batch: inout Batch) {
        if !closedClassWritten {
            closedClassWritten = true
            batch.delta.bornClasses[Self.closedClass] = .closed
        }
        for cohort in change.placed { overflow.remove(cohort) }
        overflow.formUnion(change.overflowed)
        for cohort in change.placed + change.overflowed {
            place(cohorts.members(of: cohort), of: cohort, &batch.delta)
        }
        for member in batch.dirtyPods {
            if let cohort = cohorts.cohort(of: member) { place([member], of: cohort, &batch.delta) }
        }
    }

    /// Says which class endpoints of a cohort are in, where that is news.
    private mutating func place(_ members: Set<UInt32>, of cohort: UInt32, _ delta: inout PolicyDelta) {
        let isWithout = overflow.contains(cohort)
        guard let id = isWithout ? Self.closedClass : classes.classOf[cohort].flatMap({ classes.classes[$0]?.id })
        else { return }
        for member in members {
            noteRoom(for: member, isWithout: isWithout)
            let former = placed.updateValue(id, for: member)
            if former == id { continue }
            if former == nil, !isWithout {
                delta.bornEndpoints[member] = id
            } else {
                delta.endpointClasses[member] = id
            }
        }
    }

    private mutating func noteRoom(for member: UInt32, isWithout: Bool) {
        if !isWithout {
            if !podProblems.isEmpty { podProblems[member] = nil }
        } else if podProblems[member] == nil, let pod = pods[member] {
            podProblems[member] = PolicyError(
                .noClassFree, pod.key, "no class is free of \(limits.classes - 2)", effect: "all its traffic is dropped"
            )
        }
    }

    private mutating func refreshLists(_ change: Partition.Change, _ batch: inout Batch) {
        let born = Set(change.newClasses)
        var touched = born.union(change.resigned).union(starved)
        for subject in batch.subjects { touched.formUnion(classes.classes(with: subject)) }
        for index in touched.sorted() where index != 0 {
            guard let entry = classes.classes[index] else { continue }
            let (ingress, egress, tooLong) = contents(of: entry)
            var full = false
            let lists = lists.set(index, ingress: ingress, egress: egress, &batch.delta, full: &full)
            classProblems[index] = full ? noRoom(entry, ingress.rules.count + egress.rules.count) : tooLong
            if full { starved.insert(index) } else { starved.remove(index) }
            guard let lists else { continue }
            if born.contains(index) {
                batch.delta.bornClasses[index] = lists
            } else {
                batch.delta.classLists[index] = lists
            }
        }
    }

    private func noRoom(_ entry: Partition.Entry, _ wanted: Int) -> PolicyError? {
        let together = wanted > lists.freeRules ? "" : ", but not together"
        return first(entry).map { pod in
            PolicyError(
                .noRulesFree, pod.key,
                "its policies make \(wanted.counted("rule")); \(lists.freeRules) of \(limits.rules) are free"
                    + together,
                effect: "the direction is closed")
        }
    }

    /// Any pod of a class, the same one each time: what policies say of it they say of all.
    private func first(_ entry: Partition.Entry) -> PolicyPod? { members(of: entry).min().flatMap { pods[$0] } }

    /// The policies that select a class, in the order in which they are asked.
    func selecting(_ entry: Partition.Entry) -> [PolicyRecord] {
        var selecting: [PolicyRecord] = []
        for id in entry.signature {
            for key in policiesBySubject[id] ?? [] {
                if let record = policies[key] { selecting.append(record) }
            }
        }
        return selecting.sorted { OrderedPolicy.inOrder($0.policy, $1.policy) }
    }

    private func contents(
        of entry: Partition.Entry
    ) -> (ingress: ListContent, egress: ListContent, problem: PolicyError?) {
        let selecting = selecting(entry)
        guard let pod = entry.members.first.flatMap(anyPod), !selecting.isEmpty else {
            return (.open, .open, nil)
        }
        let mode = (selecting.map(\.policy.onChange).max() ?? .recheck).listFlags
        let ingress = content(selecting, \.ingress, pod, mode)
        let egress = content(selecting, \.egress, pod, mode)
        let long = [("ingress", ingress.rules.count), ("egress", egress.rules.count)].filter { $0.1 > limits.listRules }
        if long.isEmpty { return (ingress, egress, nil) }
        let names = selecting.prefix(4).map { "\($0.policy.key)" }.joined(separator: ", ")
        let named = (first(entry) ?? pod).key
        let problem = PolicyError(
            .listTooLong, named,
            "its policies (\(names)\(selecting.count > 4 ? " …" : "")) make "
                + long.map { "\($0.1) \($0.0)" }.joined(separator: " and ")
                + " rules, more than the \(limits.listRules) of a list",
            effect: long.map(\.0).joined(separator: " and ") + (long.count > 1 ? " are closed" : " is closed"),
            pod: named)
        return (fitting(ingress), fitting(egress), problem)
    }

    private func fitting(_ content: ListContent) -> ListContent {
        content.rules.count > limits.listRules ? .closed : content
    }

    /// The rules of all tiers, in the order of `selecting`. Where a NetworkPolicy isolates, Baseline is not reached and
    /// is left out.
    func content(
        _ selecting: [PolicyRecord], _ direction: KeyPath<PolicyRecord, CompiledDirection?>, _ pod: PolicyPod,
        _ mode: ListFlags
    ) -> ListContent {
        var content = ListContent(rules: [], flags: mode, isolationRuleID: 0)
        for record in selecting {
            guard let compiled = record[keyPath: direction] else { continue }
            let tier = record.policy.tier
            if tier > .networkPolicy && content.flags.contains(.isolated) { break }
            if compiled.isClosed || isShort(compiled) { return .closed }
            if record.policy.isolates, content.flags.insert(.isolated).inserted {
                content.isolationRuleID = compiled.isolationID
            }
            if compiled.refusesPods { content.flags.insert(.podDeny) }
            for template in compiled.templates {
                if let rule = write(template, tier, pod) { content.rules.append(rule) }
            }
        }
        return content
    }

    /// Nil where the rule is about a port name that the class does not have, or about a block that has no room.
    func write(_ template: RuleTemplate, _ tier: RuleTier, _ pod: PolicyPod) -> RuleEntry? {
        if isShort(template) { return nil }
        let transport: UInt8
        let ports: PortRange
        switch template.port {
        case .any: (transport, ports) = (0, .all)
        case .range(let wanted, let range): (transport, ports) = (wanted.rawValue, range)
        case .named(let name):
            guard let number = pod.number(of: name.name, name.transport) else { return nil }
            (transport, ports) = (name.transport.rawValue, PortRange(number))
        }
        return RuleEntry(
            peer: template.peer, ruleID: template.ruleID, transport: transport, ports: ports,
            action: template.action, tier: tier)
    }
}

extension ChangeMode {
    /// As the lists of a class say it.
    var listFlags: ListFlags {
        switch self {
        case .keep: .keep
        case .recheck: .recheck
        case .reset: .reset
        }
    }
}
