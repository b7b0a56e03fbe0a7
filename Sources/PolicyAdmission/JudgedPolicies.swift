import KubeObjects
import NetTypes
import PolicyCompiler

/// Compiled policies and the invariants over them.
struct JudgedPolicies: Sendable {
    var policy: PolicyCompiler
    var invariants = InvariantTable()

    init(limits: PolicyLimits, podCIDRs: [CIDR]) {
        policy = PolicyCompiler(limits: limits)
        _ = policy.apply([.podCIDRs(podCIDRs)])
    }

    /// - Parameters:
    ///   - invariants: new, changed and removed (nil) ones by name.
    ///   - pods: those among the changes.
    /// - Returns: invariants that held before and do not any more.
    mutating func apply(
        _ changes: [PolicyChange], _ changed: [(name: String, invariant: NetworkInvariant?)], pods: [ObjectKey]
    ) -> [BrokenInvariant] {
        var fresh: Set<String> = []
        for (name, invariant) in changed where invariants.set(name, invariant, &policy) { fresh.insert(name) }
        if changes.isEmpty, fresh.isEmpty { return [] }
        let delta = policy.apply(changes)
        policy.releaseNow(delta.retired)
        if invariants.isEmpty { return [] }
        return invariants.check(policy, touched: policy.classes(touchedBy: delta, pods: pods), fresh: fresh)
    }
}
