import CommandLineUI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@testable import PolicyTools

@Suite struct PolicyDiffTests {
    static func pod(_ name: String, _ app: String, _ address: String) -> String {
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: \(name), namespace: prod, labels: {app: \(app)}}
        spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}
        status: {podIP: \(address)}
        ---

        """
    }

    static let pods =
        pod("db-1", "db", "10.0.0.1") + pod("db-2", "db", "10.0.0.2") + pod("api", "api", "10.0.0.3")
        + pod("web", "web", "10.0.0.4")

    static func policy(_ name: String, _ spec: String, dryRun: Bool = false) -> String {
        let note = dryRun ? ", annotations: {policy.martlet.io/dry-run: \"true\"}" : ""
        return
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: \(name), namespace: prod\(note)}\n"
            + "spec: \(spec)\n---\n"
    }

    static let onlyAPI =
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], "
        + "ports: [{port: sql}]}]}"

    static func diff(_ old: String, _ new: String) throws -> PolicyDiff {
        PolicyDiff(
            try PolicyLintTests.world(pods + old).inForce, try PolicyLintTests.world(pods + new).inForce)
    }

    @Test func addressesOfServicesAreNeitherKeptNorLost() throws {
        let policy = Self.policy(
            "sv",
            "{podSelector: {matchLabels: {app: api}}, policyTypes: [Egress], "
                + "egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}, {ipBlock: {cidr: 10.96.0.0/15}}], "
                + "ports: [{port: 80}]}]}")
        let diff = PolicyDiff(
            try PolicyLintTests.world(Self.pods), try PolicyLintTests.world(Self.pods + policy),
            services: ["10.96.0.0/16"].compactMap { CIDR($0) })
        let outside = diff.rows.map(Self.text).filter { $0.contains("outside 10.") }
        #expect(outside == ["prod/app=api > outside 10.96.0.0/15 + -any port but TCP 80"])
    }

    static func text(_ row: PolicyDiff.Row) -> String {
        "\(row.from.joined(separator: ",")) > \(row.to.joined(separator: ",")) +\(PortSpan.text(row.gained)) "
            + "-\(PortSpan.text(row.lost))"
    }

    @Test func policyTakesFromAllButItsPeersAndRowsAreGrouped() throws {
        let rows = try Self.diff("", Self.policy("db", Self.onlyAPI)).rows.map(Self.text)
        #expect(rows.count == 2)
        #expect(rows.contains("outside (IPv4),prod/app=db,prod/app=web > prod/app=db + -any port"))
        #expect(rows.contains("prod/app=api > prod/app=db + -any port but TCP 5432"))
    }

    @Test func whatIsGainedIsWhatALaterRuleOpens() throws {
        let old = Self.policy("db", Self.onlyAPI)
        let new =
            old
            + Self.policy(
                "more",
                "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.4/32}}], "
                    + "ports: [{port: 22}]}]}")
        let rows = try Self.diff(old, new).rows
        #expect(rows.map(Self.text) == ["prod/app=web > prod/app=db +TCP 22 -"])
        #expect(rows[0].gainedBecause == ["allowed by prod/more ingress[0]"])
        let back = try Self.diff(new, old).rows
        #expect(
            back.map(\.lostBecause) == [["isolated by prod/db ingress", "no longer allowed by prod/more ingress[0]"]])
    }

    @Test func whatIsLostNamesWhatRefusesItAndWhatIsOpenedWhatRefusedIt() throws {
        let policy = Self.policy("db", Self.onlyAPI)
        #expect(try Self.diff("", policy).rows.allSatisfy { $0.lostBecause == ["isolated by prod/db ingress"] })
        let opened = try Self.diff(policy, "").rows
        #expect(opened.allSatisfy { $0.gainedBecause == ["no longer isolated by prod/db ingress"] })
        let deny = PolicyLintTests.clusterPolicy(
            "guard", "priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]")
        let denied = try Self.diff("", deny).rows
        #expect(!denied.isEmpty)
        #expect(denied.allSatisfy { $0.lostBecause == ["denied by ClusterNetworkPolicy guard ingress[0]"] })
    }

    // MARK: Open connections

    static let live = SeenTraffic(live: [
        SeenFlow(
            source: .name(ObjectKey("prod", "web")), destination: .name(ObjectKey("prod", "db-2")), transport: 6,
            port: 5432, count: 2)
    ])

    static func policy(_ name: String, _ mode: String, _ spec: String) -> String {
        policy(name, spec).replacing("name: \(name),", with: "name: \(name), annotations: {\(mode)},")
    }

    /// Modes of the policies of the receiver and the sender before, and of the receiver's after; what is kept and cut.
    @Test(
        arguments: [
            ("keep", "", "keep", 2, 0), ("", "", "keep", 2, 0), ("keep", "recheck", "keep", 0, 2),
            ("keep", "keep", "keep", 2, 0), ("reset", "", "keep", 0, 2), ("keep", "", "recheck", 0, 2),
        ] as [(String, String, String, Int64, Int64)])
    func theStrictestModeOfBothEndsBeforeAndAfterSaysWhatIsKept(
        _ receiver: String, _ sender: String, _ later: String, _ kept: Int64, _ cut: Int64
    ) throws {
        func mode(_ word: String) -> String { "policy.martlet.io/on-change: \(word)" }
        let open = "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"
        let sending = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{}]}"
        let fixed = sender.isEmpty ? "" : Self.policy("web", mode(sender), sending)
        let old = fixed + (receiver.isEmpty ? "" : Self.policy("db", mode(receiver), open))
        let effect = try Self.diff(old, fixed + Self.policy("db", mode(later), Self.onlyAPI)).effect(on: Self.live)
        #expect(effect.keptLive.map(\.count) == (kept == 0 ? [] : [kept]))
        #expect(effect.cutLive.map(\.count) == (cut == 0 ? [] : [cut]))
    }

    @Test func aDenyCutsWhatOtherwiseWouldBeKept() throws {
        let deny = PolicyLintTests.clusterPolicy(
            "guard", "priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]"
        ).replacing("{name: guard}", with: "{name: guard, annotations: {policy.martlet.io/on-change: keep}}")
        let effect = try Self.diff("", deny).effect(on: Self.live)
        #expect(effect.keptLive.isEmpty && effect.cutLive.map(\.count) == [2])
    }

    @Test func dryRunCountsAsAbsentOnEitherSide() throws {
        let enforced = Self.policy("db", Self.onlyAPI)
        let tried = Self.policy("db", Self.onlyAPI, dryRun: true)
        #expect(try Self.diff("", tried).rows.isEmpty)
        #expect(try Self.diff(enforced, tried).rows.allSatisfy { $0.lost.isEmpty && !$0.gained.isEmpty })
        let notes = PolicyWorld.dryRunNotes(
            try PolicyLintTests.world(enforced), try PolicyLintTests.world(tried))
        #expect(notes == ["NetworkPolicy prod/db is in force now: as a dry run it counts as deleted"])
    }

    @Test func aPolicyOfTheChangeThatSelectsNothingIsNamed() throws {
        let misspelt = Self.policy("dbb", Self.onlyAPI.replacing("app: db}", with: "app: dbb}"))
        let nowhere = PolicyLintTests.clusterPolicy(
            "guard",
            "priority: 1, subject: {namespaces: {matchLabels: {a: b}}}, ingress: [{action: Deny, from: "
                + "[{namespaces: {}}]}]")
        func notes(_ old: String, _ new: String) throws -> [String] {
            try PolicyWorld.idleNotes(PolicyLintTests.world(old), PolicyLintTests.world(new))
        }
        let good = Self.pods + Self.policy("db", Self.onlyAPI)
        #expect(try notes(Self.pods, good).isEmpty)
        let found = try notes(good, good + misspelt + nowhere)
        #expect(found.count == 2 && found[0].hasPrefix("NetworkPolicy prod/dbb selects no pod"))
        // What was there before is no matter of the change; without pods all would be named.
        #expect(try notes(good + misspelt, good + misspelt).isEmpty)
        #expect(try notes("", misspelt).isEmpty)
    }

    @Test func seenFlowsAreSortedIntoCutAndOpened() throws {
        let api = FlowParty.name(ObjectKey("prod", "app=api"))
        let web = FlowParty.name(ObjectKey("prod", "app=web"))
        let db = FlowParty.name(ObjectKey("prod", "app=db"))
        let traffic = SeenTraffic(
            pairs: [
                SeenFlow(source: api, destination: db, transport: 6, port: 5432),
                SeenFlow(source: web, destination: db, transport: 6, port: 5432, count: 4),
            ],
            live: [
                SeenFlow(
                    source: .name(ObjectKey("prod", "web")), destination: .name(ObjectKey("prod", "db-2")),
                    transport: 6, port: 5432, count: 3)
            ])
        let effect = try Self.diff("", Self.policy("db", Self.onlyAPI)).effect(on: traffic)
        #expect(effect.cut.map(\.count) == [4])
        #expect(effect.cutLive.map(\.count) == [3])
        let dropped = SeenTraffic(pairs: [
            SeenFlow(source: web, destination: db, transport: 6, port: 5432, isAllowed: false)
        ])
        #expect(try Self.diff(Self.policy("db", Self.onlyAPI), "").effect(on: dropped).opened.count == 1)
    }

    /// 40 blocks on 40 ports each: more rules than a list holds.
    private static let tooLarge: String = {
        let blocks = (0..<40).map { "{ipBlock: {cidr: 10.\($0).0.0/16}}" }.joined(separator: ", ")
        let ports = (1...40).map { "{port: \($0 * 2)}" }.joined(separator: ", ")
        return "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [\(blocks)], ports: [\(ports)]}]}"
    }()

    @Test func aChangeThatDoesNotFitIsSaidApart() throws {
        let diff = try Self.diff("", Self.policy("db", Self.tooLarge))
        #expect(diff.misfits.count == 1 && diff.misfits[0].contains("1600 rules"), "\(diff.misfits)")
        // What does not fit already is no fault of the change.
        let both = Self.policy("db", Self.tooLarge) + Self.policy("web", "{podSelector: {matchLabels: {app: web}}}")
        #expect(try Self.diff(Self.policy("db", Self.tooLarge), both).misfits.isEmpty)
        #expect(try Self.diff("", Self.policy("db", Self.onlyAPI)).misfits.isEmpty)
    }

    @Test func aNamespaceThatIsNoStringIsUnreadable() {
        var world = PolicyWorld()
        world.add([
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": "a", "namespace": false], "spec": ["podSelector": [:]],
        ])
        #expect(world.policies.isEmpty)
        #expect(world.unreadable.map(\.error.field) == ["metadata.namespace"])
    }

    @Test func aRelabelledPodIsAChangeToo() throws {
        let old = try PolicyLintTests.world(Self.pods + Self.policy("db", Self.onlyAPI))
        var new = old
        for document in try ManifestFiles.parse(Self.pod("web", "api", "10.0.0.4"), file: "t") {
            new.add(document.body)
        }
        let rows = PolicyDiff(old, new).rows
        #expect(rows.map(\.gained) == [[PortSpan(6, PortRange(5432))]])
    }

    /// Every pair of pods and every port, by the evaluator, says the same.
    @Test func rowsAreWhatTheEvaluatorSaysOfEachPair() throws {
        let old = Self.policy("db", Self.onlyAPI)
        let new =
            Self.policy(
                "all", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]}")
            + Self.policy(
                "db", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80, endPort: 90}]}]}")
        let (before, after) = (try PolicyLintTests.world(Self.pods + old), try PolicyLintTests.world(Self.pods + new))
        let diff = PolicyDiff(before, after)
        let places = PodPlaces(before)
        let engines = (EvaluatorEngine(before, places: places), EvaluatorEngine(after, places: places))
        func isOpen(_ engine: EvaluatorEngine, _ from: Pod, _ to: Pod, _ span: PortSpan) throws -> Bool {
            let transport = try #require(TransportProtocol(rawValue: span.transport))
            let answer = engine.judge(
                VerdictQuestion(
                    source: from.addresses[0], destination: to.addresses[0], sourcePod: from, destinationPod: to,
                    transport: transport, port: span.ports.low))
            return answer.egress.isAllowed && answer.ingress.isAllowed
        }
        for from in places.pods {
            for to in places.pods where from.key != to.key {
                for (transport, port) in [(6, 80), (6, 90), (6, 91), (6, 5432), (17, 53), (17, 54), (132, 80)] {
                    let span = PortSpan(UInt8(transport), PortRange(UInt16(port)))
                    let was = try isOpen(engines.0, from, to, span)
                    let will = try isOpen(engines.1, from, to, span)
                    let rows = diff.rows.filter {
                        $0.from.contains("\(from.workload)") && $0.to.contains("\(to.workload)")
                    }
                    let contains = { (spans: [PortSpan]) in
                        spans.contains { $0.contains(span.transport, span.ports.low) }
                    }
                    #expect(rows.contains { contains($0.gained) } == (will && !was))
                    #expect(rows.contains { contains($0.lost) } == (was && !will))
                }
            }
        }
    }
}
