import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@testable import PolicyAdmission

/// A write that breaks what must hold is refused with a pod, another pod, a port and the rules; what was broken before
/// is no one's fault.
@Suite struct InvariantTests {
    private func object(
        _ kind: AdmittedObject.Kind, _ namespace: String, _ name: String, _ labels: [String: String] = [:],
        spec: JSONValue = [:], status: JSONValue = [:]
    ) -> AdmittedObject {
        var metadata: [String: JSONValue] = [
            "name": .string(name), "labels": .object(labels.mapValues { .string($0) }),
        ]
        if !namespace.isEmpty { metadata["namespace"] = .string(namespace) }
        return AdmittedObject(
            kind, path: namespace.isEmpty ? name : "\(namespace)/\(name)",
            ["metadata": .object(metadata), "spec": spec, "status": status])
    }

    private func pod(_ namespace: String, _ name: String, _ labels: [String: String] = [:]) -> AdmittedObject {
        object(.pod, namespace, name, labels)
    }

    private func namespace(_ name: String, _ environment: String) -> AdmittedObject {
        object(.namespace, "", name, ["env": environment])
    }

    /// Lets these namespaces in, by label; nil: nobody.
    private func policy(_ namespace: String, _ name: String, allowing environment: String?) -> AdmittedObject {
        var spec: [String: JSONValue] = ["podSelector": [:], "policyTypes": ["Ingress"]]
        if let environment {
            spec["ingress"] = [
                [
                    "from": [["namespaceSelector": ["matchLabels": ["env": .string(environment)]]]],
                    "ports": [["port": 5432, "protocol": "TCP"]],
                ]
            ]
        }
        return object(.networkPolicy, namespace, name, spec: .object(spec))
    }

    private func invariant(_ statement: String, from: JSONValue, to: JSONValue, ports: JSONValue = []) -> AdmittedObject
    {
        object(
            .networkInvariant, "", "i",
            spec: ["statement": .string(statement), "from": from, "to": to, "ports": ports])
    }

    private var devToProd: AdmittedObject {
        invariant(
            "Never", from: ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
            to: ["namespaceSelector": ["matchLabels": ["env": "prod"]]])
    }

    private func gone(_ object: AdmittedObject) -> AdmittedObject {
        AdmittedObject(object.kind, path: object.key.description, nil)
    }

    /// Pods `d/web` (env dev) and `p/db` (env prod), which nobody reaches.
    private func cluster() -> CapacityShadow {
        var shadow = CapacityShadow()
        shadow.take([
            namespace("d", "dev"), namespace("p", "prod"), namespace("x", "none"), pod("d", "web"), pod("p", "db"),
            policy("p", "shut", allowing: nil), devToProd,
        ])
        return shadow
    }

    private func holds(_ shadow: CapacityShadow) -> Bool { shadow.invariantStates == ["i": nil] }

    @Test func aPolicyThatOpensWhatMustStayShutIsRefusedWithAWitness() {
        var shadow = cluster()
        #expect(holds(shadow))
        let opening = policy("p", "open", allowing: "dev")
        let verdict = shadow.judge(opening, present: gone(opening))
        let text = verdict.broken.first?.description ?? ""
        #expect(verdict.refusals.isEmpty && verdict.broken.map(\.name) == ["i"])
        #expect(text.contains("d/web reaches p/db on TCP 5432") && text.contains("in by p/open ingress rule 0"))
        #expect(holds(shadow))
        #expect(shadow.judge(policy("p", "open", allowing: "prod"), present: gone(opening)).isEmpty)
    }

    @Test func aDeletedPolicyALabelOfAPodOrNamespaceAndANewPodAreJudged() {
        var shadow = cluster()
        let shut = policy("p", "shut", allowing: nil)
        #expect(shadow.judge(gone(shut), present: shut).broken.count == 1)
        // A namespace that turns into dev: allowed nowhere, so nothing breaks; one that turns into prod is open.
        #expect(shadow.judge(namespace("x", "dev"), present: namespace("x", "none")).isEmpty)
        shadow.take([namespace("x", "none"), pod("x", "open")])
        #expect(shadow.judge(namespace("x", "prod"), present: namespace("x", "none")).broken.count == 1)
        shadow.take([namespace("q", "prod")])
        let fresh = pod("q", "new")
        let verdict = shadow.judge(fresh, present: gone(fresh))
        #expect(verdict.broken.first?.description.contains("d/web reaches q/new") == true)
        #expect(holds(shadow))
    }

