import JSONText

/// What `status` says of a part of the daemon that the agent does not own: container runtime, store, controllers.
package struct PartReport: Hashable, Sendable {
    package let name: String
    /// One line.
    package let summary: String
    /// What is wrong with it; empty where nothing is.
    package let fault: String
    /// What to do then.
    package let next: String

    package init(name: String, summary: String, fault: String = "", next: String = "") {
        self.name = name
        self.summary = summary
        self.fault = fault
        self.next = next
    }

    var json: JSONValue { ["name": .string(name), "summary": .string(summary), "well": .bool(fault.isEmpty)] }
}
