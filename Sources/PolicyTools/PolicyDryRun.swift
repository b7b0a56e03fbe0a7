import KubeObjects

/// Policies that are tried and not enforced.
extension PolicyWorld {
    /// This world with what is enforced alone: a dry run counts as not being there.
    package var inForce: PolicyWorld {
        var world = self
        for entry in policies where entry.policy.metadata.isDryRun { _ = world.remove(policy: entry.policy.key) }
        for entry in clusterEntries where entry.policy.metadata.isDryRun { _ = world.remove(policy: entry.policy.key) }
        return world
    }

    /// Of a change from `old` to `new`: what its dry runs mean.
    package static func dryRunNotes(_ old: PolicyWorld, _ new: PolicyWorld) -> [String] {
        let inForce = Set(old.inForce.policies.map(\.object) + old.inForce.clusterEntries.map(\.object))
        return new.dryRuns.map { name in
            inForce.contains(name)
                ? "\(name) is in force now: as a dry run it counts as deleted"
                : "\(name) is a dry run: it is judged beside the others and enforces nothing"
        }
    }

    /// Kind and name.
    package var dryRuns: [String] {
        clusterEntries.filter { $0.policy.metadata.isDryRun }.map(\.object)
            + policies.filter { $0.policy.metadata.isDryRun }.map(\.object)
    }
}
