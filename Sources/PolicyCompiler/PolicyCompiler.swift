package import KubeObjects
import MapLayout
package import NetTypes

/// Objects in, map entries out: keeps the desired policy state and says, for each batch of changes, what has to be
/// written. The work and the delta grow with what the batch changes, not with the cluster; the state after a batch is
/// the same, up to the numbers chosen, however the objects came.
///
/// Use: `apply` a batch; persist `delta.journal`; hand the delta to the generation planner; when it says that the grace
/// period of the delta's flip is over, call `release(delta.retired)` and hand on that delta too.
/// After a restart: `init(journal:)`, `apply` all objects in one batch, then `finishAdoption`.
package struct PolicyCompiler: Sendable {
    package let limits: PolicyLimits
    var pods: [UInt32: PolicyPod] = [:]
    var memberOf: [ObjectKey: UInt32] = [:]
    var cohorts = CohortTable()
    var namespaces: [String: [String: String]] = [:]
    var policies: [ObjectKey: PolicyRecord] = [:]
    var policiesBySubject: [UInt32: Set<ObjectKey>] = [:]
    /// Of the policies of each namespace together; without a namespace, of ClusterNetworkPolicies.
    var ruleCounts: [String: RuleCounts] = [:]
    /// Of the policies of each subject together.
    var subjectCounts: [UInt32: RuleCounts] = [:]
    /// Policies that reset the flows they forbid.
    var resetting: Set<ObjectKey> = []
    var policiesByPort: [NamedPort: Set<ObjectKey>] = [:]
    /// How many pods give a name which number.
    var portValues: [NamedPort: [UInt16: Int]] = [:]
    var nodes: [String: PolicyNode] = [:]
    /// Where pods of the cluster get their addresses.
    package internal(set) var podCIDRs: [CIDR] = []
    var strays = StrayAddresses()
    var blocksCoverPods = false
    var conditions: ConditionTable
    /// Of cohorts.
    var classes: Partition
    /// Endpoint → class id, as the last delta about it has it.
    var placed = EndpointTable<UInt32>()
    var rows = RowModel()
    var blocks: BlockTable
    var lists: ListTable
    var rules = RuleNames()
    /// Cohorts for which no class was left.
    var overflow: Set<UInt32> = []
    /// Endpoints that outlive their Pods.
    var orphans: [ObjectKey: UInt32] = [:]
    /// What does not fit: policies by name, pods without a class by number, and lists by class.
    var policyProblems: [ObjectKey: PolicyError] = [:]
    var podProblems: [UInt32: PolicyError] = [:]
    var classProblems: [UInt32: PolicyError] = [:]
    /// Policies in force of whose address blocks some found no room, with the bits of those.
    var blockProblems: [ObjectKey: (error: PolicyError, bits: Set<UInt32>)] = [:]
    /// Policies that did not fit, as they were asked for: tried again with every batch.
    var refused: [ObjectKey: OrderedPolicy] = [:]
    /// Classes whose rules found no room.
    var starved: Set<UInt32> = []
    var closedClassWritten = false
    /// The counters as the journal has them.
    var journalled = "0 0"

    /// The class of pods for which no class is left: nothing passes.
    package static let closedClass: UInt32 = 1

    package init(limits: PolicyLimits = PolicyLimits()) {
        self.limits = limits
        conditions = ConditionTable(limits)
        classes = Partition(indices: 2..<limits.classes)
        blocks = BlockTable(limits)
        lists = ListTable(limits)
    }

    /// What one batch has touched so far.
    struct Batch {
        var delta = PolicyDelta()
        /// Pods that are new or in another cohort than before.
        var dirtyPods: Set<UInt32> = []
        /// Cohorts that are new, or whose namespace has other labels.
        var dirtyCohorts: Set<UInt32> = []
        var policies: [ObjectKey: OrderedPolicy?] = [:]
        var ports: Set<NamedPort> = []
        var subjects: Set<UInt32> = []
        var nodesChanged = false
    }

    /// Takes changes in any order and returns what has to be written. Policies that do not fit keep their last good
    /// version, or isolate alone; `delta.problems` names them.
    package mutating func apply(_ changes: [PolicyChange]) -> PolicyDelta {
        var batch = Batch()
        strays.beginBatch()
        for change in changes { take(change, &batch) }
        for port in batch.ports {
            for key in policiesByPort[port] ?? [] where batch.policies[key] == nil && refused[key] == nil {
                batch.policies[key] = policies[key]?.policy
            }
        }
        for (key, policy) in refused where batch.policies[key] == nil { batch.policies[key] = policy }
        let ordered = batch.policies.sorted { $0.key < $1.key }
        for (key, policy) in ordered where policy == nil { replace(key, nil, &batch) }
        for (key, policy) in ordered where policy != nil { replace(key, policy, &batch) }
        refreshHosts(&batch)
        blocks.commit(into: &batch.delta)
        judgeBlocks(&batch)
        commitClasses(&batch)
        refreshCoverage(&batch)
        let incarnations = "\(classes.incarnations) \(blocks.partition.incarnations)"
        if incarnations != journalled {
            journalled = incarnations
            batch.delta.journal.append(JournalEntry("counter/incarnations", incarnations))
        }
        batch.delta.problems = problems
        return batch.delta
    }

    /// Gives numbers back, one grace period after the flip that retired them.
    package mutating func release(_ retired: [RetiredNumber]) -> PolicyDelta {
        var delta = PolicyDelta()
        for number in retired {
            switch number {
            case .classIndex(let index):
                rows.forget(index)
                classes.free(index)
            case .selector(let bit):
                rows.clear(bit, &delta.classRows)
                conditions.freeBit(bit)
            case .cidrClassIndex(let index): blocks.freeClass(index)
            case .block(let bit): blocks.freeBit(bit, &delta)
            case .rules(let extent): lists.free(extent)
            case .networkKey(let cidr, let number, let life):
                blocks.removeKey(cidr, number: number, life: life, &delta)
            case .networkNumber(let number): blocks.freeNumber(number)
            }
        }
        return delta
    }

    /// What does not fit now, by object; of the pods of one class the first.
    package var problems: [PolicyError] {
        let all =
            Array(policyProblems.values) + Array(podProblems.values) + Array(classProblems.values)
            + blockProblems.values.map(\.error)
        return all.sorted { ($0.object, $0.message) < ($1.object, $1.message) }
    }

    /// Whether something does not fit.
    package var lacksRoom: Bool {
        !policyProblems.isEmpty || !podProblems.isEmpty || !classProblems.isEmpty || !blockProblems.isEmpty
    }

    /// Whether a change of policy may have to reset open flows.
    package var mayReset: Bool { !resetting.isEmpty }

    /// What a rule id in an event or a flow stands for.
    package func rule(_ id: UInt32) -> RuleInfo? { rules.info(id) }

    /// Whether a pod stands under this endpoint number.
    package func knows(endpoint: UInt32) -> Bool { pods[endpoint] != nil }

    /// The class id of a pod; nil where the pod is not known. For displays.
    package func classID(of pod: ObjectKey) -> UInt32? {
        memberOf[pod].flatMap { placed[$0] }
    }

    /// The class index of a pod; nil where it is in none.
    func classIndex(of member: UInt32) -> UInt32? { cohorts.cohort(of: member).flatMap { classes.classOf[$0] } }

    /// The endpoint numbers of a class, cohort by cohort.
    func members(of entry: Partition.Entry) -> some Sequence<UInt32> {
        entry.members.lazy.flatMap { cohorts.members(of: $0) }
    }

    // MARK: Taking changes

    private mutating func take(_ change: PolicyChange, _ batch: inout Batch) {
        switch change {
        case .pod(let pod): takePod(pod, &batch)
        case .podRemoved(let key):
            if let endpoint = orphans.removeValue(forKey: key) { placed[endpoint] = nil }
            dropPod(key, &batch)
        case .orphaned(let key, let endpoint):
            orphans[key] = endpoint
            let isKnown = memberOf[key] == endpoint
            dropPod(key, &batch)
            placed[endpoint] = Self.closedClass
            if isKnown {
                batch.delta.endpointClasses[endpoint] = Self.closedClass
            } else {
                batch.delta.bornEndpoints[endpoint] = Self.closedClass
            }
        case .unmanaged(let endpoint):
            if let stranger = pods[endpoint] { dropPod(stranger.key, &batch) }
            batch.delta.bornEndpoints[endpoint] = 0
        case .namespace(let name, let labels):
            guard namespaces[name] != labels else { return }
            namespaces[name] = labels
            batch.dirtyCohorts.formUnion(cohorts.ofNamespace[name] ?? [])
        case .namespaceRemoved(let name):
            guard namespaces.removeValue(forKey: name) != nil else { return }
            batch.dirtyCohorts.formUnion(cohorts.ofNamespace[name] ?? [])
        case .policy(let policy): batch.policies[policy.key] = .some(OrderedPolicy(policy))
        case .clusterPolicy(let policy): batch.policies[policy.key] = .some(OrderedPolicy(policy))
        case .policyRemoved(let key): batch.policies[key] = .some(nil)
        case .node(let node):
            let seen = PolicyNode(labels: node.metadata.labels, addresses: node.addresses)
            guard nodes[node.name] != seen else { return }
            nodes[node.name] = seen
            batch.nodesChanged = true
        case .nodeRemoved(let name):
            if nodes.removeValue(forKey: name) != nil { batch.nodesChanged = true }
        case .podCIDRs(let blocks):
            podCIDRs = blocks
            strays.reset()
            for pod in pods.values { addStrays(of: pod) }
        }
    }

    func isStray(_ address: IPAddress) -> Bool { !podCIDRs.contains { $0.contains(address) } }

    private mutating func addStrays(of pod: PolicyPod) {
        for address in pod.addresses where isStray(address) { strays.add(address) }
    }

    private mutating func removeStrays(of pod: PolicyPod?) {
        for address in pod?.addresses ?? [] where isStray(address) { strays.remove(address) }
    }

    private mutating func takePod(_ pod: PolicyPod, _ batch: inout Batch) {
        if let member = memberOf[pod.key] {
            if pods[member] == pod { return }
            if member != pod.endpoint {
                dropPod(pod.key, &batch)
            } else {
                countPorts(pods[member], -1, &batch)
                removeStrays(of: pods[member])
                leaveCohort(member, &batch)
            }
        }
        if let endpoint = orphans.removeValue(forKey: pod.key), endpoint != pod.endpoint { placed[endpoint] = nil }
        if let stranger = pods[pod.endpoint], stranger.key != pod.key { dropPod(stranger.key, &batch) }
        pods[pod.endpoint] = pod
        memberOf[pod.key] = pod.endpoint
        let (cohort, count) = cohorts.join(pod)
        if count == 1 { batch.dirtyCohorts.insert(cohort) }
        classes.weigh(cohort, count)
        countPorts(pod, 1, &batch)
        addStrays(of: pod)
        batch.dirtyPods.insert(pod.endpoint)
    }

    private mutating func dropPod(_ key: ObjectKey, _ batch: inout Batch) {
        guard let member = memberOf.removeValue(forKey: key) else { return }
        let pod = pods.removeValue(forKey: member)
        countPorts(pod, -1, &batch)
        removeStrays(of: pod)
        leaveCohort(member, &batch)
        batch.dirtyPods.remove(member)
        placed[member] = nil
        podProblems[member] = nil
    }

    private mutating func leaveCohort(_ member: UInt32, _ batch: inout Batch) {
        guard let (cohort, count) = cohorts.leave(member) else { return }
        guard count == 0 else { return classes.weigh(cohort, count) }
        batch.dirtyCohorts.remove(cohort)
        classes.remove(cohort)
        overflow.remove(cohort)
    }

    private mutating func countPorts(_ pod: PolicyPod?, _ step: Int, _ batch: inout Batch) {
        for port in pod?.ports ?? [] {
            let name = NamedPort(name: port.name, transport: port.transport)
            let count = (portValues[name]?[port.number] ?? 0) + step
            portValues[name, default: [:]][port.number] = count > 0 ? count : nil
            if portValues[name]?.isEmpty == true { portValues[name] = nil }
            if count == 0 || (count == 1 && step > 0) { batch.ports.insert(name) }
        }
    }

    // MARK: Blocks

    /// Addresses behind blocks that a named port narrows (rare, so looked at as a whole), and behind node selectors
    /// where nodes changed.
    private mutating func refreshHosts(_ batch: inout Batch) {
        for bit in blocks.variable.sorted() {
            guard let condition = blocks.blocks[bit]?.condition else { continue }
            if case .nodes = condition, !batch.nodesChanged { continue }
            blocks.setHosts(hosts(of: condition), of: bit)
        }
    }

    func hosts(of condition: BlockCondition) -> Set<IPAddress> {
        var hosts: Set<IPAddress> = []
        switch condition {
        case .block: return []
        case .named(let block, let port):
            for pod in pods.values where pod.number(of: port.name, port.transport) == port.number {
                hosts.formUnion(pod.addresses.filter(block.contains))
            }
        case .nodes(let selector):
            for node in nodes.values where selector.matches(node.labels) { hosts.formUnion(node.addresses) }
        }
        return hosts
    }

    private mutating func refreshCoverage(_ batch: inout Batch) {
        let live = blocks.blocks.values
        let covers =
            !strays.isEmpty || podCIDRs.isEmpty
            ? !live.isEmpty
            : live.contains { block in block.spans.contains { span in podCIDRs.contains { $0.overlaps(span) } } }
        guard covers != blocksCoverPods else { return }
        blocksCoverPods = covers
        batch.delta.blocksCoverPods = covers
    }
}

/// What policy reads of a node.
struct PolicyNode: Hashable, Sendable {
    let labels: [String: String]
    let addresses: [IPAddress]
}
