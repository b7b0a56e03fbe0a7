import KubeObjects

extension PolicyCompiler {
    /// Whether the maps or the kernel decided a direction as the evaluator did: the same verdict, by the same rule of
    /// the same policy. Of two rules that say the same, each side reports the first in the order of the API, so that no
    /// difference is excused. Where no policy decides, the other side may name only ids that no policy owns.
    package func agrees(
        _ verdict: PolicyMaps.Verdict, with decision: PolicyEvaluator.Decision, _ direction: RuleInfo.Direction
    ) -> Bool {
        guard verdict.isAllowed == decision.isAllowed else { return false }
        let decider: (policy: ObjectKey, rule: Int?)?
        switch decision {
        case .allowed(let policy, let rule), .denied(let policy, let rule): decider = (policy, rule)
        case .isolated(let policies): decider = policies.first.map { ($0, nil) }
        case .itself, .ownNode, .notIsolated, .unknownPeer, .closed: decider = nil
        }
        guard let decider else { return verdict.ruleID < RuleNames.first }
        guard let info = rule(verdict.ruleID) else { return false }
        return info.policy == decider.policy && info.index == decider.rule && info.direction == direction
    }
}
