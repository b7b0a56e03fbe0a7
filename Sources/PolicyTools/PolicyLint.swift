import JSONText
import KubeObjects
package import NetTypes

/// Reads policies for what their authors probably did not mean. Checks that need pods are left out where no pod is
/// known, and `hasPods` says so.
package struct PolicyLint: Sendable {
    enum Direction: Hashable {
        case ingress
        case egress

        var field: String {
            switch self {
            case .ingress: "ingress"
            case .egress: "egress"
            }
        }
        var peers: String {
            switch self {
            case .ingress: "from"
            case .egress: "to"
            }
        }
        var word: String {
            switch self {
            case .ingress: "Ingress"
            case .egress: "Egress"
            }
        }
    }

    let world: PolicyWorld
    /// Where Service addresses come from.
    let serviceBlocks: [CIDR]
    let nameServer: NameServer?
    /// Rules of NetworkPolicies that others make superfluous, and which ones do.
    let shadowed: [RulePlace: String]
    /// Address blocks of NetworkPolicies.
    let blocks: PlacedBlocks
    private let budget: ComparisonBudget
    /// Those that policies can select, and those of the host network.
    let pods: PodIndex
    let hosts: PodIndex

    /// - Parameters:
    ///   - serviceBlocks: address ranges of Services, a setting of the cluster (`--service-cidr` of the daemon).
    ///   - nameServer: whom pods ask for names; nil: nobody, and nothing is said of it.
    ///   - budget: how much rules and blocks are compared with one another.
    package init(
        _ world: PolicyWorld, serviceBlocks: [CIDR], nameServer: NameServer? = .usual,
        budget: ComparisonBudget = ComparisonBudget()
    ) {
        self.world = world
        self.serviceBlocks = serviceBlocks
        self.nameServer = nameServer
        var left = budget
        shadowed = Self.shadows(world, &left)
        self.budget = left
        blocks = PlacedBlocks(world.policies.map(\.policy))
        pods = PodIndex(world.policyPods, namespaces: world.namespaces)
        hosts = PodIndex(world.hostPods, namespaces: world.namespaces)
    }

    /// False: nothing is known of pods, and the checks that compare with them are left out.
    package var hasPods: Bool { !world.pods.isEmpty }

    func selected(by policy: NetworkPolicy) -> [Pod] {
        pods.pods(of: .pods(namespaces: nil, pods: policy.podSelector), in: policy.metadata.namespace)
    }

    /// The worst first.
    package func findings() -> [LintFinding] {
        var found = refusals + misfits + repetitions
        var budget = budget
        for entry in world.policies {
            var report = Report(entry, budget)
            dryRun(entry.policy.metadata, &report)
            namespace(&report)
            subject(&report)
            types(&report)
            for direction in [Direction.ingress, .egress] { rules(direction, &report) }
            shadows(&report)
            overruled(&report)
            names(&report)
            found += report.findings
            budget = report.budget
        }
        for entry in world.clusterEntries {
            var report = Report(entry, budget)
            dryRun(entry.policy.metadata, &report)
            cluster(&report)
            found += report.findings
            budget = report.budget
        }
        return (found + nameServerFindings + notJudged + Self.notCompared(budget)).sorted()
    }

    /// Objects that stand in the files more than once: a file that is named twice is one place.
    private var repetitions: [LintFinding] {
        world.places.compactMap { object, sources in
            let others = Set(sources).subtracting([sources.last ?? ""]).sorted()
            if others.isEmpty { return nil }
            return LintFinding(
                severity: .warning, check: .repeated, object: object, source: sources.last ?? "",
                field: "metadata.name",
                meaning:
                    "also stands in \(others.joined(separator: " and ")): of two with one name the last counts, here "
                    + "and when they are applied",
                advice: "give one another name where both are meant, else remove one")
        }
    }

    /// One note for all kinds that say nothing here.
    private var notJudged: [LintFinding] {
        if world.passed.isEmpty { return [] }
        let count = world.passed.values.reduce(0, +)
        return [
            LintFinding(
                severity: .note, check: .notJudged, object: count.counted("other object"), source: "",
                field: "", meaning: "not looked at: \(world.passedText(templates: true))",
                advice: Self.advice(for: Array(world.passed.keys)))
        ]
    }

    private static func advice(for kinds: [PassedKind]) -> String {
        let own = kinds.filter(\.isOwn)
        let foreign =
            kinds.count == own.count
            ? nil
            : "nothing of \(own.isEmpty ? "them" : "the others") is enforced as a policy: say it as NetworkPolicy or "
                + "ClusterNetworkPolicy"
        let mine =
            own.isEmpty ? nil : "kinds of \(PassedKind.ownGroup) say nothing that lint judges: the API server does"
        return [mine, foreign].compactMap { $0 }.joined(separator: "; ")
    }

    /// That something may have been missed, for want of time.
    private static func notCompared(_ budget: ComparisonBudget) -> [LintFinding] {
        if budget.cut == 0 { return [] }
        return [
            LintFinding(
                severity: .note, check: .notCompared, object: budget.cut.counted("comparison"), source: "", field: "",
                meaning: "not made, or not with all of the other rules and blocks: there are too many of them, and "
                    + "shadowed, overruled and overlapping-blocks may miss some",
                advice: "read fewer policies at a time, a namespace with the ClusterNetworkPolicies for example")
        ]
    }

    /// What is found in one policy.
    struct Report<Entry: PolicyWorldEntry> {
        let entry: Entry
        var findings: [LintFinding] = []
        var budget: ComparisonBudget
        var policy: Entry.Policy { entry.policy }

        init(_ entry: Entry, _ budget: ComparisonBudget = ComparisonBudget()) {
            self.entry = entry
            self.budget = budget
        }

        mutating func add(
            _ severity: LintFinding.Severity, _ check: LintCheck, _ field: String, _ meaning: String, _ advice: String
        ) {
            findings.append(
                LintFinding(
                    severity: severity, check: check, object: entry.object, source: entry.source, field: field,
                    meaning: meaning, advice: advice))
        }
    }

    // MARK: The whole policy

    private func dryRun<Entry>(_ metadata: ObjectMeta, _ report: inout Report<Entry>) {
        let field = "metadata.annotations[\(ObjectMeta.dryRunAnnotation)]"
        if metadata.isDryRun {
            report.add(
                .note, .dryRun, field, "it is a dry run: it enforces nothing",
                "martlet flows --verdict would-deny shows what it would drop; remove the annotation to enforce it")
        } else if let value = metadata.annotations[ObjectMeta.dryRunAnnotation], value != "false" {
            report.add(
                .error, .dryRun, field, "\"\(value)\" is not \"true\": the policy is enforced",
                "write \"true\" for a dry run, or remove the annotation")
        }
    }

    /// Where the namespaces of a cluster are known: each has the one named `default`.
    private func namespace(_ report: inout Report<PolicyWorld.Entry>) {
        let name = report.policy.metadata.namespace
        guard world.madeNamespaces.contains("default"), !world.madeNamespaces.contains(name) else { return }
        report.add(
            .warning, .noNamespace, "metadata.namespace", "there is no namespace \(name): the API server refuses it",
            "correct the name, or make the namespace first")
    }

    private func subject(_ report: inout Report<PolicyWorld.Entry>) {
        let policy = report.policy
        let field = "spec.podSelector"
        if policy.podSelector.isEverything, report.entry.body[path: "spec", "podSelector"] == nil {
            report.add(
                .warning, .noPodSelector, field,
                "left out, it selects every pod of namespace \(policy.metadata.namespace)",
                "write podSelector: {} where that is meant, else the labels of the pods")
        }
        if let key = policy.podSelector.contradiction {
            report.add(
                .error, .neverMatches, field, "no pod can satisfy what it asks of label \(key)",
                "keep one of the requirements; alternatives are the values of one In")
            return
        }
        guard hasPods else { return }
        let own = PolicyPeer.pods(namespaces: nil, pods: policy.podSelector)
        let isIdle = pods.isIdle(own, in: policy.metadata.namespace)
        let hosts = hosts.pods(of: own, in: policy.metadata.namespace)
        if ofHostNetwork(hosts, isAll: isIdle, field, &report) || !isIdle || policy.podSelector.isEverything { return }
        report.add(
            .warning, .selectsNothing, field,
            "no pod in namespace \(policy.metadata.namespace) has \(policy.podSelector)",
            "compare with the labels of the pods; the policy holds for none until one comes")
    }

    private func types(_ report: inout Report<PolicyWorld.Entry>) {
        let spec = report.entry.body["spec"]
        let types = spec?["policyTypes"]?.array ?? []
        let hasIngress = spec?["ingress"]?.array?.isEmpty == false
        let hasEgress = spec?["egress"]?.array?.isEmpty == false
        if types.isEmpty, hasEgress, !hasIngress {
            report.add(
                .warning, .policyTypes, "spec.policyTypes",
                "left out, it includes Ingress: with no ingress rule, nobody may open a connection to these pods",
                "write policyTypes: [Egress] to restrict egress alone, [Ingress, Egress] to close ingress too")
        }
        if !types.isEmpty {
            for (direction, isThere) in [(Direction.ingress, hasIngress), (.egress, hasEgress)]
            where isThere && !types.contains(.string(direction.word)) {
                report.add(
                    .error, .ignoredRules, "spec.\(direction.field)",
                    "policyTypes does not name \(direction.word): these rules do nothing",
                    "add \(direction.word) to spec.policyTypes, or remove the rules")
            }
        }
    }
}
