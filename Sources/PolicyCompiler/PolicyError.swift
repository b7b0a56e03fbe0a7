package import KubeObjects

/// What could not be compiled: the object, what it asked for and what there is.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A class' list of one direction is longer than a list may be.
        case listTooLong
        case noSelectorFree
        case noBlockFree
        case noNetworkFree
        case noCIDRClassFree
        case noClassFree
        case noRulesFree
    }

    package let code: Code
    /// The policy that does not fit or is not wholly in force, or the pod that found no class.
    package let object: ObjectKey
    package let message: String
    /// What comes of it where it is so all the same: `ingress is closed`. Empty: said elsewhere.
    package let effect: String
    /// Whose list is too long: a pod that the policy selects, or the object itself.
    package let pod: ObjectKey?
    package let cause: String?

    package init(
        _ code: Code, _ object: ObjectKey, _ message: String, effect: String = "", pod: ObjectKey? = nil,
        cause: String? = nil
    ) {
        self.code = code
        self.object = object
        self.message = message
        self.effect = effect
        self.pod = pod
        self.cause = cause
    }

    /// The same of another pod of the class.
    func of(_ pod: ObjectKey) -> PolicyError {
        PolicyError(code, pod, message, effect: effect, pod: self.pod.map { _ in pod }, cause: cause)
    }

    /// Without the object's name.
    package var sentence: String { message + (effect.isEmpty ? "" : ": \(effect)") }

    package var description: String { "\(object): \(sentence)" + (cause.map { " (\($0))" } ?? "") }
}
