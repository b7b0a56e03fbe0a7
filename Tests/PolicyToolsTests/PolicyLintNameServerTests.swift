import NetTypes
import PolicyTools
import Testing

/// Whether pods may ask for names, by the verdict of all policies together.
@Suite struct PolicyLintNameServerTests {
    private static func pod(
        _ name: String, _ namespace: String, _ label: String, _ more: String = "{containers: [{name: c}]}",
        at address: String = ""
    ) -> String {
        "apiVersion: v1\nkind: Pod\nmetadata: {name: \(name), namespace: \(namespace), labels: {\(label)}}\n"
            + "spec: \(more)\nstatus: {podIP: \"\(address)\"}\n---\n"
    }

    private static let clients =
        pod("web", "shop", "app: web") + pod("api", "shop", "app: api") + pod("tool", "dev", "app: tool")

    /// The name server with an address, and its Service.
    private static func server(_ port: Int = 53) -> String {
        let ports = "[{name: dns, containerPort: \(port), protocol: UDP}, {name: dns-tcp, containerPort: \(port)}]"
        return pod(
            "coredns", "kube-system", "k8s-app: kube-dns", "{containers: [{name: c, ports: \(ports)}]}", at: "10.1.0.53"
        )
            + "apiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system}\n"
            + "spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, "
            + "ports: [{port: 53, protocol: UDP, targetPort: dns}, {port: 53, targetPort: dns-tcp}]}\n---\n"
    }

    private static func policy(
        _ name: String, egress: String? = nil, ingress: String? = nil, of labels: String = "{}",
        in namespace: String = "shop", annotations: String = ""
    ) -> String {
        let rules = [egress.map { "egress: [\($0)]" }, ingress.map { "ingress: [\($0)]" }].compactMap { $0 }
        let types = [egress.map { _ in "Egress" }, ingress.map { _ in "Ingress" }].compactMap { $0 }
        return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            + "metadata: {name: \(name), namespace: \(namespace), annotations: {\(annotations)}}\n"
            + "spec: {podSelector: {matchLabels: \(labels)}, policyTypes: [\(types.joined(separator: ", "))], "
            + "\(rules.joined(separator: ", "))}\n---\n"
    }

    private static func rule(_ peer: String, _ ports: String = "{port: 53, protocol: UDP}") -> String {
        "{to: [\(peer)], ports: [\(ports)]}"
    }

    private static let toServer =
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
        + "podSelector: {matchLabels: {k8s-app: kube-dns}}}"

    private static func findings(_ yaml: String, dns: NameServer? = .usual) throws -> [LintFinding] {
        let blocks = [CIDR("10.96.0.0/16")].compactMap { $0 }
        return PolicyLint(try PolicyLintTests.world(yaml), serviceBlocks: blocks, nameServer: dns).findings()
            .filter { $0.check == .egressWithoutDNS || $0.check == .nameServerClosed }
    }

    /// `check object field` of each finding.
    private static func places(_ yaml: String) throws -> [String] {
        try findings(yaml).map { "\($0.check.rawValue) \($0.object.split(separator: " ")[1]) \($0.field)" }
    }

    // MARK: Egress

    /// Whatever is known of the name server.
    @Test(arguments: ["", server()])
    func onlyARuleThatMeetsTheNameServerIsAWayToIt(server: String) throws {
        func places(_ rules: String...) throws -> [String] {
            try Self.places(Self.clients + server + Self.policy("p", egress: rules.joined(separator: ", ")))
        }
        let found = ["egress-without-dns shop/p spec.egress"]
        #expect(try places(Self.rule(Self.toServer)) == [])
        #expect(try places(Self.rule(Self.toServer, "{port: dns, protocol: UDP}")) == [])
        #expect(try places(Self.rule("{namespaceSelector: {}}", "{port: 50, endPort: 60, protocol: UDP}")) == [])
        #expect(try places("{to: [\(Self.toServer)]}") == [] && places("{}") == [])
        // Port 53 to others, of its own namespace and of the name server's.
        #expect(try places(Self.rule("{podSelector: {matchLabels: {k8s-app: kube-dns}}}")) == found)
        #expect(try places(Self.rule("{namespaceSelector: {}, podSelector: {matchLabels: {app: api}}}")) == found)
        #expect(try places(Self.rule("{namespaceSelector: {matchLabels: {name: kube-system}}}")) == found)
        #expect(try places(Self.rule(Self.toServer, "{port: 53}")) == found)
        #expect(try places(Self.rule(Self.toServer, "{port: nds, protocol: UDP}")) == found)
        #expect(try places(Self.rule("{ipBlock: {cidr: 10.96.0.10/32}}")) == found)
        // All is closed, and meant to be.
        #expect(try places() == [])
    }

