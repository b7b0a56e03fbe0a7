import KubeObjects
import NetTypes
import PolicyCompiler

/// Policies without which pods could ask for names.
extension PolicyLint {
    /// A dry run is judged with the other dry runs, and what is enforced without them.
    var nameServerFindings: [LintFinding] {
        guard let nameServer else { return [] }
        let tried = Set(world.dryRuns)
        let enforced = findings(NameServerCheck(world.inForce, nameServer, holdsServicesAlone: holdsServicesAlone))
        if tried.isEmpty { return enforced }
        let all = findings(NameServerCheck(world, nameServer, holdsServicesAlone: holdsServicesAlone))
        return enforced + all.filter { tried.contains($0.object) }
    }

    private func findings(_ check: NameServerCheck) -> [LintFinding] {
        check.shut.flatMap { shut -> [LintFinding] in
            let key = shut.blame.policy
            if let entry = check.world.policies.first(where: { $0.policy.key == key }) {
                return finding(shut, check, entry)
            }
            return check.world.clusterEntries.filter { $0.policy.key == key }.flatMap { finding(shut, check, $0) }
        }
    }

    private func finding<Entry>(_ shut: NameServerCheck.Shut, _ check: NameServerCheck, _ entry: Entry) -> [LintFinding]
    where Entry: PolicyWorldEntry {
        var report = Report(entry)
        let (server, port) = (check.server, shut.target.port)
        let assumed =
            server.isAssumed ? " (no pod of it was read: one with these labels is assumed; --dns names another)" : ""
        let field = "spec.\(shut.blame.direction.rawValue)" + (shut.blame.rule.map { "[\($0)]" } ?? "")
        let whose = Self.who(shut)
        let question = "the name server \(server.name) on UDP port \(port)\(assumed)"
        let reason = shut.reason.isEmpty ? "names do not resolve" : shut.reason
        switch (shut.blame.direction, shut.blame.rule) {
        case (.egress, nil):
            report.add(
                .warning, .egressWithoutDNS, field, "\(whose) cannot ask \(question): \(reason)",
                Self.way(to: shut.target, server))
        case (.egress, .some):
            report.add(
                .warning, .egressWithoutDNS, field,
                "denies \(whose) \(question), and no rule before it lets the question by: \(reason)",
                "before it, Accept or Pass UDP and TCP port \(port) to "
                    + (Self.isHost(shut.target) ? "nodes, by the labels of the nodes" : "the pods \(server.name)"))
        case (.ingress, nil):
            report.add(
                .warning, .nameServerClosed, field, "closes \(question) to \(whose): \(reason)",
                "allow UDP and TCP port \(port) from namespaceSelector {}: pods of every namespace ask it")
        case (.ingress, .some):
            report.add(
                .warning, .nameServerClosed, field,
                "denies \(question) to \(whose), and no rule before it lets the question by: \(reason)",
                "before it, Accept or Pass UDP and TCP port \(port), with the pods \(server.name) as the subject")
        }
        return report.findings
    }

    /// No selector finds pods of the host network.
    private static func isHost(_ target: NameServer.Target) -> Bool { target.pod?.isHostNetwork == true }

    private static func way(to target: NameServer.Target, _ server: NameServer.Found) -> String {
        let allow = "allow UDP and TCP port \(target.port) to"
        if !isHost(target) { return "\(allow) \(server.peer), in one entry of to; or address by number" }
        let own = target.addresses.first.map { "ipBlock: {cidr: \(CIDR($0))}" } ?? "an ipBlock of the nodes' addresses"
        return "\(allow) \(own): it is on the host network, where no selector finds it"
    }

    /// Workloads, the first of them by name.
    private static func who(_ shut: NameServerCheck.Shut) -> String {
        if shut.isExample { return shut.blame.direction == .egress ? "the pods that it selects" : "pods" }
        let workloads = Set(shut.pods.map(\.workload)).sorted()
        let names = workloads.prefix(3).map { "\($0)" }.joined(separator: ", ")
        return names + (workloads.count > 3 ? " and \((workloads.count - 3).counted("other workload"))" : "")
    }
}
