package import JSONText

/// The condition `Enforced` of a policy: whether it is in force, as the node's agent says it.
package struct PolicyCondition: Hashable, Sendable {
    package static let type = "Enforced"

    package var isTrue: Bool
    /// One word: `InForce`, `NotEnforceable`.
    package var reason: String
    package var message: String
    /// `metadata.generation` of the policy that this is about.
    package var generation: Int64

    package init(isTrue: Bool, reason: String, message: String, generation: Int64) {
        self.isTrue = isTrue
        self.reason = reason
        self.message = message
        self.generation = generation
    }

    /// Reads `status.conditions`; nil where nobody has said anything yet.
    package init?(status: FieldReader) throws(ObjectError) {
        for entry in try status["conditions"].elements() where try entry["type"].string() == Self.type {
            self.init(
                isTrue: try entry["status"].string() == "True", reason: try entry["reason"].string() ?? "",
                message: try entry["message"].string() ?? "",
                generation: try entry["observedGeneration"].integer(in: 0...(.max)) ?? 0)
            return
        }
        return nil
    }

    /// As it stands in `status.conditions`; `time` is RFC 3339 in whole seconds.
    package func json(time: String) -> JSONValue {
        [
            "type": .string(Self.type), "status": .string(isTrue ? "True" : "False"), "reason": .string(reason),
            "message": .string(message), "observedGeneration": .integer(generation),
            "lastTransitionTime": .string(time),
        ]
    }
}
