import KubeObjects

/// Pods of one namespace with the same labels and the same numbers behind port names: a condition holds for all of them
/// or for none, so that they are put into classes as one. A cohort has a number of its own, which is never reused.
struct CohortTable: Sendable {
    private struct Trait: Hashable {
        let namespace: String
        let labels: [String: String]
        let ports: [NamedPortValue]
    }

    private struct Entry {
        let trait: Trait
        var members: Set<UInt32>
    }

    private var entries: [UInt32: Entry] = [:]
    private var idOf: [Trait: UInt32] = [:]
    private var cohortOf = EndpointTable<UInt32>()
    /// By namespace; a namespace without pods is not there.
    private(set) var ofNamespace: [String: Set<UInt32>] = [:]
    private var nextID: UInt32 = 1

    var count: Int { entries.count }

    /// The cohort of a pod, by the pod's endpoint number.
    func cohort(of member: UInt32) -> UInt32? { cohortOf[member] }

    /// Endpoint numbers.
    func members(of cohort: UInt32) -> Set<UInt32> { entries[cohort]?.members ?? [] }

    /// Puts a pod that is in no cohort into one.
    /// - Returns: its number, and how many pods it has now.
    mutating func join(_ pod: PolicyPod) -> (cohort: UInt32, count: Int) {
        let trait = Trait(namespace: pod.key.namespace, labels: pod.labels, ports: pod.ports)
        let cohort = idOf[trait] ?? make(trait)
        entries[cohort]?.members.insert(pod.endpoint)
        cohortOf[pod.endpoint] = cohort
        return (cohort, entries[cohort]?.members.count ?? 0)
    }

    private mutating func make(_ trait: Trait) -> UInt32 {
        let cohort = nextID
        nextID += 1
        idOf[trait] = cohort
        entries[cohort] = Entry(trait: trait, members: [])
        ofNamespace[trait.namespace, default: []].insert(cohort)
        return cohort
    }

    /// Takes a pod out of its cohort, which ends with its last pod.
    /// - Returns: the cohort's number, and how many pods it has left; nil where the pod is in none.
    mutating func leave(_ member: UInt32) -> (cohort: UInt32, count: Int)? {
        guard let cohort = cohortOf.removeValue(for: member) else { return nil }
        entries[cohort]?.members.remove(member)
        guard let entry = entries[cohort], entry.members.isEmpty else { return (cohort, members(of: cohort).count) }
        entries[cohort] = nil
        idOf[entry.trait] = nil
        let namespace = entry.trait.namespace
        ofNamespace[namespace]?.remove(cohort)
        if ofNamespace[namespace]?.isEmpty == true { ofNamespace[namespace] = nil }
        return (cohort, 0)
    }
}
