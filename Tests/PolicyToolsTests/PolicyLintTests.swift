import CommandLineUI
import KubeObjects
import NetTypes
import PolicyTools
import Testing

@Suite struct PolicyLintTests {
    static let pods = """
        apiVersion: v1
        kind: Pod
        metadata: {name: db, namespace: prod, labels: {app: db}}
        spec: {containers: [{name: db, ports: [{name: sql, containerPort: 5432}]}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: api, namespace: prod, labels: {app: api}}
        spec: {containers: [{name: api}]}
        ---

        """

    static func world(_ yaml: String) throws -> PolicyWorld {
        var world = PolicyWorld()
        for document in try ManifestFiles.parse(yaml, file: "t") { world.add(document.body, source: document.source) }
        return world
    }

    /// `check field` of each finding in the policy whose spec this is.
    static func checks(_ spec: String) throws -> [String] {
        let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\nspec: "
        let blocks = [CIDR("10.96.0.0/16")].compactMap { $0 }
        return PolicyLint(try world(pods + head + spec + "\n"), serviceBlocks: blocks).findings()
            .map { "\($0.check.rawValue) \($0.field)" }
    }

    @Test func allFaultsOfAnObjectAreNamed() throws {
        let checks = try Self.checks(
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/9]}}], "
                + "ports: [{port: 0}, {port: 80, endPort: 8}, {port: \"8080\"}]}]}")
        let at = "unreadable spec.ingress[0]"
        let wanted = [
            "\(at).from[0].ipBlock.except[0]", "\(at).ports[0].port", "\(at).ports[1].endPort", "\(at).ports[2].port",
        ]
        #expect(wanted.allSatisfy(checks.contains), "\(checks)")
    }

    @Test func moreRulesThanAListHoldsAreCounted() throws {
        let blocks = (0..<33).map { "{ipBlock: {cidr: 10.\($0).0.0/16}}" }.joined(separator: ", ")
        let ports = (1...32).map { "{port: \($0)}" }.joined(separator: ", ")
        let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\nspec: "
        let text = head + "{podSelector: {}, ingress: [{from: [\(blocks)], ports: [\(ports)]}]}\n"
        let finding = try #require(
            PolicyLint(try Self.world(text), serviceBlocks: []).findings().first { $0.check == .doesNotFit })
        #expect(finding.object == "NetworkPolicy prod/p" && finding.severity == .error)
        #expect("\(finding.check.rawValue) \(finding.field)" == "does-not-fit spec")
        #expect(finding.meaning.contains("spec.ingress makes 1056 rules (peers × ports); a list holds 1024"))
    }

    @Test func aNamespaceThatDoesNotExistIsNamed() throws {
        func checks(_ namespaces: [String]) throws -> [String] {
            let made = namespaces.map { "apiVersion: v1\nkind: Namespace\nmetadata: {name: \($0)}\n---\n" }.joined()
            let policy =
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\n"
                + "spec: {podSelector: {}}\n"
            return PolicyLint(try Self.world(made + policy), serviceBlocks: []).findings()
                .map { "\($0.check.rawValue) \($0.field)" }
        }
        #expect(try checks(["default"]) == ["no-namespace metadata.namespace"])
        #expect(try checks(["default", "prod"]) == [])
        // Files need not hold every namespace.
        #expect(try checks(["other"]) == [])
    }

    @Test(arguments: [
        ("{podSelector: {matchLabels: {app: dbb}}}", "selects-nothing spec.podSelector"),
        (
            "{podSelector: {matchLabels: {app: db}, matchExpressions: [{key: app, operator: DoesNotExist}]}}",
            "never-matches spec.podSelector"
        ),
        ("{ingress: []}", "no-pod-selector spec.podSelector"),
        ("{podSelector: {}, ingress: [{from: []}]}", "empty-peers spec.ingress[0].from"),
        ("{podSelector: {}, ingress: [{}]}", "allows-everything spec.ingress[0].from"),
        ("{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}", "every-pod spec.ingress[0].from[0]"),
        ("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", "ignored-rules spec.egress"),
        ("{podSelector: {}, egress: [{ports: [{protocol: UDP, port: 53}]}]}", "policy-types spec.policyTypes"),
        (
            "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53}]}]}",
            "egress-without-dns spec.egress"
        ),
        (
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.10/32}}], "
                + "ports: [{protocol: UDP, port: 53}]}]}", "egress-without-dns spec.egress"
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: \"8080\"}]}]}", "unreadable spec.ingress[0].ports[0].port"
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.96.3.4/32}}]}]}",
            "never-matches spec.ingress[0].from[0].ipBlock.cidr"
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}}]}]}",
            "never-matches spec.ingress[0].from[0].ipBlock.except"
        ),
        (
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 10.1.0.0/16}}]}]}",
            "overlapping-blocks spec.ingress[0].from[1].ipBlock"
        ),
        (
            "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}, {podSelector: {matchLabels: {app: api}}}]}]}",
            "split-peers spec.ingress[0].from[1]"
        ),
        (
            "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
            "peer-selects-nothing spec.ingress[0].from[0]"
        ),
        (
            "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: http}]}]}",
            "unknown-port spec.ingress[0].ports[0].port"
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}, {ports: [{port: 85}]}]}",
            "shadowed spec.ingress[1]"
        ),
        (
            "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 8}]}]}",
            "unreadable spec.ingress[0].ports[0].endPort"
        ),
    ])
    func trapIsFound(_ spec: String, _ wanted: String) throws {
        let found = try Self.checks(spec)
        #expect(found.contains(wanted))
    }

    @Test(arguments: [
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], "
            + "ports: [{port: sql}]}]}",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}, "
            + "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}",
        "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9]}}]}]}",
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: api}}}]}]}",
    ])
    func soundPolicyHasNoFinding(_ spec: String) throws {
        #expect(try Self.checks(spec) == [])
    }

    @Test func ofTwoEqualPoliciesTheLaterIsShadowed() throws {
        let spec = "spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}\n"
        let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: prod, name: "
        let findings = PolicyLint(
            try Self.world("\(head)a}\n\(spec)---\n\(head)b}\n\(spec)"), serviceBlocks: []
        ).findings()
        #expect(findings.map { "\($0.check.rawValue) \($0.object)" } == ["shadowed NetworkPolicy prod/b"])
    }

    // MARK: Port names

    /// Severity of what is said of the port's name; nil for nothing.
    private func named(_ rule: String, _ more: String = "") throws -> [String] {
        let pod = Self.pods.replacing(
            "containerPort: 5432}]}]}", with: "containerPort: 5432}]}]}\nstatus: {podIP: 10.1.0.5}")
        let policy = Self.policy("p", rule)
        return PolicyLint(try Self.world(pod + more + policy), serviceBlocks: []).findings()
            .filter { $0.check == .neverMatches }.map { "\($0.severity) \($0.field)" }
    }

    @Test func aNameOfAPortMeansPodsAlone() throws {
        func rule(_ cidr: String, _ port: String, more: String = "") -> String {
            "policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: \(cidr)}}\(more)], "
                + "ports: [{port: 443}, {port: \(port)}]}]"
        }
        let at = "spec.egress[0].ports[1].port"
        #expect(try named(rule("203.0.113.0/24", "https")) == ["error \(at)"])
        #expect(try named(rule("203.0.113.0/24", "https", more: ", {podSelector: {}}")) == ["error \(at)"])
        // A pod in the block that has a port of another name, and one that has it: the rest of the block never does.
        #expect(try named(rule("10.1.0.0/16", "https")) == ["error \(at)"])
        #expect(try named(rule("0.0.0.0/0", "sql")) == ["warning \(at)"])
        let node =
            "apiVersion: v1\nkind: Node\nmetadata: {name: one}\nspec: {podCIDR: 10.1.0.0/16}\n---\n"
        #expect(try named(rule("10.1.0.0/16", "sql"), node) == [])
        #expect(try named(rule("203.0.113.0/24", "8443")) == [])
        // Of a pod that is asked it is the name of its own port.
        #expect(
            try named("ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: sql}]}]") == [])
    }

    // MARK: The same object twice

    @Test func anObjectAtTwoPlacesIsToldWithBoth() throws {
        func world(_ files: (String, String)...) throws -> PolicyWorld {
            var world = PolicyWorld()
            for (name, text) in files {
                for document in try ManifestFiles.parse(text, file: name) {
                    world.add(document.body, source: document.source)
                }
            }
            return world
        }
        func found(_ world: PolicyWorld) -> [String] {
            PolicyLint(world, serviceBlocks: []).findings().filter { $0.check == .repeated }.map {
                "\($0.severity) repeated \($0.object) at \($0.source) and \($0.meaning.prefix { $0 != ":" })"
            }
        }
        let (first, second) = (Self.policy("p", "ingress: []"), Self.policy("p", "ingress: [{}]"))
        let told = "warning repeated NetworkPolicy prod/p at b.yaml, document 2 and also stands in a.yaml, document 1"
        #expect(found(try world(("a.yaml", first), ("b.yaml", Self.policy("q", "ingress: []") + second))) == [told])
        // In one file; with a namespace that is left out; of another namespace, kind or group.
        #expect(found(try world(("a", first + second))).count == 1)
        let plain = first.replacing(", namespace: prod", with: "")
        #expect(
            found(try world(("a", plain), ("b", plain.replacing("name: p}", with: "name: p, namespace: default}"))))
                .count == 1)
        #expect(found(try world(("a", first), ("b", plain))) == [])
        let foreign = first.replacing("networking.k8s.io/v1", with: "projectcalico.org/v3")
        #expect(found(try world(("a", first), ("b", foreign))) == [])
        #expect(found(try world(("a", foreign), ("b", foreign))).count == 1)
        // The same file named twice, and a file over the cluster.
        #expect(found(try world(("a", first), ("a", first))) == [])
        var cluster = PolicyWorld()
        for document in try ManifestFiles.parse(first, file: "") { cluster.add(document.body) }
        for document in try ManifestFiles.parse(second, file: "b") {
            cluster.add(document.body, source: document.source)
        }
        #expect(found(cluster) == [])
    }

    @Test func addressesOfTheServicesThatWereReadAreServiceAddresses() throws {
        func service(_ name: String, _ address: String) -> String {
            "apiVersion: v1\nkind: Service\nmetadata: {name: \(name), namespace: prod}\n"
                + "spec: {clusterIP: \(address), ports: [{port: 80}]}\n---\n"
        }
        func findings(_ block: String) throws -> [LintFinding] {
            let policy = Self.policy("p", "policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: \(block)}}]}]")
            let world = try Self.world(service("a", "10.97.0.18") + service("b", "10.97.0.19") + policy)
            return PolicyLint(world, serviceBlocks: []).findings()
        }
        let one = try findings("10.97.0.19/32")
        #expect(one.contains { $0.check == .neverMatches && $0.meaning.contains("addresses only (prod/b):") }, "\(one)")
        // Such a rule is no way to a name server either.
        #expect(one.contains { $0.check == .egressWithoutDNS })
        #expect(try findings("10.97.0.18/31").contains { $0.meaning.contains("only (prod/a, prod/b):") })
        for block in ["10.97.0.20/32", "10.97.0.16/30", "10.97.0.0/16"] {
            #expect(try !findings(block).contains { $0.check == .neverMatches }, "\(block)")
        }
    }

    // MARK: Blocks

    static func policy(_ name: String, _ spec: String, selector: String = "{}") -> String {
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: \(name), namespace: prod}\n"
            + "spec: {podSelector: \(selector), \(spec)}\n---\n"
    }

    private static let web = "{matchLabels: {app: web}}"

    /// `severity object field` of findings about blocks.
    private func overlaps(_ policies: String...) throws -> [String] {
        PolicyLint(try Self.world(policies.joined()), serviceBlocks: []).findings()
            .filter { $0.check == .overlappingBlocks }.map {
                "\($0.severity) \($0.object.split(separator: "/")[1]) \($0.field)"
            }
    }

    private func rules(_ rules: String...) -> String { "ingress: [\(rules.joined(separator: ", "))]" }

    private func rule(_ cidr: String, except: String = "", ports: String = "", more: String = "") -> String {
        "{from: [{ipBlock: {cidr: \(cidr), except: [\(except)]}}\(more)]\(ports.isEmpty ? "" : ", ports: [\(ports)]")}"
    }

    @Test func anExceptionThatAnotherRuleUndoesIsAWarning() throws {
        let (hole, all) = (rule("10.0.0.0/8", except: "10.1.0.0/16"), rule("10.1.0.0/16"))
        let at = "warning p spec.ingress[1].from[0].ipBlock"
        #expect(try overlaps(Self.policy("p", rules(hole, all))) == [at])
        #expect(try overlaps(Self.policy("p", rules(hole, rule("10.0.0.0/15")))) == [at])
        // Of another policy, of the same pods or of more.
        let other = Self.policy("a", rules(hole), selector: Self.web)
        let found = "warning p spec.ingress[0].from[0].ipBlock"
        #expect(try overlaps(other, Self.policy("p", rules(all), selector: Self.web)) == [found])
        #expect(try overlaps(other, Self.policy("p", rules(all))) == [found])
        let meaning =
            PolicyLint(try Self.world(other + Self.policy("p", rules(all))), serviceBlocks: []).findings()
            .first { $0.check == .overlappingBlocks }?.meaning ?? ""
        #expect(meaning.contains("the exception 10.1.0.0/16 of spec.ingress[0].from[0] of prod/a"), "\(meaning)")
    }

    @Test func aPartOfAnExceptionThatAnotherRuleOpensIsANote() throws {
        let hole = rule("10.0.0.0/8", except: "10.1.0.0/16")
        let at = "note p spec.ingress[1].from[0].ipBlock"
        #expect(try overlaps(Self.policy("p", rules(hole, rule("10.1.7.0/24")))) == [at])
        #expect(try overlaps(Self.policy("p", rules(hole, rule("10.1.0.0/16", except: "10.1.7.0/24")))) == [at])
        #expect(try overlaps(Self.policy("p", rules(hole, rule("10.1.0.0/16", ports: "{port: 80}")))) == [at])
        // For fewer pods than the exception is for.
        let narrower = Self.policy("p", rules(rule("10.1.0.0/16")), selector: Self.web)
        #expect(try overlaps(Self.policy("a", rules(hole)), narrower) == ["note p spec.ingress[0].from[0].ipBlock"])
    }

    @Test func blocksThatDoNotMeetOrNotOnOnePortAreNoFinding() throws {
        let hole = rule("10.0.0.0/8", except: "10.1.0.0/16", ports: "{port: 80}")
        #expect(try overlaps(Self.policy("p", rules(hole, rule("10.1.0.0/16", ports: "{port: 81}")))) == [])
        let udp = rule("10.1.0.0/16", ports: "{port: 80, protocol: UDP}")
        #expect(try overlaps(Self.policy("p", rules(hole, udp))) == [])
        #expect(try overlaps(Self.policy("p", rules(hole, rule("11.0.0.0/8")))) == [])
        // The same exception on both sides.
        let twice = rule("0.0.0.0/0", except: "10.1.0.0/16")
        #expect(
            try overlaps(Self.policy("p", rules(hole, twice))).allSatisfy { $0.hasPrefix("note p spec.ingress[0]") })
        // Pods of which neither selector holds all of the other's.
        let other = Self.policy("a", rules(hole), selector: "{matchLabels: {app: db}}")
        let mine = Self.policy("p", rules(rule("10.1.0.0/16")), selector: Self.web)
        #expect(try overlaps(other, mine) == [])
        let far = mine.replacing("namespace: prod", with: "namespace: dev")
        #expect(try overlaps(Self.policy("a", rules(hole)), far) == [])
    }

    @Test func aBlockWithinAnotherRulesIsANoteWhereTheRuleIsNotShadowed() throws {
        let more = ", {podSelector: {}}"
        let mixed = rule("10.1.0.0/16", ports: "{port: 80}", more: more)
        let wide = rule("10.0.0.0/8", ports: "{port: 80, endPort: 90}")
        #expect(
            try overlaps(Self.policy("p", rules(wide, mixed))) == ["note p spec.ingress[1].from[0].ipBlock"])
        #expect(
            try overlaps(Self.policy("a", rules(wide)), Self.policy("p", rules(mixed), selector: Self.web))
                == ["note p spec.ingress[0].from[0].ipBlock"])
        // Of two that are equal the later; of a rule that is shadowed itself nothing is a part.
        func second(_ more: String) throws -> [String] {
            let first = rule("10.1.0.0/16", ports: "{port: 80}", more: ", {podSelector: {matchLabels: {a: b}}}")
            return try overlaps(
                Self.policy("a", rules(first)),
                Self.policy("p", rules(rule("10.1.0.0/16", ports: "{port: 80}", more: more))))
        }
        #expect(
            try second(", {podSelector: {matchLabels: {c: d}}}") == ["note p spec.ingress[0].from[0].ipBlock"])
        #expect(try second(", {namespaceSelector: {}}") == [])
        let other = rule("10.1.0.0/16", ports: "{port: 91}", more: more)
        #expect(try overlaps(Self.policy("p", rules(wide, other))) == [])
        #expect(try overlaps(Self.policy("p", rules(wide, rule("10.1.0.0/16", ports: "{port: 80}")))) == [])
    }

    // MARK: ClusterNetworkPolicy

    static func clusterPolicy(_ name: String, _ spec: String) -> String {
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: \(name)}\nspec: "
            + "{tier: Admin, \(spec)}\n---\n"
    }

    static let all = "subject: {namespaces: {}}"
    static let denyPods = "{action: Deny, from: [{namespaces: {}}]}"

    @Test(arguments: [
        (
            "priority: 1, subject: {pods: {podSelector: {matchLabels: {app: dbb}}}}, ingress: [\(denyPods)]",
            "selects-nothing spec.subject"
        ),
        (
            "priority: 1, subject: {namespaces: {matchExpressions: [{key: a, operator: In, values: [b]}, "
                + "{key: a, operator: NotIn, values: [b]}]}}, ingress: [\(denyPods)]",
            "never-matches spec.subject"
        ),
        ("priority: 1, \(all)", "no-rules spec"),
        (
            "priority: 1, \(all), ingress: [\(denyPods), "
                + "{action: Accept, from: [{namespaces: {matchLabels: {a: b}}}]}]",
            "shadowed spec.ingress[1]"
        ),
        (
            "priority: 1, \(all), egress: [{action: Deny, to: [{networks: [10.0.0.0/8, 10.96.0.0/24]}]}]",
            "never-matches spec.egress[0].to[0].networks[1]"
        ),
        (
            "priority: 1, \(all), egress: [{action: Deny, to: [{networks: [11.0.0.0/8]}, {networks: [11.1.0.0/16]}]}]",
            "overlapping-blocks spec.egress[0].to[1].networks[0]"
        ),
        (
            "priority: 1, \(all), egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]",
            "networks-hold-pods spec.egress[0].to"
        ),
        (
            "priority: 1, \(all), egress: [{action: Deny, to: [{namespaces: {}}]}]",
            "egress-without-dns spec.egress[0]"
        ),
        (
            "priority: 1, \(all), ingress: [{action: Deny, from: [{namespaces: {}}], "
                + "protocols: [{destinationNamedPort: sqll}]}]",
            "unknown-port spec.ingress[0].protocols"
        ),
        (
            "priority: 1, \(all), ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: x}}}]}]",
            "peer-selects-nothing spec.ingress[0].from[0].namespaces"
        ),
        (
            "priority: 1, \(all), egress: [{action: Deny, to: [{domainNames: [a.b]}]}]",
            "unreadable spec.egress[0].to[0].domainNames"
        ),
    ])
    func trapOfClusterPolicyIsFound(_ spec: String, _ wanted: String) throws {
        let blocks = [CIDR("10.96.0.0/16")].compactMap { $0 }
        let world = try Self.world(Self.pods + Self.clusterPolicy("p", spec))
        let found = PolicyLint(world, serviceBlocks: blocks).findings().map { "\($0.check.rawValue) \($0.field)" }
        #expect(found.contains(wanted))
    }

    @Test func soundClusterPolicyHasNoFinding() throws {
        let spec =
            "priority: 1, \(Self.all), ingress: "
            + "[{action: Pass, from: [{pods: {podSelector: {matchLabels: {app: api}}}}]}, "
            + "{action: Deny, from: [{namespaces: {}}], protocols: [{destinationNamedPort: sql}]}], "
            + "egress: [{action: Pass, to: [{namespaces: {}}]}, {action: Deny, to: [{networks: [0.0.0.0/0]}]}]"
        let world = try Self.world(Self.pods + Self.clusterPolicy("p", spec))
        #expect(PolicyLint(world, serviceBlocks: []).findings() == [])
    }

    @Test func ruleThatAdminDeniesIsOverruled() throws {
        let policy =
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: prod}\n"
            + "spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}\n"
        let deny = Self.clusterPolicy("deny", "priority: 1, \(Self.all), ingress: [\(Self.denyPods)]")
        let pass = Self.clusterPolicy(
            "pass", "priority: 0, \(Self.all), ingress: [{action: Pass, from: [{pods: {podSelector: {}}}]}]")
        func overruled(_ yaml: String) throws -> [String] {
            try Self.found(Self.pods + yaml).filter { $0.hasPrefix("overruled ") }
        }
        #expect(try overruled(deny + policy) == ["overruled spec.ingress[0]"])
        #expect(try overruled(deny + pass + policy) == [])
    }

    static func found(_ yaml: String) throws -> [String] {
        PolicyLint(try world(yaml), serviceBlocks: []).findings().map { "\($0.check.rawValue) \($0.field)" }
    }

    @Test func twoAtOnePlaceOfTheOrderAreNoted() throws {
        let rules = "priority: 1, \(Self.all), ingress: [\(Self.denyPods)]"
        let twice = Self.pods + Self.clusterPolicy("a", rules) + Self.clusterPolicy("b", rules)
        #expect(try Self.found(twice).contains("same-priority spec.priority"))
    }

    // MARK: Groups and versions

    @Test(arguments: [
        ("policy.networking.k8s.io/v1alpha1", "ClusterNetworkPolicy", "policy.networking.k8s.io/v1alpha2"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy", "networking.k8s.io/v1"), ("v2", "Pod", "v1"),
    ])
    func aVersionThatIsNotServedIsAnErrorThatNamesTheOneThatIs(
        _ apiVersion: String, _ kind: String, _ served: String
    ) throws {
        let object = "apiVersion: \(apiVersion)\nkind: \(kind)\nmetadata: {name: p}\nspec: {podSelector: {}}\n"
        let world = try Self.world(object)
        let findings = PolicyLint(world, serviceBlocks: []).findings()
        #expect(findings.map { "\($0.severity) \($0.check.rawValue) \($0.field)" } == ["error unreadable apiVersion"])
        #expect(findings.allSatisfy { $0.meaning.hasSuffix("but as \(served)") }, "\(findings)")
        #expect(world.policies.isEmpty && world.clusterPolicies.isEmpty && world.pods.isEmpty)
    }

    @Test func kindsThatAreNotJudgedAreNamedOnceInOneNote() throws {
        let foreign = ["projectcalico.org/v3", "projectcalico.org/v3", "extensions/v1beta1"].enumerated().map {
            "apiVersion: \($1)\nkind: NetworkPolicy\nmetadata: {name: p\($0)}\nspec: {selector: all()}\n---\n"
        }
        let deployment =
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
            + "spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}\n---\n"
        let world = try Self.world(Self.pods + foreign.joined() + deployment)
        let findings = PolicyLint(world, serviceBlocks: []).findings()
        #expect(findings.map { "\($0.severity) \($0.check.rawValue) \($0.field)" } == ["note not-judged "])
        #expect(
            findings.first?.meaning == "not looked at: Deployment of apps/v1 (1, its pods are read), "
                + "NetworkPolicy of extensions/v1beta1 (1), NetworkPolicy of projectcalico.org/v3 (2)")
        #expect(world.pods.count == 3 && world.policies.isEmpty)
        #expect(!world.passedText(templates: false).contains("Deployment"))
        #expect(findings.first?.advice.hasPrefix("nothing of them is enforced as a policy: say it as") == true)
    }

    @Test(arguments: [("true", "note"), ("yes", "error"), ("false", nil)])
    func dryRunIsSaidAndItsMisspellingIsAnError(_ value: String, _ severity: String?) throws {
        let policy =
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            + "metadata: {name: p, namespace: prod, annotations: {policy.martlet.io/dry-run: \"\(value)\"}}\n"
            + "spec: {podSelector: {}}\n"
        let found = PolicyLint(try Self.world(Self.pods + policy), serviceBlocks: []).findings()
            .map { "\($0.severity) \($0.check.rawValue)" }
        #expect(found == (severity.map { ["\($0) dry-run"] } ?? []))
    }

    @Test func listStandsForItsItems() throws {
        let list =
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, namespace: b}\n"
        #expect(try Self.world(list).policyPods.map(\.key.name) == ["a"])
    }
}
