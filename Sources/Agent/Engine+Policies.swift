import APIClient
import Informers
import JSONText
import KubeObjects
import PolicyCompiler

/// Policies as they are in force, over a restart (`docs/decisions/0014`).
extension Engine {
    /// What the compiler is told of a policy as the cache has it; nil: it is gone. A dry run is in no map.
    static func change(of key: ObjectKey, _ present: PolicyChange?) -> PolicyChange {
        guard let present, present.policyMetadata?.isDryRun != true else { return .policyRemoved(key) }
        return present
    }

    /// Parts the changes of the first compile: what was in force when the daemon before ended, so that it has the room
    /// that it had; and what comes to that, to be judged as any change is.
    func byStanding(_ changes: [PolicyChange]) -> (standing: [PolicyChange], later: [PolicyChange]) {
        guard let policyJournal else { return (changes, []) }
        // The journal is to hear of those that are gone.
        unnoted.formUnion(policyJournal.formerKeys)
        var (standing, later): ([PolicyChange], [PolicyChange]) = ([], [])
        for change in changes {
            guard let metadata = change.policyMetadata else {
                standing.append(change)
                continue
            }
            switch policyJournal.former(metadata.key, uid: metadata.uid, version: metadata.resourceVersion) {
            case .present: standing.append(change)
            case .none: later.append(change)
            case .another(let object):
                if let former = PolicyChange(object) { standing.append(former) }
                later.append(change)
            }
        }
        return (standing, later)
    }

    /// After the first compile: what was in force before is asked for again of those policies alone that are not in
    /// force as they are wanted.
    func forgetFormerPolicies() { policyJournal?.forget(except: notedMissing) }

    /// Which policies cannot be read.
    func noteFaults(_ snapshot: ClusterSnapshot) {
        unreadable = Set(snapshot.networkPolicies.faults.keys).union(snapshot.clusterNetworkPolicies.faults.keys)
    }

    /// Notes for a next daemon of which policies another version comes into force. It is on the disk before anybody can
    /// hear that a policy is in force in another version than it is wanted.
    func notePolicies(_ changed: Set<ObjectKey>) {
        guard let policyJournal else { return }
        // With the first compile most stand in the file already.
        let keys = changed.union(unnoted).sorted().filter { key in
            policy.stamp(of: key).map { !policyJournal.holds(key, uid: $0.uid, version: $0.version) } ?? true
        }
        unnoted = []
        policyJournal.note(keys, all: { policy.standingKeys }, object: { policy.standing($0)?.object })
        let missing = policy.misfits.union(unreadable)
        if !missing.isSubset(of: notedMissing) { policyJournal.sync() }
        notedMissing = missing
    }
}

extension APIResource {
    var isPolicy: Bool { self == .networkPolicies || self == .clusterNetworkPolicies }
}

extension PolicyChange {
    /// The policy that is put here, as the API has it; nil for other changes.
    fileprivate var object: JSONValue? {
        switch self {
        case .policy(let policy): policy.json
        case .clusterPolicy(let policy): policy.json
        case .pod, .podRemoved, .unmanaged, .orphaned, .namespace, .namespaceRemoved, .policyRemoved, .node,
            .nodeRemoved, .podCIDRs:
            nil
        }
    }

    /// Nil where it cannot be read.
    fileprivate init?(_ object: JSONValue) {
        if object["kind"] == "NetworkPolicy" {
            guard let policy = try? NetworkPolicy(object) else { return nil }
            self = .policy(policy)
        } else {
            guard let policy = try? ClusterNetworkPolicy(object) else { return nil }
            self = .clusterPolicy(policy)
        }
    }
}
