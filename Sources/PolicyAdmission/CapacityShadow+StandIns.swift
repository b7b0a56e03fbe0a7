import JSONText
package import KubeObjects
import PolicyCompiler

/// Policies of which another version is in force than was committed: what is judged is what is in force.
extension CapacityShadow {
    /// What is in force in place of a version that cannot be read or does not fit.
    struct StandIn: Sendable {
        /// The version that is not in force.
        let version: String
        /// Nil: none was.
        let good: PolicyChange?
    }

    /// Takes all objects for the first time; of policies first what was in force before, as the agent does it, so that
    /// it has the room that it had.
    package mutating func begin(
        _ objects: some Sequence<AdmittedObject>, former: @escaping (AdmittedObject) -> FormerPolicy
    ) {
        var later: [AdmittedObject] = []
        var good: [ObjectKey: PolicyChange] = [:]
        take(
            objects.lazy.map { object in
                guard object.isPolicy, object.enforced != nil else { return object }
                switch former(object) {
                case .present: return object
                case .none:
                    later.append(object)
                    return object.with(nil)
                case .another(let value):
                    later.append(object)
                    let standing = object.with(value)
                    good[object.key] = standing.readable
                    return standing
                }
            })
        for object in later where object.readable == nil { stand(object, good[object.key]) }
        take(later)
        let misfits = world.policy.misfits
        for object in later where misfits.contains(object.key) { stand(object, good[object.key]) }
    }

    private mutating func stand(_ object: AdmittedObject, _ good: PolicyChange?) {
        standIns[object.key] = StandIn(version: object.metadata?.resourceVersion ?? "", good: good)
    }

    /// What goes before a version that is known not to be in force: also where it comes back, as a write that was
    /// judged in its place is taken back.
    func standIn(for object: AdmittedObject) -> [PolicyChange] {
        guard let standIn = standIns[object.key], standIn.version == object.metadata?.resourceVersion else { return [] }
        return [standIn.good ?? .policyRemoved(object.key)]
    }

    /// None where what stands is to stay.
    func change(to object: AdmittedObject) -> [PolicyChange] {
        guard let value = object.enforced else { return [.policyRemoved(object.key)] }
        if let change = object.readable { return [change] }
        let stands = standIns[object.key]?.good != nil || world.policy.version(of: object.key) != nil
        if stands { return [] }
        let closing: PolicyChange? =
            object.kind == .networkPolicy
            ? NetworkPolicy(closing: value).map { .policy($0) }
            : ClusterNetworkPolicy(closing: value).map { .clusterPolicy($0) }
        return [closing ?? .policyRemoved(object.key)]
    }
}

extension AdmittedObject {
    /// Of a policy; nil where it cannot be read, or enforces nothing.
    var readable: PolicyChange? {
        guard let enforced else { return nil }
        switch kind {
        case .networkPolicy: return (try? NetworkPolicy(enforced)).map { .policy($0) }
        case .clusterNetworkPolicy: return (try? ClusterNetworkPolicy(enforced)).map { .clusterPolicy($0) }
        case .pod, .namespace, .node, .service, .endpointSlice, .networkInvariant: return nil
        }
    }

    /// Nil where there is no object, or it has none that can be read.
    package var metadata: ObjectMeta? { value.flatMap { try? ObjectMeta(object: FieldReader($0)) } }
}
