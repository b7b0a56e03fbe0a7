import JSONText
import KubeObjects
import PolicyCompiler
import Testing

@testable import PolicyAdmission

/// A write that finds no room is refused with what was asked and who has the room; the state is as it was before.
@Suite struct CapacityShadowTests {
    private func pod(_ name: String, _ labels: [String: String] = [:]) -> AdmittedObject {
        AdmittedObject(
            .pod, path: "n/\(name)",
            [
                "metadata": [
                    "namespace": "n", "name": .string(name), "labels": .object(labels.mapValues { .string($0) }),
                ],
                "spec": [:], "status": [:],
            ])
    }

    private func policy(_ name: String, ports: Int, selecting app: String? = nil) -> AdmittedObject {
        let selector: JSONValue = app.map { ["matchLabels": ["app": .string($0)]] } ?? [:]
        let entries = (0..<ports).map { JSONValue.object(["port": .integer(Int64(1000 + $0)), "protocol": "TCP"]) }
        return AdmittedObject(
            .networkPolicy, path: "n/\(name)",
            [
                "metadata": ["namespace": "n", "name": .string(name)],
                "spec": ["podSelector": selector, "ingress": [["ports": .array(entries)]]],
            ])
    }

    private func peers(_ name: String, _ apps: [String]) -> AdmittedObject {
        let from = apps.map { JSONValue.object(["podSelector": ["matchLabels": ["app": .string($0)]]]) }
        return AdmittedObject(
            .networkPolicy, path: "n/\(name)",
            [
                "metadata": ["namespace": "n", "name": .string(name)],
                "spec": ["podSelector": [:], "ingress": [["from": .array(from)]]],
            ])
    }

    /// Lets nothing out but to the blocks.
    private func blocks(_ name: String, _ blocks: [(cidr: String, except: [String])]) -> AdmittedObject {
        let to = blocks.map { block in
            JSONValue.object([
                "ipBlock": [
                    "cidr": .string(block.cidr), "except": .array(block.except.map { .string($0) }),
                ]
            ])
        }
        return AdmittedObject(
            .networkPolicy, path: "n/\(name)",
            [
                "metadata": ["namespace": "n", "name": .string(name)],
                "spec": ["podSelector": [:], "policyTypes": ["Egress"], "egress": [["to": .array(to)]]],
            ])
    }

    /// Denies the nodes with a label.
    private func guarding(_ name: String, nodes label: String) -> AdmittedObject {
        AdmittedObject(
            .clusterNetworkPolicy, path: name,
            [
                "metadata": ["name": .string(name)],
                "spec": [
                    "tier": "Admin", "priority": 1, "subject": ["namespaces": [:]],
                    "egress": [["action": "Deny", "to": [["nodes": ["matchLabels": [label: "1"]]]]]],
                ],
            ])
    }

    private func node(_ name: String, _ address: String, _ labels: [String: String] = [:]) -> AdmittedObject {
        AdmittedObject(
            .node, path: name,
            [
                "metadata": ["name": .string(name), "labels": .object(labels.mapValues { .string($0) })],
                "status": ["addresses": [["type": "InternalIP", "address": .string(address)]]],
            ])
    }

    private func namespace(_ labels: [String: String] = [:]) -> AdmittedObject {
        AdmittedObject(
            .namespace, path: "n",
            ["metadata": ["name": "n", "labels": .object(labels.mapValues { .string($0) })]])
    }

    private func gone(_ object: AdmittedObject) -> AdmittedObject {
        AdmittedObject(object.kind, path: object.key.description, nil)
    }

    private func shadow(_ limits: PolicyLimits, endpoints: Int = 64) -> CapacityShadow {
        var made = CapacityShadow(limits: limits, endpoints: endpoints, services: 3, backends: 4)
        made.take([namespace()])
        return made
    }