    @Test func theReasonSaysWhichRuleLooksAsIfItWere() throws {
        func meaning(_ rule: String) throws -> String {
            try Self.findings(Self.clients + Self.server() + Self.policy("p", egress: rule)).map(\.meaning).joined()
        }
        let own = try meaning(Self.rule("{podSelector: {matchLabels: {k8s-app: kube-dns}}}"))
        #expect(own.contains("spec.egress[0] opens the port to others alone (kube-system/coredns is not in namespace"))
        #expect(try meaning(Self.rule(Self.toServer, "{port: 53}")).contains("is open for TCP alone"))
        let service = try meaning(Self.rule("{ipBlock: {cidr: 10.96.0.10/32}}"))
        #expect(service.contains("at a Service address alone"), "\(service)")
        #expect(try meaning(Self.rule("{podSelector: {}}", "{port: 80}")).contains("no rule of shop/p lets"))
        #expect(!own.contains("is assumed"))
        let assumed = try Self.findings(Self.clients + Self.policy("p", egress: Self.rule("{podSelector: {}}")))
        #expect(assumed.map { $0.meaning.contains("is assumed; --dns names another") } == [true])
    }

    @Test func theServicesTargetPortIsTheOneThatIsAsked() throws {
        let world = Self.clients + Self.server(5_353)
        #expect(try Self.places(world + Self.policy("p", egress: Self.rule(Self.toServer))).count == 1)
        let target = Self.rule(Self.toServer, "{port: 5353, protocol: UDP}")
        #expect(try Self.places(world + Self.policy("p", egress: target)) == [])
        let named = Self.rule(Self.toServer, "{port: dns, protocol: UDP}")
        #expect(try Self.places(world + Self.policy("p", egress: named)) == [])
    }

    @Test func theServicesOwnPortAtItsAddressIsToldWhereThePodsHaveAnother() throws {
        let atService = Self.rule("{ipBlock: {cidr: 10.96.0.10/32}}")
        let found = try Self.findings(Self.clients + Self.server(5_353) + Self.policy("p", egress: atService))
        #expect(found.map { $0.meaning.contains("spec.egress[0] opens it at a Service address alone") } == [true])
        // Neither is a rule without peers one for Services.
        let anybody = Self.policy("p", egress: "{ports: [{port: 53, protocol: UDP}]}")
        let other = try Self.findings(Self.clients + Self.server(5_353) + anybody)
        #expect(other.map { $0.meaning.contains("no rule of shop/p lets") } == [true], "\(other)")
    }

