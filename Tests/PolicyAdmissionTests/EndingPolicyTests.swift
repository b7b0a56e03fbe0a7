import JSONText
import KubeObjects
import PolicyCompiler
import Testing

@testable import PolicyAdmission

/// A policy that is being deleted is judged as gone when it is marked, and as there while it enforces.
@Suite struct EndingPolicyTests {
    private func object(
        _ kind: AdmittedObject.Kind, _ path: String, env: String = "", spec: JSONValue = [:], isEnding: Bool = false
    ) -> AdmittedObject {
        let parts = path.split(separator: "/").map(String.init)
        var metadata: [String: JSONValue] = ["name": .string(parts.last ?? "")]
        if parts.count == 2 { metadata["namespace"] = .string(parts[0]) }
        if !env.isEmpty { metadata["labels"] = ["env": .string(env)] }
        if isEnding {
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            metadata["finalizers"] = ["foregroundDeletion"]
        }
        return AdmittedObject(kind, path: path, ["metadata": .object(metadata), "spec": spec, "status": [:]])
    }

    /// Isolates `p`, and lets namespaces of an environment in.
    private func policy(_ path: String, allowing env: String? = nil, isEnding: Bool = false) -> AdmittedObject {
        let rules: JSONValue =
            env.map { [["from": [["namespaceSelector": ["matchLabels": ["env": .string($0)]]]]]] } ?? []
        return object(
            .networkPolicy, path, spec: ["podSelector": [:], "policyTypes": ["Ingress"], "ingress": rules],
            isEnding: isEnding)
    }

    private func gone(_ object: AdmittedObject) -> AdmittedObject {
        AdmittedObject(object.kind, path: object.key.description, nil)
    }

    /// `d/web` (dev) may not reach `p/db` (prod), which `p/shut` isolates.
    private func cluster(_ more: AdmittedObject...) -> CapacityShadow {
        var shadow = CapacityShadow()
        let invariant = object(
            .networkInvariant, "i",
            spec: [
                "statement": "Never", "from": ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
                "to": ["namespaceSelector": ["matchLabels": ["env": "prod"]]],
            ])
        shadow.take(
            [
                object(.namespace, "d", env: "dev"), object(.namespace, "p", env: "prod"), object(.pod, "d/web"),
                object(.pod, "p/db"), policy("p/shut"), invariant,
            ] + more)
        return shadow
    }

    @Test func theMarkIsRefusedAsTheDeletionIs() {
        var shadow = cluster()
        let (marked, present) = (policy("p/shut", isEnding: true), policy("p/shut"))
        #expect(marked.mayMatter(after: present.value) && !marked.mayMatter(after: marked.value))
        #expect(shadow.judge(marked, present: present).broken.map(\.name) == ["i"])
        // It stands as before: nothing is told as broken, and the next deletion is refused as well.
        #expect(shadow.invariantStates == ["i": nil])
        #expect(shadow.judge(gone(present), present: present).broken.count == 1)
    }

    @Test func aMarkThatWasLetThroughIsCompleted() {
        var shadow = cluster()
        let (marked, present) = (policy("p/shut", isEnding: true), policy("p/shut"))
        #expect(shadow.judge(marked, present: present, overriding: true).broken.count == 1)
        // It enforces until it is gone.
        #expect(shadow.invariantStates == ["i": nil])
        #expect(shadow.judge(gone(marked), present: marked).isEmpty)
        #expect(shadow.invariantStates["i"].flatMap { $0 } != nil)
    }

    @Test func aMarkThatBreaksNothingIsCompletedAndIsNoneTheLess() {
        var shadow = cluster(policy("p/other"))
        let marked = policy("p/other", isEnding: true)
        #expect(shadow.judge(marked, present: policy("p/other")).isEmpty)
        // The last one that does not go keeps it.
        #expect(shadow.judge(gone(policy("p/shut")), present: policy("p/shut")).broken.count == 1)
        #expect(shadow.judge(gone(marked), present: marked).isEmpty)
        #expect(shadow.invariantStates == ["i": nil])
    }

    @Test func whatIsMarkedCannotBeMadeToOpen() {
        var shadow = cluster(policy("p/other"))
        let marked = policy("p/other", isEnding: true)
        #expect(shadow.judge(marked, present: policy("p/other")).isEmpty)
        let opening = policy("p/other", allowing: "dev", isEnding: true)
        #expect(opening.mayMatter(after: marked.value))
        #expect(shadow.judge(opening, present: marked).broken.map(\.name) == ["i"])
    }

    @Test func whatKeepsAMarkedOneFromOpeningStays() {
        // Denied before the policy that lets dev in is asked.
        let deny = object(
            .clusterNetworkPolicy, "deny",
            spec: [
                "tier": "Admin", "priority": 1, "subject": ["namespaces": ["matchLabels": ["env": "prod"]]],
                "ingress": [
                    ["action": "Deny", "from": [["namespaces": ["matchLabels": ["env": "dev"]]]]]
                ],
            ])
        var shadow = cluster(deny, policy("p/open", allowing: "dev", isEnding: true))
        #expect(shadow.invariantStates == ["i": nil])
        #expect(shadow.judge(gone(deny), present: deny).broken.map(\.name) == ["i"])
        shadow.take([gone(policy("p/open"))])
        #expect(shadow.judge(gone(deny), present: deny).isEmpty)
    }

    @Test func whatStandsMarkedAtTheStartIsCompleted() {
        var shadow = cluster(policy("p/shut", isEnding: true))
        #expect(shadow.judge(gone(policy("p/shut")), present: policy("p/shut", isEnding: true)).isEmpty)
    }

    @Test func aMarkedPolicyTakesItsRoomUntilItIsGone() {
        var shadow = CapacityShadow(limits: PolicyLimits(selectors: 1))
        shadow.take([object(.namespace, "p"), policy("p/a", allowing: "x")])
        let marked = policy("p/a", allowing: "x", isEnding: true)
        #expect(shadow.judge(marked, present: policy("p/a", allowing: "x")).isEmpty)
        let next = policy("p/b", allowing: "y")
        #expect(shadow.judge(next, present: gone(next)).refusals.map(\.table) == ["selectors"])
        #expect(shadow.judge(gone(marked), present: marked).isEmpty)
        #expect(shadow.judge(next, present: gone(next)).isEmpty)
    }

    @Test func whatDoesNotFitOrCannotBeReadMayBeMarked() {
        var shadow = CapacityShadow(limits: PolicyLimits(selectors: 1))
        shadow.take([object(.namespace, "p"), policy("p/a", allowing: "x"), policy("p/b", allowing: "y")])
        let tooMuch = policy("p/b", allowing: "y")
        #expect(shadow.judge(policy("p/b", allowing: "y", isEnding: true), present: tooMuch).isEmpty)
        let spec: JSONValue = ["podSelector": 7]
        let present = object(.networkPolicy, "p/c", spec: spec)
        #expect(shadow.judge(object(.networkPolicy, "p/c", spec: spec, isEnding: true), present: present).isEmpty)
    }

    @Test func inANamespaceThatIsEndingAMarkBreaksNothingOnceItsPodsHaveGone() {
        var shadow = cluster()
        shadow.take([object(.namespace, "p", env: "prod", isEnding: true)])
        let marked = policy("p/shut", isEnding: true)
        #expect(shadow.judge(marked, present: policy("p/shut")).broken.map(\.name) == ["i"])
        shadow.take([gone(object(.pod, "p/db"))])
        #expect(shadow.judge(marked, present: policy("p/shut")).isEmpty)
    }
}
