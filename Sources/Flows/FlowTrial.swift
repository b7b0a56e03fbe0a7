/// What the dry runs of policies would make of a flow, where that is not what became of it.
package struct FlowTrial: Hashable, Sendable {
    package enum Verdict: String, Sendable, CaseIterable {
        case wouldDeny = "would-deny"
        case wouldAllow = "would-allow"
    }

    package let verdict: Verdict
    /// Decides with the dry runs; nil where no policy does (one in force is off as a dry run).
    package let rule: FlowRule?

    package init(_ verdict: Verdict, by rule: FlowRule?) {
        self.verdict = verdict
        self.rule = rule
    }
}
