package import KubeObjects
import MapLayout

/// Ports that one end of a flow does not let through, and who says so.
package struct ReachRefusal: Hashable, Sendable {
    package let span: PortSpan
    /// The rule that denies, or what isolates; 0 where the direction is closed, as its policies do not fit.
    package let rule: UInt32
    /// The sender refuses, not the receiver.
    package let isEgress: Bool
    /// Policies isolate, and no rule of theirs allows it: nothing denies.
    package let isIsolation: Bool
}

extension PolicyCompiler {
    /// What does not get from one end to another, over either family; what both ends refuse stands there for each.
    package func refusals(from: ReachPlace, to: ReachPlace) -> Set<ReachRefusal> {
        var found: Set<ReachRefusal> = []
        for sender in from.egress {
            for receiver in to.ingress {
                if let mine = sender.family, let other = receiver.family, mine != other { continue }
                for (side, peer, isEgress) in [(sender, receiver, true), (receiver, sender, false)] {
                    _ = passed(side.list, peer: peer, PortSpan.everything) { span, rule, isIsolation in
                        found.insert(
                            ReachRefusal(span: span, rule: rule, isEgress: isEgress, isIsolation: isIsolation))
                    }
                }
            }
        }
        return found
    }

    /// The strictest that the policies of an end ask for its open flows; nil where none selects it.
    package func changeMode(of place: ReachPlace) -> ChangeMode? {
        let flags = (place.egress + place.ingress).map(\.list.flags)
        return ChangeMode.allCases.filter { mode in flags.contains { $0.contains(mode.listFlags) } }.max()
    }
}
