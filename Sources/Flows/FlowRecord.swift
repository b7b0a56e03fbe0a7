package import KubeObjects
import MapLayout

/// What became of a packet or flow.
package enum FlowVerdict: String, Sendable, CaseIterable {
    case allowed
    case dropped
    case closed
    /// Open, and ended by a change of policy.
    case reset
}

/// An event with the names that its numbers had when it came in.
package struct FlowRecord: Hashable, Sendable {
    /// Grows by one with each record of this daemon; what a follower has seen.
    package let sequence: UInt64
    /// Nanoseconds since 1970, UTC.
    package let unixNanoseconds: UInt64
    package let event: FlowEvent
    package let sourcePod: ObjectKey?
    package let destinationPod: ObjectKey?
    package let service: ObjectKey?
    package let rule: FlowRule?
    /// Of a flow that passed: the rule of the other direction that allowed it as well.
    package let otherRule: FlowRule?
    package let revision: String?
    /// What dry runs would have made of it; nil where the same.
    package internal(set) var trial: FlowTrial?

    package init(_ event: FlowEvent, sequence: UInt64, anchor: ClockAnchor, names: some FlowNames) {
        self.sequence = sequence
        self.event = event
        unixNanoseconds = anchor.unixNanoseconds(at: event.monotonicNanoseconds)
        sourcePod = Self.pod(event.source, names)
        destinationPod = Self.pod(event.destination, names)
        service = event.frontend.flatMap(names.service)
        rule = names.rule(event.ruleID)
        otherRule = names.rule(event.otherRuleID)
        revision = names.revision(generation: event.generation)
    }

    private static func pod(_ end: FlowEvent.End, _ names: some FlowNames) -> ObjectKey? {
        end.endpoint == 0 ? nil : names.pod(endpoint: end.endpoint, incarnation: end.incarnation)
    }

    package var verdict: FlowVerdict {
        switch event.kind {
        case .flow: .allowed
        case .drop: .dropped
        case .close: .closed
        case .reset: .reset
        }
    }

    /// What decided, in words: the rule (of what passed, that of the other direction too), `default allow`, the drop
    /// reason.
    package var decision: String {
        if let rule { return rule.text + (otherRule.map { ", \($0.text)" } ?? "") }
        switch event.kind {
        case .drop, .reset: return event.reason == .policy ? "rule \(event.ruleID)" : event.reason.name
        case .flow, .close: break
        }
        switch event.ruleID {
        case 0: return "default allow"
        case 1: return "own node"
        case 2: return "own pod"
        default: return "rule \(event.ruleID)"
        }
    }
}
