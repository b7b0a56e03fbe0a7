import APIMachinery
import JSONText
import KubeObjects
package import PolicyCompiler

extension PolicyWorld {
    /// Policies of files that can be read here and that the API server refuses all the same: where each stands, why.
    package var refusals: [String] {
        let entries: [any PolicyWorldEntry] = policies + clusterEntries
        return entries.filter { !$0.source.isEmpty }.flatMap { entry in
            PolicyLint.faults(entry.body).map { fault in
                let field = fault.field.isEmpty ? "" : "\(fault.field): "
                return "\(entry.source): \(entry.object): \(field)\(fault.message)"
            }
        }
    }
}

/// What the API server refuses: by its own schema and validation, and by what the tables hold.
extension PolicyLint {
    /// Every fault of every object that would be refused.
    var refusals: [LintFinding] {
        var found: [LintFinding] = []
        for entry in world.unreadable {
            let faults = Self.faults(entry.body)
            found += faults.map { finding(entry.object, entry.source, $0.field, $0.message) }
            if faults.contains(where: { $0.field == entry.error.field }) { continue }
            found.append(finding(entry.object, entry.source, entry.error.field, entry.error.message))
        }
        for entry in world.policies {
            found += Self.faults(entry.body).map { finding(entry.object, entry.source, $0.field, $0.message) }
        }
        for entry in world.clusterEntries {
            found += Self.faults(entry.body).map { finding(entry.object, entry.source, $0.field, $0.message) }
        }
        return found
    }

    private func finding(_ object: String, _ source: String, _ field: String, _ message: String) -> LintFinding {
        LintFinding(
            severity: .error, check: .unreadable, object: object, source: source, field: field,
            meaning: "the API server refuses it: \(message)", advice: "correct the field")
    }

    /// What the server finds in a new policy; empty for other kinds.
    fileprivate static func faults(_ body: JSONValue) -> [(field: String, message: String)] {
        let apiVersion = body["apiVersion"]?.string ?? ""
        guard let kind = ReadKind(kind: body["kind"]?.string ?? "", apiVersion: apiVersion), kind.isPolicy,
            let resource = ResourceRegistry.builtin.resources(group: kind.group, version: kind.version)
                .first(where: { $0.kind.kind == kind.rawValue }), apiVersion == kind.apiVersion
        else { return [] }
        var fresh = body
        // Of an object that is in a cluster already.
        fresh["metadata"]?["resourceVersion"] = nil
        fresh["metadata"]?["managedFields"] = nil
        let request = WriteRequest(
            resource, namespace: resource.isNamespaced ? body[path: "metadata", "namespace"]?.string ?? "" : "",
            manager: "lint", now: Timestamp(secondsSince1970: 0), uid: "", nameSuffix: "")
        var writer = ObjectWriter(request)
        do throws(APIStatus) {
            _ = try writer.finishCreate(try writer.beginCreate(try writer.decode(fresh)))
            return []
        } catch {
            let causes = error.details?.causes ?? []
            return causes.isEmpty ? [("", error.message)] : causes.map { ($0.field, $0.message) }
        }
    }

    /// Policies, one after the other in the order of their names, for which the tables have no room beside the pods
    /// that are known.
    var misfits: [LintFinding] {
        let named =
            world.policies.map { ($0.policy.key, ($0.object, $0.source)) }
            + world.clusterEntries.map { ($0.policy.key, ($0.object, $0.source)) }
        let sources = Dictionary(named) { $1 }
        return Self.problems(world).map { problem in
            let (object, source) = sources[problem.object] ?? ("Pod \(problem.object)", "")
            return LintFinding(
                severity: .error, check: .doesNotFit, object: object, source: source, field: "spec",
                meaning: "the API server refuses it: \(problem.message)",
                advice: "say it in fewer rules: a selector for many peers, a range for many ports, fewer pods")
        }
    }

    /// What would be refused if policies came one after the other. A batch compares each with those before it, as far
    /// as classes of pods are there already: so all policies go in without their rules first.
    package static func problems(_ world: PolicyWorld, _ limits: PolicyLimits = .admitted) -> [PolicyError] {
        let enforced = world.inForce
        let changes = enforced.changes(PodPlaces(enforced))
        let policies = changes.filter(\.isPolicy)
        var compiler = PolicyCompiler(limits: limits)
        var delta = compiler.apply(changes.filter { !$0.isPolicy } + policies.map(\.withoutRules))
        delta = compiler.release(delta.retired)
        delta = compiler.apply(policies)
        _ = compiler.release(delta.retired)
        // What found no room beside that which was only just given back.
        if compiler.lacksRoom { _ = compiler.apply([]) }
        return compiler.problems
    }
}

extension PolicyChange {
    fileprivate var isPolicy: Bool {
        switch self {
        case .policy, .clusterPolicy, .policyRemoved: true
        case .pod, .podRemoved, .orphaned, .unmanaged, .namespace, .namespaceRemoved, .node, .nodeRemoved, .podCIDRs:
            false
        }
    }

    /// A policy that selects the same pods; other changes as they are.
    fileprivate var withoutRules: PolicyChange {
        switch self {
        case .policy(var policy):
            policy.ingress = policy.ingress.map { _ in [] }
            policy.egress = policy.egress.map { _ in [] }
            return .policy(policy)
        case .clusterPolicy(var policy):
            policy.ingress = []
            policy.egress = []
            return .clusterPolicy(policy)
        case .policyRemoved, .pod, .podRemoved, .orphaned, .unmanaged, .namespace, .namespaceRemoved, .node,
            .nodeRemoved, .podCIDRs:
            return self
        }
    }
}
