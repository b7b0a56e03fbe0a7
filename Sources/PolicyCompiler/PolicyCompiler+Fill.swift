package import KubeObjects
import MapLayout

/// How full one table of the node is.
package struct TableFill: Hashable, Sendable {
    package let table: String
    package let used: Int
    package let limit: Int

    package init(_ table: String, used: Int, limit: Int) {
        self.table = table
        self.used = used
        self.limit = limit
    }

    package var free: Int { limit - used }
}

/// What is taken and by whom, for admission and `status`.
extension PolicyCompiler {
    /// The resourceVersion of a policy that is compiled; nil where there is none. One that does not fit keeps its last
    /// good version here, if it has one.
    package func version(of policy: ObjectKey) -> String? {
        guard let found = policies[policy]?.policy, !found.isShut, !found.resourceVersion.isEmpty else { return nil }
        return found.resourceVersion
    }

    /// Which object and version `version(of:)` is about.
    package func stamp(of policy: ObjectKey) -> (uid: String, version: String)? {
        guard let version = version(of: policy), let found = policies[policy] else { return nil }
        return (found.policy.uid, version)
    }

    /// Why a policy is not in force as it is wanted now, and which version that is; nil where it is.
    package func refusal(of key: ObjectKey) -> (error: PolicyError, resourceVersion: String)? {
        if let error = policyProblems[key], let policy = refused[key] { return (error, policy.resourceVersion) }
        guard let problem = blockProblems[key], let record = policies[key] else { return nil }
        return (problem.error, record.policy.resourceVersion)
    }

    /// All policies that are not in force as they are wanted, by name.
    package var refusals: [(error: PolicyError, resourceVersion: String)] {
        Set(policyProblems.keys).union(blockProblems.keys).sorted().compactMap(refusal(of:))
    }

    /// All pods that found no class, or whose class found no room for its rules.
    package var podsWithoutRoom: [PolicyError] {
        var found = Array(podProblems.values)
        for (index, problem) in classProblems {
            guard let entry = classes.classes[index] else { continue }
            found += members(of: entry).compactMap { pods[$0].map { problem.of($0.key) } }
        }
        return found.sorted { ($0.object, $0.message) < ($1.object, $1.message) }
    }

    /// Which pod that a policy selects is closed for want of room, though the policy itself is compiled, and why:
    /// `pod NAMESPACE/NAME: WHY`; nil where there is none.
    package func shortfall(of policy: ObjectKey) -> String? {
        guard let record = policies[policy] else { return nil }
        let ofClasses = classProblems.filter { index, _ in
            classes.classes[index].map { selecting($0).contains { $0.policy.key == policy } } ?? false
        }
        let ofPods = overflow.compactMap { cohort -> PolicyError? in
            guard let pod = anyPod(of: cohort),
                record.policy.subject.matches(pod, namespaceLabels: namespaces[pod.key.namespace] ?? [:])
            else { return nil }
            return memberOf[pod.key].flatMap { podProblems[$0] }
        }
        let first = (Array(ofClasses.values) + ofPods).min { $0.object < $1.object }
        return first.map { "pod \($0.object): \($0.sentence)" }
    }

    /// The rules that policies make in a pod's list of one direction, in the order in which they are asked; none for a
    /// pod that is not known.
    package func list(of pod: ObjectKey, _ direction: RuleInfo.Direction) -> [(policy: ObjectKey, share: Int)] {
        guard let member = memberOf[pod], let known = pods[member],
            let entry = classIndex(of: member).flatMap({ classes.classes[$0] })
        else { return [] }
        var shares: [(policy: ObjectKey, share: Int)] = []
        var isIsolated = false
        for record in selecting(entry) {
            let policy = record.policy
            guard let compiled = direction == .ingress ? record.ingress : record.egress else { continue }
            if compiled.isClosed || isShort(compiled) || (policy.tier > .networkPolicy && isIsolated) { break }
            isIsolated = isIsolated || policy.isolates
            shares.append((policy.key, compiled.templates.count { write($0, policy.tier, known) != nil }))
        }
        return shares
    }

    /// The direction in which a pod's list is longer.
    package func longerDirection(of pod: ObjectKey) -> RuleInfo.Direction {
        func count(_ direction: RuleInfo.Direction) -> Int { list(of: pod, direction).reduce(0) { $0 + $1.share } }
        return count(.egress) > count(.ingress) ? .egress : .ingress
    }

    /// Numbers that wait for their grace period count as taken.
    /// `list` is the longest list of rules.
    package var fill: [TableFill] {
        func fill(_ table: String, free: Int, of limit: UInt32, reserved: Int = 0) -> TableFill {
            TableFill(table, used: Int(limit) - reserved - free, limit: Int(limit) - reserved)
        }
        return [
            fill("classes", free: classes.freeCount, of: limits.classes, reserved: 2),
            fill("selectors", free: conditions.freeBits, of: limits.selectors),
            fill("blocks", free: blocks.freeBits, of: limits.blocks),
            fill("networks", free: blocks.freeNetworks, of: limits.networks, reserved: 1),
            fill("cidrClasses", free: blocks.partition.freeCount, of: limits.cidrClasses, reserved: 1),
            fill("rules", free: lists.freeRules, of: limits.rules),
            TableFill("list", used: lists.longest, limit: limits.listRules),
        ]
    }

    /// The policies that take most of what `problem` found no room in, the largest first: name and share. Of a list,
    /// those that select its pod.
    package func heaviest(for problem: PolicyError, countMax: Int = 3) -> [(policy: ObjectKey, share: Int)] {
        var shares = problem.pod.map { list(of: $0, longerDirection(of: $0)) } ?? []
        for (key, record) in policies {
            let share: Int
            switch problem.code {
            case .listTooLong: continue
            case .noRulesFree: share = (record.ingress?.templates.count ?? 0) + (record.egress?.templates.count ?? 0)
            case .noSelectorFree: share = Set(record.peers).count
            case .noClassFree: share = Set(record.peers).count + Set(record.conditions).count
            case .noBlockFree: share = Set(record.blocks).count
            case .noNetworkFree, .noCIDRClassFree:
                share = Set(record.blocks.flatMap { blocks.blocks[$0]?.borders ?? [] }).count
            }
            shares.append((key, share))
        }
        shares.removeAll { $0.share == 0 }
        shares.sort { ($1.share, $0.policy) < ($0.share, $1.policy) }
        return Array(shares.prefix(countMax))
    }

    /// Gives back at once what a batch retired: for a compiler that feeds no kernel and so has no grace period.
    package mutating func releaseNow(_ retired: [RetiredNumber]) {
        var due = retired
        while !due.isEmpty { due = release(due).retired }
    }
}
