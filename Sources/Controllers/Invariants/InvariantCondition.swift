import JSONText
import KubeObjects

/// The condition `Holds` of a NetworkInvariant.
struct InvariantCondition: Hashable, Sendable {
    /// `True`, `False` or `Unknown`.
    let status: String
    let reason: String
    let message: String

    /// Nil where the judge has not looked at the invariant yet.
    /// - Parameters:
    ///   - object: the invariant as it is stored.
    ///   - state: what the judge says of it: a flow that breaks it, or that there is none; nil: it does not know it.
    init?(of object: JSONValue, _ state: String??) {
        switch state {
        case .some(.some(let flow)): (status, reason, message) = ("False", "FlowFound", flow)
        case .some(.none): (status, reason, message) = ("True", "NoFlowFound", "no flow breaks it")
        case .none:
            do throws(ObjectError) {
                _ = try NetworkInvariant(object)
                return nil
            } catch {
                (status, reason, message) = ("Unknown", "Unreadable", "it is not looked after: \(error)")
            }
        }
    }
}
