import CommandLineUI
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
            .map { "\($0.check) \($0.field)" }
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
        ("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", "ignored-rules spec.egress"),
        ("{podSelector: {}, egress: [{ports: [{protocol: UDP, port: 53}]}]}", "policy-types spec.policyTypes"),
        (
            "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53}]}]}",
            "egress-without-dns spec.egress"
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
        #expect(findings.map { "\($0.check) \($0.object)" } == ["shadowed NetworkPolicy prod/b"])
    }
}
