import APIClient
import JSONText
import KubeObjects
import PolicyCompiler
import Testing

@testable import Agent

/// Which nodes hold a `wait` back.
@Suite struct WaitedNodesTests {
    private static let policy = ObjectReference(.networkPolicies, namespace: "shop", name: "db")

    private func node(_ name: String, isReady: Bool = true) -> Node {
        Node(metadata: ObjectMeta(name: name), isReady: isReady)
    }

    private func report(_ name: String, _ revision: Int64?, missing: [NotEnforced] = []) -> JSONValue {
        let report = DataplaneReport(
            revision: revision, generation: 1, tables: [], notEnforced: missing, lastError: "")
        return ["metadata": ["name": .string(name)], "status": report.status(transition: "")]
    }

    private func missing(_ name: String, version: String) -> NotEnforced {
        NotEnforced(
            resource: .networkPolicies, key: ObjectKey("shop", name), resourceVersion: version, reason: "ListTooLong",
            message: "too long", enforcedVersion: nil)
    }

    private func nodes(
        _ revision: Int64, _ nodes: [Node], _ reports: [JSONValue], policy: ObjectReference? = nil
    ) -> WaitedNodes {
        WaitedNodes(
            revision, of: policy.map { .policy($0) } ?? .everything(upTo: revision), own: "here", nodes: nodes,
            reports: reports)
    }

    @Test func aReadyNodeThatLagsHoldsItBackAndIsNamedUntilItReports() {
        let all = [node("here"), node("b"), node("a")]
        let lagging = nodes(9, all, [report("a", 9), report("b", 8)])
        #expect(lagging.behind == ["b (reports revision 8)"] && lagging.refusal == nil)
        for reached in Int64(9)...10 {
            let done = nodes(9, all, [report("b", reached), report("a", 9)])
            #expect(done.behind.isEmpty && done.waited == ["a", "b", "here"] && done.notReady.isEmpty)
        }
    }

    @Test func aReadyNodeWithoutAReportHoldsItBack() {
        #expect(nodes(9, [node("b")], [report("here", 9)]).behind == ["b (no report)"])
        #expect(nodes(9, [node("b")], [report("b", nil)]).behind == ["b (reports revision 0)"])
    }

    @Test func aNodeThatIsNotReadyIsNamedAndNotWaitedFor() {
        let found = nodes(9, [node("here"), node("b", isReady: false), node("a")], [report("a", 9), report("b", 3)])
        #expect(found.behind.isEmpty && found.notReady == ["b"] && found.waited == ["a", "here"])
    }

    @Test func thisNodeHasAnsweredForItselfWhateverItsObjectSays() {
        for own in [[], [node("here")], [node("here", isReady: false)]] {
            let found = nodes(9, own + [node("a")], [report("here", 1), report("a", 9)])
            #expect(found.behind.isEmpty && found.waited == ["a", "here"] && found.notReady.isEmpty)
        }
    }

    @Test func aReportRefusesThePolicyVersionThatItNames() {
        let reports = [report("b", 12, missing: [missing("db", version: "9")])]
        #expect(nodes(9, [node("b")], reports, policy: Self.policy).refusal == "not enforced on node b: too long")
        #expect(nodes(10, [node("b")], reports, policy: Self.policy).refusal == nil, "only the older one does not fit")
        let other = ObjectReference(.networkPolicies, namespace: "shop", name: "web")
        #expect(nodes(9, [node("b")], reports, policy: other).refusal == nil)
        #expect(nodes(9, [node("b", isReady: false)], reports, policy: Self.policy).refusal == nil)
    }

    @Test func aReportRefusesEverythingUpToARevisionThatAMissingVersionBelongsTo() {
        let reports = [report("b", 12, missing: [missing("db", version: "9"), missing("web", version: "12")])]
        #expect(nodes(9, [node("b")], reports).refusal == "not enforced on node b: NetworkPolicy shop/db: too long")
        #expect(
            nodes(12, [node("b")], reports).refusal
                == "not enforced on node b: NetworkPolicy shop/db: too long, and 1 more")
        let whole = nodes(8, [node("b")], [report("b", 12)])
        #expect(nodes(8, [node("b")], reports) == whole, "only later ones are missing")
        #expect(nodes(9, [node("b", isReady: false)], reports).refusal == nil)
    }

    @Test func aMissingPlaceBelongsToEveryRevision() {
        let reports = [report("b", 12, missing: [missing("db", version: "")])]
        #expect(nodes(1, [node("b")], reports).refusal != nil)
    }

    @Test func aNodeThatLagsMayStillMakeItGood() {
        let found = nodes(9, [node("b")], [report("b", 5, missing: [missing("db", version: "5")])])
        #expect(found.refusal == nil && found.behind == ["b (reports revision 5)"])
    }

    @Test func aReportThatDoesNotNameAllProvesNothing() {
        let many = (0..<DataplaneReport.notEnforcedMax + 1).map { missing("p\($0)", version: "11") }
        let reports = [report("b", 12, missing: many)]
        let behind = ["b (names 100 of 101 objects that are not enforced)"]
        #expect(nodes(9, [node("b")], reports, policy: Self.policy).behind == behind)
        #expect(nodes(9, [node("b")], reports).behind == behind)
    }
}