    @Test func aNamespaceThatComesWithItsPodsIsJudgedWithThem() {
        var shadow = cluster()
        let (space, fresh) = (namespace("q", "prod"), pod("q", "new"))
        let verdict = shadow.judge([space, fresh], present: [gone(space), gone(fresh)])
        #expect(verdict.broken.first?.description.contains("d/web reaches q/new") == true)
        // And where the pods outlived the namespace that they were made in.
        shadow.take([gone(space), fresh])
        #expect(holds(shadow))
        #expect(shadow.judge(space, present: gone(space)).broken.count == 1)
        #expect(holds(shadow))
    }

    @Test func anInvariantForWhichNoClassIsLeftIsRefused() {
        var shadow = CapacityShadow(limits: PolicyLimits(classes: 3))
        shadow.take([namespace("d", "dev"), namespace("p", "prod"), pod("d", "web"), pod("p", "db")])
        let verdict = shadow.judge(devToProd, present: gone(devToProd))
        #expect(verdict.refusals.map(\.table) == ["classes"] && shadow.invariantStates.isEmpty)
    }

    @Test func twoWritesThatEachKeepItAreNotBothTaken() {
        var shadow = cluster()
        shadow.take([namespace("x", "none"), pod("x", "client")])
        let opening = policy("p", "open", allowing: "none")
        #expect(shadow.judge(opening, present: gone(opening)).isEmpty)
        #expect(shadow.judge(namespace("x", "dev"), present: namespace("x", "none")).isEmpty)
        // Now that x is dev: the same policy for dev would let it in.
        #expect(shadow.judge(policy("p", "open", allowing: "dev"), present: opening).broken.count == 1)
    }

    @Test func aWitnessOnAllPortsOfAProtocolNamesNone() {
        func text(_ ports: JSONValue) -> String {
            var shadow = cluster()
            shadow.take([
                invariant(
                    "Never", from: ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
                    to: ["namespaceSelector": ["matchLabels": ["env": "prod"]]], ports: [["protocol": "TCP"]])
            ])
            let opening = object(
                .networkPolicy, "p", "open",
                spec: ["podSelector": [:], "policyTypes": ["Ingress"], "ingress": [["ports": ports]]])
            return shadow.judge(opening, present: gone(opening)).broken.first?.description ?? ""
        }
        #expect(text([]).contains("d/web reaches p/db on TCP, any port, out"))
        #expect(text([["protocol": "TCP"]]).contains("d/web reaches p/db on TCP, any port, out"))
        #expect(text([["port": 80, "endPort": 90]]).contains("d/web reaches p/db on TCP 80, out"))
        #expect(text([["port": 1, "endPort": 65_535]]).contains("d/web reaches p/db on TCP 1, out"))
    }

    @Test func whatIsBrokenAlreadyIsSaidAndHoldsNobodyUp() {
        var shadow = cluster()
        shadow.take([policy("p", "open", allowing: "dev")])
        #expect(shadow.invariantStates["i"].flatMap { $0 }?.witness.ports.low == 5432)
        #expect(shadow.judge(pod("d", "other"), present: gone(pod("d", "other"))).isEmpty)
        shadow.take([gone(policy("p", "open", allowing: nil))])
        #expect(holds(shadow))
    }

    @Test func onlyNamedPodsReachAPort() {
        var shadow = cluster()
        shadow.take([
            invariant(
                "Only", from: ["namespaceSelector": ["matchLabels": ["env": "prod"]]],
                to: ["namespaceSelector": ["matchLabels": ["env": "prod"]]], ports: [["port": 5432, "protocol": "TCP"]])
        ])
        #expect(holds(shadow))
        let opening = policy("p", "open", allowing: "dev")
        #expect(shadow.judge(opening, present: gone(opening)).broken.count == 1)
        #expect(shadow.judge(policy("p", "open", allowing: "prod"), present: gone(opening)).isEmpty)
    }

    /// Lets a block in, on every port.
    private func opening(_ cidr: String, except: [JSONValue] = []) -> AdmittedObject {
        let block: JSONValue = ["cidr": .string(cidr), "except": .array(except)]
        return object(
            .networkPolicy, "p", "block", spec: ["podSelector": [:], "ingress": [["from": [["ipBlock": block]]]]])
    }

