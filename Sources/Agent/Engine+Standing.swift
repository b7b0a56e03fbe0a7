import APIClient
import KubeObjects
import PolicyCompiler
import Reconcile

/// How a version of a policy stands.
enum PolicyStanding: Hashable {
    case underWay
    case inForce
    /// It does not fit, or a pod that it selects is closed for want of room; the reason.
    case refused(String)
}

/// What is known to be in force.
extension Engine {
    /// Everything up to this revision is in force, whatever its kind; nil before the first full compile.
    var provenRevision: Int64? { enforcement.proven }

    /// The version, or a later one.
    func standing(of key: ObjectKey, version: String) -> PolicyStanding {
        if let refusal = policy.refusal(of: key), Self.reaches(refusal.resourceVersion, version) {
            let error = refusal.error
            // What comes of it, or what holds instead.
            let isSaid = !error.effect.isEmpty
            return .refused(isSaid ? error.sentence : refused(error, version: refusal.resourceVersion).sentence)
        }
        guard let compiled = policy.version(of: key), Self.reaches(compiled, version), !planner.isHeldBack,
            owed.isEmpty
        else {
            return .underWay
        }
        return policy.shortfall(of: key).map { .refused($0) } ?? .inForce
    }

    /// Whether a resourceVersion is this one or a later one.
    static func reaches(_ found: String, _ wanted: String) -> Bool {
        guard let number = Int64(found), let least = Int64(wanted) else { return found == wanted }
        return number >= least
    }
}
