import PolicyTools
import Testing

/// Rules that several others together make superfluous.
@Suite struct PolicyLintShadowsTests {
    /// `check object field` of what is shadowed or overruled.
    private func found(_ policies: String...) throws -> [String] {
        try findings(policies.joined()).map {
            "\($0.check.rawValue) \($0.object.split(separator: " ")[1]) \($0.field)"
        }
    }

    private func findings(_ yaml: String) throws -> [LintFinding] {
        PolicyLint(try PolicyLintTests.world(yaml), serviceBlocks: [], nameServer: nil).findings()
            .filter { $0.check == .shadowed || $0.check == .overruled }
    }

    private func policy(_ rules: String..., name: String = "p", of labels: String = "") -> String {
        PolicyLintTests.policy(
            name, "ingress: [\(rules.joined(separator: ", "))]", selector: "{matchLabels: {\(labels)}}")
    }

    private func block(_ cidr: String, except: String = "", ports: String = "") -> String {
        "{from: [{ipBlock: {cidr: \(cidr), except: [\(except)]}}]\(ports.isEmpty ? "" : ", ports: [\(ports)]")}"
    }

    private func ports(_ low: Int, _ high: Int, from app: String = "") -> String {
        let peers = app.isEmpty ? "" : "from: [{podSelector: {matchLabels: {app: \(app)}}}], "
        return "{\(peers)ports: [{port: \(low), endPort: \(high)}]}"
    }

    // MARK: NetworkPolicy

    @Test func portsThatSeveralRulesOpenTogetherAreShadowed() throws {
        let third = "shadowed prod/p spec.ingress[2]"
        #expect(try found(policy(ports(80, 90), ports(91, 99), ports(85, 95))) == [third])
        #expect(try found(policy(ports(80, 90), ports(92, 99), ports(85, 95))) == [])
        #expect(try found(policy(ports(80, 90), ports(91, 99), ports(85, 95, from: "a"))) == [third])
        #expect(try found(policy(ports(80, 90, from: "a"), ports(91, 99), ports(85, 95))) == [])
        // Every port of the protocol is as many as its numbers.
        let all = "{ports: [{protocol: TCP}]}"
        #expect(try found(policy(ports(1, 999), ports(1_000, 65_535), all)) == [third])
        #expect(try found(policy(all, ports(1, 999), ports(1_000, 65_535))).count == 2)
        // Without ports a rule is for other protocols too.
        #expect(try found(policy(all, "{ports: [{protocol: UDP}, {protocol: SCTP}]}", "{}")).count == 2)
    }