    private func onlyProd(_ podCIDRs: [String]) -> CapacityShadow {
        var shadow = CapacityShadow(podCIDRs: podCIDRs.compactMap { CIDR($0) })
        let prod: JSONValue = ["namespaceSelector": ["matchLabels": ["env": "prod"]]]
        shadow.take([
            namespace("d", "dev"), namespace("p", "prod"), pod("d", "web"), pod("p", "db"),
            policy("p", "shut", allowing: nil), invariant("Only", from: prod, to: prod),
        ])
        return shadow
    }

    @Test func onlyMeansThatNoAddressOutsideReachesThemEither() {
        var shadow = onlyProd(["10.1.0.0/16"])
        #expect(holds(shadow))
        let world = opening("0.0.0.0/0")
        let text = shadow.judge(world, present: gone(world)).broken.first?.description ?? ""
        #expect(text.contains("203.0.113.7, which no pod has, reaches p/db on ICMP, in by p/block ingress rule 0"))
        #expect(holds(shadow))
        // Of the pods' own network nothing lies outside.
        #expect(shadow.judge(opening("10.1.0.0/16"), present: gone(world)).isEmpty)
        #expect(shadow.judge(opening("10.0.0.0/15", except: ["10.0.0.0/16"]), present: opening("10.1.0.0/16")).isEmpty)
        let shut = policy("p", "shut", allowing: nil)
        shadow.take([gone(world)])
        // `web` is named first: a pod is the better witness.
        let opened = shadow.judge(gone(shut), present: shut).broken.first?.description ?? ""
        #expect(opened.contains("d/web reaches p/db") && opened.contains("in as no policy selects it"))
        shadow.take([gone(pod("d", "web"))])
        let alone = shadow.judge(gone(shut), present: shut).broken.first?.description ?? ""
        #expect(alone.contains("203.0.113.7, which no pod has, reaches p/db"))
        #expect(alone.contains(", in as no policy selects it") && !alone.contains("out "))
    }

    @Test func aNewPodThatTheOutsideWouldReachIsRefused() {
        var shadow = onlyProd(["10.1.0.0/16"])
        shadow.take([gone(pod("d", "web")), namespace("q", "prod")])
        let fresh = pod("q", "new")
        #expect(shadow.judge(fresh, present: gone(fresh)).broken.map(\.name) == ["i"])
        #expect(holds(shadow))
        // Never is about pods: the same pod breaks none.
        shadow.take([devToProd])
        #expect(shadow.judge(fresh, present: gone(fresh)).isEmpty)
    }

    @Test func anOverrideIsTakenAndAnEndingNamespaceMayGoWhenItsPodsHaveGone() {
        var shadow = cluster()
        let opening = policy("p", "open", allowing: "dev")
        #expect(shadow.judge(opening, present: gone(opening), overriding: true).broken.count == 1)
        #expect(!holds(shadow))

        var ending = cluster()
        ending.take([object(.namespace, "", "p", ["env": "prod"], status: ["phase": "Terminating"])])
        let shut = policy("p", "shut", allowing: nil)
        #expect(ending.judge(gone(shut), present: shut).broken.map(\.name) == ["i"])
        ending.take([gone(pod("p", "db"))])
        #expect(ending.judge(gone(shut), present: shut).isEmpty)
    }

    @Test func dryRunOfAPolicyInForceCountsAsItsDeletion() throws {
        var shadow = CapacityShadow()
        let closed = policy("prod", "closed", allowing: nil)
        var trial = try #require(closed.value)
        trial["metadata"]?["annotations"] = ["policy.martlet.io/dry-run": "true"]
        let dryRun = AdmittedObject(.networkPolicy, path: "prod/closed", trial)
        shadow.take([
            namespace("dev", "dev"), namespace("prod", "prod"), pod("dev", "a"), pod("prod", "b"), closed, devToProd,
        ])
        #expect(dryRun.mayMatter(after: closed.value))
        #expect(!dryRun.mayMatter(after: trial))
        #expect(shadow.judge(dryRun, present: closed).broken.map(\.name) == ["i"])
        // Taken back: the policy is still in force.
        #expect(shadow.invariantStates["i"] == .some(nil))
    }
}