    @Test func aPolicyLongerThanAListIsRefusedAndNothingOfItStays() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        shadow.take([pod("a")])
        let before = shadow.fill
        let long = policy("p", ports: 5)
        let refusals = shadow.judge(long, present: gone(long)).refusals
        #expect(refusals.map(\.table) == ["list"])
        #expect(refusals.first?.message.contains("makes 5 rules") == true)
        #expect(shadow.fill == before)
        #expect(shadow.judge(policy("p", ports: 4), present: gone(long)).isEmpty)
    }

    @Test func anUpdateThatDoesNotFitLeavesTheFormerVersion() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        shadow.take([pod("a"), policy("p", ports: 3)])
        let before = shadow.fill
        #expect(!shadow.judge(policy("p", ports: 9), present: policy("p", ports: 3)).isEmpty)
        #expect(shadow.fill == before)
        #expect(shadow.judge(policy("q", ports: 1), present: gone(policy("q", ports: 1))).isEmpty)
    }

    @Test func twoPoliciesThatEachFitAreNotBothTaken() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        shadow.take([pod("a")])
        let (first, second) = (policy("p", ports: 3), policy("q", ports: 2))
        #expect(shadow.judge(first, present: gone(first)).isEmpty)
        let refusals = shadow.judge(second, present: gone(second)).refusals
        #expect(refusals.first?.message.contains("most is taken by n/p (3 rules)") == true)
        shadow.take([gone(first)])
        #expect(shadow.judge(second, present: gone(second)).isEmpty)
    }

    @Test func aLabelThatPutsTwoPoliciesOnOnePodIsRefusedNamingThem() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        shadow.take([
            pod("a", ["app": "x"]), policy("p", ports: 3), policy("q", ports: 2, selecting: "y"),
            policy("other", ports: 1, selecting: "z"),
        ])
        let refusals = shadow.judge(pod("a", ["app": "y"]), present: pod("a", ["app": "x"])).refusals
        #expect(refusals.map(\.table) == ["list"])
        // `n/other` does not select the pod.
        let text =
            "needs 2 more ingress rules in a list; 1 of 4 are free; most is taken by n/p (3 rules), n/q (2 rules)"
        #expect(refusals.first?.message == text)
        let new = shadow.judge(pod("b", ["app": "y"]), present: gone(pod("b"))).refusals
        #expect(new.first?.message.hasPrefix("needs 5 ingress rules in a list; 4 of 4 are free; ") == true)
        #expect(shadow.judge(pod("b", ["app": "z"]), present: gone(pod("b"))).isEmpty)
    }

    @Test func aPodThatEntersAListThatIsClosedIsRefused() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        let closed = pod("a", ["app": "x"])
        shadow.take([closed, pod("b"), policy("p", ports: 3, selecting: "x"), policy("q", ports: 2, selecting: "x")])
        let entering = shadow.judge(pod("b", ["app": "x"]), present: pod("b")).refusals
        #expect(entering.map(\.object) == [ObjectKey("n", "b")])
        #expect(entering.first?.message.contains("n/p (3 rules), n/q (2 rules)") == true)
        #expect(!shadow.judge(pod("c", ["app": "x"]), present: gone(pod("c"))).isEmpty)
        // What was closed before is no one's fault.
        #expect(shadow.judge(pod("a", ["app": "x", "y": "1"]), present: closed).isEmpty)
        #expect(shadow.judge(pod("d"), present: gone(pod("d"))).isEmpty)
    }

    @Test func podsThatLackTheSameAreToldAsOne() {
        var shadow = shadow(PolicyLimits(listRules: 4))
        shadow.take((0..<9).map { pod("a\($0)") } + [policy("p", ports: 3)])
        let other = AdmittedObject(
            .clusterNetworkPolicy, path: "c",
            [
                "metadata": ["name": "c"],
                "spec": [
                    "tier": "Admin", "priority": 1, "subject": ["namespaces": ["matchLabels": ["e": "1"]]],
                    "ingress": [
                        ["action": "Deny", "from": [["namespaces": ["matchLabels": ["e": "2"]]], ["namespaces": [:]]]]
                    ],
                ],
            ])
        shadow.take([other])
        let refusals = shadow.judge(namespace(["e": "1"]), present: namespace()).refusals
        #expect(refusals.count == 1)
        let text = "Pod n/a0 and 8 more pods: needs 2 more ingress rules in a list; 1 of 4 are free; "
        #expect(refusals.first?.message.hasPrefix(text) == true, "\(refusals)")
    }

    /// Each has a pod. One policy of the cluster is for all of them, another for those of `env: prod`.
    @Test func aThousandNamespacesRelabelledAtOnceAreJudgedAsOneWrite() {
        let count = 1_000
        func namespaces(_ environment: String) -> [AdmittedObject] {
            (0..<count).map { number in
                AdmittedObject(
                    .namespace, path: "n\(number)",
                    ["metadata": ["name": .string("n\(number)"), "labels": ["env": .string(environment)]]])
            }
        }
        func shadow(listRules: Int) -> CapacityShadow {
            var made = CapacityShadow(
                limits: PolicyLimits(listRules: listRules), endpoints: 2 * count, services: 3, backends: 4)
            var objects = namespaces("dev")
            for number in 0..<count {
                let metadata: JSONValue = ["namespace": .string("n\(number)"), "name": "p"]
                objects.append(
                    AdmittedObject(.pod, path: "n\(number)/p", ["metadata": metadata, "spec": [:], "status": [:]]))
            }
            func policy(_ name: String, of subject: JSONValue, from environments: [String]) -> AdmittedObject {
                let peers = environments.map { JSONValue.object(["namespaces": ["matchLabels": ["env": .string($0)]]]) }
                return AdmittedObject(
                    .clusterNetworkPolicy, path: name,
                    [
                        "metadata": ["name": .string(name)],
                        "spec": [
                            "tier": "Admin", "priority": 1, "subject": ["namespaces": subject],
                            "ingress": [["action": "Deny", "from": .array(peers)]],
                        ],
                    ])
            }
            objects.append(policy("all", of: [:], from: ["a", "b", "c"]))
            objects.append(policy("prod", of: ["matchLabels": ["env": "prod"]], from: ["d", "e"]))
            made.take(objects)
            return made
        }
        var short = shadow(listRules: 4)
        let before = short.fill
        let refusals = short.judge(namespaces("prod"), present: namespaces("dev")).refusals
        #expect(refusals.count == 1)
        let text = "Pod n0/p and 999 more pods: needs 2 more ingress rules in a list; 1 of 4 are free; "
        #expect(refusals.first?.message.hasPrefix(text) == true, "\(refusals)")
        #expect(short.fill == before)
        var wide = shadow(listRules: 5)
        #expect(wide.judge(namespaces("prod"), present: namespaces("dev")).isEmpty)
        #expect(wide.judge(namespaces("dev"), present: namespaces("prod")).isEmpty)
        #expect(wide.fill == shadow(listRules: 5).fill)
    }

    @Test func selectorsThatAreNotFreeNameWhoHasThem() {
        var shadow = shadow(PolicyLimits(selectors: 4))
        let (first, second) = (peers("p", ["a", "b", "c"]), peers("q", ["d", "e"]))
        #expect(shadow.judge(first, present: gone(first)).isEmpty)
        let refusals = shadow.judge(second, present: gone(second)).refusals
        #expect(refusals.map(\.table) == ["selectors"])
        #expect(refusals.first?.message.contains("needs 2 more peer selectors; 1 of 4 are free") == true)
        #expect(refusals.first?.message.contains("n/p") == true)
        // What another policy has already costs nothing.
        #expect(shadow.judge(peers("q", ["a", "b", "d"]), present: gone(second)).isEmpty)
    }

    @Test func podsBeyondTheClassesOrEndpointsAreRefused() {
        // Class 0 is of pods that nothing tells apart, 1 the closed one: pods may be in two others.
        var classes = shadow(PolicyLimits(classes: 4))
        let selecting = ["x", "y", "z"].map { (app: String) in policy("p" + app, ports: 1, selecting: app) }
        classes.take(selecting + [pod("a", ["app": "x"]), pod("b", ["app": "y"])])
        #expect(classes.judge(pod("c", ["app": "z"]), present: gone(pod("c"))).refusals.map(\.table) == ["classes"])
        #expect(classes.judge(pod("d"), present: gone(pod("d"))).isEmpty)
        #expect(classes.judge(pod("c", ["app": "x"]), present: gone(pod("c"))).isEmpty)

        var endpoints = shadow(PolicyLimits(), endpoints: 2)
        #expect(endpoints.judge(pod("a"), present: gone(pod("a"))).isEmpty)
        #expect(endpoints.judge(pod("b"), present: gone(pod("b"))).refusals.map(\.table) == ["endpoints"])
        endpoints.take([gone(pod("a"))])
        #expect(endpoints.judge(pod("b"), present: gone(pod("b"))).isEmpty)
    }

    @Test func aPolicyIsNotBlamedForAPodOfItsName() {
        var shadow = shadow(PolicyLimits(classes: 4))
        let selecting = ["x", "y", "z"].map { (app: String) in policy("p" + app, ports: 1, selecting: app) }
        shadow.take(selecting + [pod("a", ["app": "x"]), pod("b", ["app": "y"]), pod("c", ["app": "z"])])
        #expect(shadow.judge(policy("d", ports: 1, selecting: "nobody"), present: gone(policy("d", ports: 1))).isEmpty)
        let named = policy("c", ports: 1, selecting: "nobody")
        #expect(shadow.judge(named, present: gone(named)).isEmpty)
        let refused = shadow.judge(policy("c", ports: 2_000), present: named).refusals.first
        #expect(refused?.kind == .networkPolicy && refused?.object == ObjectKey("n", "c"))
        #expect(refused?.message.hasPrefix("n/c: ") == false)
    }

    @Test func rulesBeyondTheNodesAreRefused() {
        var shadow = shadow(PolicyLimits(rules: 5))
        shadow.take([pod("a", ["app": "x"]), pod("b", ["app": "y"]), policy("p", ports: 3, selecting: "x")])
        let second = policy("q", ports: 3, selecting: "y")
        let before = shadow.fill
        let refusals = shadow.judge(second, present: gone(second)).refusals
        #expect(refusals.map(\.table) == ["rules"])
        #expect(
            refusals.first?.message
                == "Pod n/b: its policies make 3 rules; 2 of 5 are free; most is taken by n/p (3 rules)")
        #expect(shadow.fill == before)
        #expect(shadow.judge(policy("q", ports: 2, selecting: "y"), present: gone(second)).isEmpty)
    }

    @Test func addressBlocksBeyondTheirTablesAreRefused() {
        let first = blocks("p", [("192.0.2.0/24", []), ("198.51.100.0/24", [])])
        let second = blocks("q", [("203.0.113.0/24", [])])
        for (limits, table, message) in [
            (PolicyLimits(blocks: 2), "blocks", "needs 1 more address blocks; 0 of 2 are free"),
            (PolicyLimits(networks: 3), "networks", "needs 1 more network; 0 of 2 are free"),
            (PolicyLimits(cidrClasses: 3), "cidrClasses", "needs 1 more CIDR class; 0 of 2 are free"),
        ] {
            var shadow = shadow(limits)
            #expect(shadow.judge(first, present: gone(first)).isEmpty)
            let before = shadow.fill
            #expect(before.first { $0.table == table }?.free == 0)
            let refusals = shadow.judge(second, present: gone(second)).refusals
            #expect(refusals.map(\.table) == [table])
            let unit = table == "blocks" ? "blocks" : "networks"
            #expect(refusals.first?.message == message + "; most is taken by n/p (2 \(unit))")
            #expect(shadow.fill == before)
            shadow.take([gone(first)])
            #expect(shadow.judge(second, present: gone(second)).isEmpty)
        }
    }

    @Test func blocksOfOneCIDRTakeAClassForEachException() {
        var shadow = shadow(PolicyLimits(cidrClasses: 6))
        func holed(_ count: Int) -> AdmittedObject {
            blocks("p", (0..<count).map { ("10.0.0.0/8", ["10.\($0).0.0/16"]) })
        }
        let refusals = shadow.judge(holed(5), present: gone(holed(5))).refusals
        #expect(refusals.first?.message == "needs 6 more CIDR classes; 5 of 5 are free")
        #expect(shadow.judge(holed(4), present: gone(holed(4))).isEmpty)
    }

    @Test func aLabelThatPutsANodeIntoABlockWithoutRoomIsRefused() {
        for (limits, table) in [(PolicyLimits(networks: 3), "networks"), (PolicyLimits(cidrClasses: 3), "cidrClasses")]
        {
            var shadow = shadow(limits)
            shadow.take([
                pod("a"), guarding("x", nodes: "x"), guarding("y", nodes: "y"),
                node("one", "192.0.2.1", ["x": "1"]), node("two", "192.0.2.2", ["y": "1"]), node("three", "192.0.2.3"),
            ])
            let entering = node("three", "192.0.2.3", ["x": "1", "y": "1"])
            #expect(entering.mayMatter(after: node("three", "192.0.2.3").value))
            let refusals = shadow.judge(entering, present: node("three", "192.0.2.3")).refusals
            #expect(refusals.map(\.table) == [table, table] && refusals.map(\.object.name) == ["x", "y"])
            let text = "; 0 of 2 are free; most is taken by x (2 networks), y (2 networks)"
            #expect(refusals.first?.message.hasPrefix("x: ") == true)
            #expect(refusals.first?.message.hasSuffix(text) == true, "\(refusals)")
            // Nothing of it stays, and what does not touch the blocks is no one's fault.
            #expect(shadow.judge(node("three", "192.0.2.3", ["z": "1"]), present: node("three", "192.0.2.3")).isEmpty)
            // Addresses come with a status, which is not asked about: others are not held up by it.
            shadow.take([entering])
            #expect(shadow.judge(pod("b"), present: gone(pod("b"))).isEmpty)
        }
    }

    @Test func aPodWhosePortABlockIsAboutIsRefusedWhereItsAddressFindsNoNumber() {
        func named(_ name: String, _ address: String) -> AdmittedObject {
            AdmittedObject(
                .pod, path: "n/\(name)",
                [
                    "metadata": ["namespace": "n", "name": .string(name)],
                    "spec": [
                        "containers": [["name": "c", "ports": [["name": "web", "containerPort": 80]]]]
                    ],
                    "status": ["podIPs": [["ip": .string(address)]]],
                ])
        }
        let policy = AdmittedObject(
            .networkPolicy, path: "n/p",
            [
                "metadata": ["namespace": "n", "name": "p"],
                "spec": [
                    "podSelector": [:], "policyTypes": ["Egress"],
                    "egress": [
                        ["to": [["ipBlock": ["cidr": "10.1.0.0/16"]]], "ports": [["port": "web", "protocol": "TCP"]]]
                    ],
                ],
            ])
        var shadow = shadow(PolicyLimits(networks: 3))
        shadow.take([policy, named("a", "10.1.0.1"), named("b", "10.1.0.2")])
        let refusals = shadow.judge(named("c", "10.1.0.3"), present: gone(named("c", ""))).refusals
        #expect(refusals.map(\.table) == ["networks"] && refusals.map(\.object.name) == ["p"])
        #expect(shadow.judge(named("c", "10.2.0.3"), present: gone(named("c", ""))).isEmpty)
    }

    @Test func servicesAndBackendsBeyondTheirTablesAreRefused() {
        var shadow = shadow(PolicyLimits())
        func service(_ name: String, ports: Int) -> AdmittedObject {
            let entries = (0..<ports).map {
                JSONValue.object(["name": .string("p\($0)"), "port": .integer(80 + Int64($0))])
            }
            return AdmittedObject(
                .service, path: "n/\(name)",
                [
                    "metadata": ["namespace": "n", "name": .string(name)],
                    "spec": [
                        "clusterIP": .string("10.96.0.\(name.utf8.count)"),
                        "clusterIPs": [.string("10.96.0.\(name.utf8.count)")], "ports": .array(entries),
                    ],
                ])
        }
        func slice(_ count: Int, ready: Int? = nil) -> AdmittedObject {
            AdmittedObject(
                .endpointSlice, path: "n/s",
                [
                    "metadata": ["namespace": "n", "name": "s", "labels": ["kubernetes.io/service-name": "a"]],
                    "addressType": "IPv4", "ports": [["name": "p0", "port": 80, "protocol": "TCP"]],
                    "endpoints": .array(
                        (0..<count).map { index in
                            [
                                "addresses": [.string("10.1.0.\(index + 1)")],
                                "conditions": ["ready": .bool(index < ready ?? count)],
                            ]
                        }),
                ])
        }
        #expect(shadow.judge(service("a", ports: 1), present: gone(service("a", ports: 1))).isEmpty)
        let refusals = shadow.judge(service("bb", ports: 2), present: gone(service("bb", ports: 2))).refusals
        #expect(refusals.map(\.table) == ["frontends"])
        #expect(refusals.first?.message.contains("n/a (1 frontend)") == true)
        #expect(shadow.judge(service("bb", ports: 1), present: gone(service("bb", ports: 1))).isEmpty)
        #expect(shadow.judge(slice(4), present: gone(slice(4))).isEmpty)
        shadow.take([gone(slice(4))])
        #expect(shadow.judge(slice(5), present: gone(slice(5))).refusals.map(\.table) == ["backends"])
        // As many endpoints, of which more are ready, are more backends.
        let (few, all) = (slice(5, ready: 4), slice(5))
        #expect(shadow.judge(few, present: gone(few)).isEmpty)
        #expect(all.mayMatter(after: few.value))
        #expect(shadow.judge(all, present: few).refusals.map(\.table) == ["backends"])
    }

    @Test func onlyWhatCanGrowIsAskedAbout() {
        #expect(policy("p", ports: 1).mayMatter(after: nil))
        #expect(policy("p", ports: 2).mayMatter(after: policy("p", ports: 1).value))
        #expect(!policy("p", ports: 1).mayMatter(after: policy("p", ports: 1).value))
        #expect(gone(policy("p", ports: 1)).mayMatter(after: policy("p", ports: 1).value))
        #expect(!gone(pod("a")).mayMatter(after: pod("a").value))
        #expect(pod("a", ["x": "1"]).mayMatter(after: pod("a").value) && !pod("a").mayMatter(after: pod("a").value))
        #expect(node("a", "192.0.2.1").mayMatter(after: nil))
        #expect(!node("a", "192.0.2.2").mayMatter(after: node("a", "192.0.2.1").value))
        // Pods may be there before their namespace.
        #expect(namespace().mayMatter(after: nil) && namespace(["a": "b"]).mayMatter(after: namespace().value))
        #expect(!namespace().mayMatter(after: namespace().value))
    }

    @Test func aPodThatComesBackFromItsEndIsAskedAbout() {
        func pod(_ phase: String) -> AdmittedObject {
            AdmittedObject(
                .pod, path: "n/a", ["metadata": ["name": "a", "namespace": "n"], "status": ["phase": .string(phase)]])
        }
        #expect(pod("Running").mayMatter(after: pod("Succeeded").value))
        #expect(!pod("Succeeded").mayMatter(after: pod("Running").value))
        #expect(!pod("Running").mayMatter(after: pod("Pending").value))
    }
}