    @Test func blocksThatAddUpAreShadowedToo() throws {
        let third = ["shadowed prod/p spec.ingress[2]"]
        #expect(try found(policy(block("10.0.0.0/9"), block("10.128.0.0/9"), block("10.0.0.0/8"))) == third)
        #expect(try found(policy(block("10.0.0.0/9"), block("10.128.0.0/10"), block("10.0.0.0/8"))).count == 2)
        #expect(
            try found(policy(block("10.0.0.0/8", except: "10.1.0.0/16"), block("10.1.0.0/16"), block("10.0.0.0/12")))
                == third)
        #expect(
            try found(policy(block("10.0.0.0/8", except: "10.1.0.0/16"), block("10.1.0.0/17"), block("10.0.0.0/12")))
                == ["shadowed prod/p spec.ingress[1]"])
        // Where the exception is its own as well.
        let holed = block("10.0.0.0/12", except: "10.1.128.0/17")
        #expect(
            try found(policy(block("10.0.0.0/8", except: "10.1.0.0/16"), block("10.1.0.0/17"), holed)) == third)
        // On each of the ports by other blocks.
        let (low, high) = ("{port: 80}", "{port: 81}")
        let both = block("10.1.0.0/16", ports: "\(low), \(high)")
        let wide = [block("10.0.0.0/8", ports: low), block("10.0.0.0/9", ports: high)]
        #expect(try found(policy(wide[0], wide[1], both)) == third)
        #expect(try found(policy(wide[0], block("10.2.0.0/16", ports: high), both)) == [])
        // All addresses of both families are everybody, pods too.
        let pods = "{from: [{podSelector: {}}]}"
        #expect(try found(policy(block("0.0.0.0/0"), block("'::/0'"), pods)) == third)
        #expect(try found(policy(block("0.0.0.0/0"), pods)) == [])
    }

    @Test func ofRulesThatCoverOneAnotherEnoughStay() throws {
        // Any two of the three leave nothing to the third: the last one goes.
        #expect(try found(policy(ports(1, 20), ports(10, 30), ports(15, 25))) == ["shadowed prod/p spec.ingress[2]"])
        #expect(try found(policy(ports(1, 9), ports(1, 9), ports(1, 9))).count == 2)
        // Of other policies, where they select all of the pods.
        let (a, b) = (policy(ports(80, 90), name: "a"), policy(ports(91, 99), name: "b", of: "app: x"))
        let c = policy(ports(85, 95), name: "c", of: "app: x")
        let names = try findings(a + b + c)
        #expect(names.map(\.object) == ["NetworkPolicy prod/c"])
        #expect(
            names[0].meaning.contains("spec.ingress[0] of prod/a and spec.ingress[0] of prod/b together let through"))
        #expect(try found(a, b, c.replacing("app: x", with: "app: y")) == [])
        // What a dry run would allow covers nothing that is enforced.
        let tried = a.replacing(
            "namespace: prod", with: "namespace: prod, annotations: {policy.martlet.io/dry-run: \"true\"}")
        #expect(try found(tried, b, c) == [])
    }

    @Test func ofARuleThatIsToGoNothingElseIsSaidToBePart() throws {
        // The last is all of the others together, and each of them lies within it.
        let rules = policy(block("10.0.0.0/9"), block("10.128.0.0/9"), block("10.0.0.0/8"))
        let advised = PolicyLint(try PolicyLintTests.world(rules), serviceBlocks: [], nameServer: nil).findings()
            .filter { $0.advice.contains("remove it") }
        #expect(advised.map { "\($0.check.rawValue) \($0.field)" } == ["shadowed spec.ingress[2]"])
    }

    // MARK: ClusterNetworkPolicy

    private func cluster(_ name: String, _ priority: Int, _ rules: String...) -> String {
        PolicyLintTests.clusterPolicy(
            name, "priority: \(priority), subject: {namespaces: {}}, ingress: [\(rules.joined(separator: ", "))]")
    }

    private func rule(_ action: String, _ labels: String = "", ports: (Int, Int)? = nil) -> String {
        let peer = "from: [{namespaces: {matchLabels: {\(labels)}}}]"
        let range = ports.map {
            ", protocols: [{tcp: {destinationPort: {range: {start: \($0.0), end: \($0.1)}}}}]"
        }
        return "{action: \(action), \(peer)\(range ?? "")}"
    }

    @Test func whatEarlierRulesDecideTogetherIsNeverAsked() throws {
        let both = [rule("Deny", ports: (1, 99)), rule("Pass", ports: (100, 200))]
        let late = rule("Accept", "a: b", ports: (50, 150))
        let third = ["shadowed p spec.ingress[2]"]
        #expect(try found(cluster("p", 1, both[0], both[1], late)) == third)
        #expect(try found(cluster("p", 1, both[0], late, both[1])) == [])
        #expect(try found(cluster("a", 1, both[0]), cluster("b", 2, both[1]), cluster("c", 3, late)).count == 1)
        let meaning = try findings(cluster("p", 1, both[0], both[1], late)).map(\.meaning).joined()
        #expect(meaning.contains("(Deny) and spec.ingress[1] (Pass) together decide all that"), "\(meaning)")
    }

    @Test func aRuleIsOverruledByWhatIsDeniedBeforeAnythingOfItIsLetBy() throws {
        let mine = policy("{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 50, endPort: 150}]}")
        let overruled = ["overruled prod/p spec.ingress[0]"]
        let denies = [rule("Deny", ports: (1, 99)), rule("Deny", ports: (100, 200))]
        #expect(try found(mine, cluster("a", 1, denies[0], denies[1])) == overruled)
        #expect(try found(mine, cluster("a", 1, denies[0])) == [])
        // One before them that is about other ports, other namespaces or other pods.
        let home = "kubernetes.io/metadata.name: dev"
        #expect(
            try found(mine, cluster("a", 1, rule("Accept", ports: (300, 300))), cluster("b", 2, rule("Deny")))
                == overruled)
        #expect(try found(mine, cluster("a", 1, rule("Accept", home)), cluster("b", 2, rule("Deny"))) == overruled)
        let others = "{action: Pass, from: [{pods: {podSelector: {matchLabels: {app: web}}}}]}"
        #expect(try found(mine, cluster("a", 1, others), cluster("b", 2, rule("Deny"))) == overruled)
        // One that lets any of it by, between the two or before.
        for rules in [
            [rule("Pass", ports: (150, 150)), denies[0], denies[1]], [denies[0], rule("Accept"), denies[1]],
            [others.replacing("app: web", with: "tier: x"), denies[0], denies[1]],
        ] {
            #expect(
                try found(mine, cluster("a", 1, rules[0], rules[1], rules[2])).allSatisfy { !$0.hasPrefix("overruled") }
            )
        }
    }
}