    @Test(arguments: ["10.9.0.1", ""])
    func aNameServerOnTheHostNetworkIsReachedByAddress(address: String) throws {
        let server = Self.pod(
            "coredns", "kube-system", "k8s-app: kube-dns", "{hostNetwork: true, containers: [{name: c}]}", at: address)
        let way = address.isEmpty ? "an ipBlock of the nodes' addresses" : "ipBlock: {cidr: \(address)/32}"
        let mine = try Self.findings(Self.clients + server + Self.policy("p", egress: Self.rule(Self.toServer)))
        #expect(
            mine.map(\.advice)
                == ["allow UDP and TCP port 53 to \(way): it is on the host network, where no selector finds it"])
        // As it is advised it works.
        let cidr = address.isEmpty ? "10.9.0.0/24" : "\(address)/32"
        let block = Self.rule("{ipBlock: {cidr: \(cidr)}}")
        #expect(try Self.places(Self.clients + server + Self.policy("p", egress: block)) == [])
    }

    @Test func policiesOfThePodsAreJudgedTogetherAndToldOnce() throws {
        let sql = Self.rule("{podSelector: {}}", "{port: 5432}")
        let all = Self.clients + Self.pod("db", "shop", "app: db")
        let narrow =
            Self.policy("web", egress: sql, of: "{app: web}") + Self.policy("api", egress: sql, of: "{app: api}")
        let names = Self.policy("names", egress: Self.rule(Self.toServer))
        #expect(try Self.places(all + narrow + names) == [])
        #expect(try Self.places(all + narrow).count == 2)
        // Names for one of them alone: the other stays without.
        let some = Self.policy("names", egress: Self.rule(Self.toServer), of: "{app: api}")
        #expect(try Self.places(all + narrow + some) == ["egress-without-dns shop/web spec.egress"])
        // A policy that closes all beside one that opens something: that one has the finding.
        let closed = Self.policy("closed", egress: "")
        #expect(try Self.places(all + closed + narrow + some) == ["egress-without-dns shop/web spec.egress"])
        let wide = try Self.findings(all + Self.policy("all", egress: sql))
        #expect(wide.map(\.object) == ["NetworkPolicy shop/all"])
        #expect(
            wide.allSatisfy { $0.meaning.hasPrefix("shop/app=api, shop/app=db, shop/app=web cannot ask") }, "\(wide)")
        // The pods of another namespace are none of it, and neither is the server itself.
        let own = Self.policy("own", egress: sql, in: "kube-system")
        #expect(try Self.places(all + Self.server() + own) == [])
    }

    @Test func aBlockIsAWayWhereItMayHoldTheNameServer() throws {
        func places(_ cidr: String, _ server: String) throws -> [String] {
            let rule = Self.rule("{ipBlock: {cidr: \(cidr), except: [10.0.0.0/16]}}")
            return try Self.places(Self.clients + server + Self.policy("p", egress: rule))
        }
        #expect(try places("10.0.0.0/8", Self.server()) == [])
        #expect(try places("10.0.0.0/15", "") == [])
        #expect(try places("10.0.0.0/9", Self.server().replacing("10.1.0.53", with: "10.0.0.53")).count == 1)
        #expect(try places("10.0.0.0/9", Self.server().replacing("10.1.0.53", with: "10.200.0.53")).count == 1)
    }

    @Test func clusterPoliciesAreJudgedWithTheOthers() throws {
        func cluster(_ rules: String...) -> String {
            PolicyLintTests.clusterPolicy(
                "guard", "priority: 1, subject: {namespaces: {}}, egress: [\(rules.joined(separator: ", "))]")
        }
        let peer = "{pods: {namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}}"
        let accept = "{action: Accept, to: [\(peer)], protocols: [{udp: {destinationPort: {number: 53}}}]}"
        let (deny, all) = ("{action: Deny, to: [\(peer)]}", "{action: Deny, to: [{namespaces: {}}]}")
        let world = Self.clients + Self.server()
        #expect(try Self.places(world + cluster(deny)) == ["egress-without-dns guard spec.egress[0]"])
        #expect(try Self.places(world + cluster(accept, all)) == [])
        #expect(try Self.places(world + cluster(all, accept)) == ["egress-without-dns guard spec.egress[0]"])
        // The Accept saves pods that a policy of their namespace isolates.
        let isolating = Self.policy("p", egress: Self.rule("{podSelector: {}}", "{port: 80}"))
        #expect(try Self.places(world + isolating + cluster(accept)) == [])
        #expect(try Self.places(world + isolating).count == 1)
    }

    @Test func whatADryRunWouldAllowHelpsNobody() throws {
        let sql = Self.rule("{podSelector: {}}", "{port: 5432}")
        let tried = "policy.martlet.io/dry-run: \"true\""
        let names = Self.policy("names", egress: Self.rule(Self.toServer), annotations: tried)
        let found = ["egress-without-dns shop/p spec.egress"]
        #expect(try Self.places(Self.clients + Self.policy("p", egress: sql) + names) == found)
        // And one that would close is told of as if it were enforced.
        #expect(try Self.places(Self.clients + Self.policy("p", egress: sql, annotations: tried)) == found)
        #expect(try Self.places(Self.clients + Self.policy("p", egress: sql, annotations: tried) + names) == [])
    }

    /// No pod is known that the policy selects: one that has what it asks for stands for them.
    @Test(arguments: ["", clients])
    func aPolicyWithoutPodsIsJudgedByAnExample(pods: String) throws {
        let labels = "{app: ghost}"
        let closed = Self.policy("p", egress: Self.rule("{podSelector: {}}"), of: labels)
        #expect(try Self.places(pods + closed) == ["egress-without-dns shop/p spec.egress"])
        let found = try Self.findings(pods + closed)
        #expect(found.allSatisfy { $0.meaning.hasPrefix("the pods that it selects cannot ask") }, "\(found)")
        #expect(try Self.places(pods + closed + Self.policy("all", egress: Self.rule(Self.toServer))) == [])
    }

    @Test func anotherNameServerIsAskedWhereItIsNamed() throws {
        func count(_ dns: String, _ peer: String) throws -> Int {
            try Self.findings(Self.clients + Self.policy("p", egress: Self.rule(peer)), dns: try NameServer(dns)).count
        }
        #expect(try count("169.254.20.10", "{ipBlock: {cidr: 169.254.20.10/32}}") == 0)
        #expect(try count("169.254.20.10", Self.toServer) == 1)
        #expect(try count("dev/app=tool", "{namespaceSelector: {}, podSelector: {matchLabels: {app: tool}}}") == 0)
        #expect(try count("dev/app=tool", Self.toServer) == 1)
        let closed = Self.clients + Self.policy("p", egress: Self.rule("{podSelector: {}}"))
        #expect(try Self.findings(closed, dns: nil) == [] && Self.findings(closed).count == 1)
        for text in ["kube-system/coredns", "kube-dns", ""] {
            #expect(throws: (any Error).self) { try NameServer(text) }
        }
    }

    // MARK: Ingress of the name server

    @Test(arguments: ["", server()])
    func whoClosesTheNameServerIsToldForWhom(server: String) throws {
        func findings(_ from: String?, _ ports: String = "{port: 53, protocol: UDP}") throws -> [LintFinding] {
            let rule = from.map { "{from: [\($0)], ports: [\(ports)]}" } ?? ""
            let policy = Self.policy("dns", ingress: rule, in: "kube-system")
            return try Self.findings(Self.clients + server + policy)
        }
        let closed = try findings(nil)
        #expect(closed.map { "\($0.check.rawValue) \($0.field)" } == ["name-server-closed spec.ingress"])
        #expect(closed.allSatisfy { $0.meaning.contains("to dev/app=tool, shop/app=api, shop/app=web:") }, "\(closed)")
        #expect(try findings("{namespaceSelector: {}}") == [])
        #expect(try findings("{namespaceSelector: {}}", "{port: dns, protocol: UDP}") == [])
        #expect(try findings("{namespaceSelector: {}}", "{port: 53}").count == 1)
        // Clients without an address may have one of the block.
        #expect(try findings("{ipBlock: {cidr: 10.1.0.0/16}}") == [])
        let some = try findings("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}")
        #expect(some.map { $0.meaning.contains("to dev/app=tool:") } == [true])
    }

    @Test func aDenyInFrontOfTheNameServerIsFound() throws {
        let deny = PolicyLintTests.clusterPolicy(
            "deny", "priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]")
        let places = ["name-server-closed deny spec.ingress[0]"]
        #expect(try Self.places(Self.clients + Self.server() + deny) == places)
        #expect(try Self.places(Self.clients + deny) == places && Self.places(deny) == places)
    }
}
