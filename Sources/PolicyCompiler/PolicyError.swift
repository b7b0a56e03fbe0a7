package import KubeObjects

/// What could not be compiled: the object, what it asked for and what there is.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A class' list of one direction is longer than a list may be.
        case listTooLong
        case noSelectorFree
        case noBlockFree
        case noNetworkFree
        case noClassFree
        case noRulesFree
    }

    package let code: Code
    /// The policy that does not fit, or the pod that found no class.
    package let object: ObjectKey
    package let message: String
    package let cause: String?

    package init(_ code: Code, _ object: ObjectKey, _ message: String, cause: String? = nil) {
        self.code = code
        self.object = object
        self.message = message
        self.cause = cause
    }

    package var description: String { "\(object): \(message)" + (cause.map { " (\($0))" } ?? "") }
}
