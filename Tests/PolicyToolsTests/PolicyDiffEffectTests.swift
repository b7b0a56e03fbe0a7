import CommandLineUI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@testable import PolicyTools

/// Flows of one address family, and connections that an earlier change forbade and kept.
@Suite struct PolicyDiffEffectTests {
    private static let web = FlowParty.name(ObjectKey("prod", "web"))
    private static let db = FlowParty.name(ObjectKey("prod", "db-2"))

    private static func live(_ count: Int64, _ family: IPFamily = .v4, _ mode: ChangeMode? = nil) -> SeenFlow {
        SeenFlow(
            source: web, destination: db, family: family, transport: 6, port: 5432, count: count, changeMode: mode)
    }

    private static func policy(_ spec: String, _ mode: ChangeMode = .keep) -> String {
        PolicyDiffTests.policy("db", "\(ChangeMode.annotation): \(mode.rawValue)", spec)
    }

    // MARK: Families

    private static func dualStack(_ text: String) throws -> PolicyWorld {
        var yaml = PolicyDiffTests.pods
        for number in 1...4 {
            yaml.replace(
                "{podIP: 10.0.0.\(number)}",
                with: "{podIP: 10.0.0.\(number), podIPs: [{ip: 10.0.0.\(number)}, {ip: \"fd00::\(number)\"}]}")
        }
        return try PolicyLintTests.world(yaml + text)
    }

    /// Blocks before and after; how many flows are cut, of 2 over IPv4 and 3 over IPv6.
    @Test(
        arguments: [
            (["10.0.0.0/8", "fd00::/8"], ["10.0.0.0/8"], [3]), (["10.0.0.0/8", "fd00::/8"], ["fd00::/8"], [2]),
            (["10.0.0.0/8", "fd00::/8"], ["fd00::4/128", "10.0.0.4/32"], []), (["fd00::/8"], ["10.0.0.0/8"], [3]),
            (["10.0.0.0/8", "fd00::/8"], ["fd00::9/128"], [2, 3]),
        ] as [([String], [String], [Int64])])
    func aFlowIsJudgedOverItsOwnFamily(_ old: [String], _ new: [String], _ cut: [Int64]) throws {
        func world(_ list: [String]) throws -> PolicyWorld {
            let peers = list.map { "{ipBlock: {cidr: \"\($0)\"}}" }.joined(separator: ", ")
            return try Self.dualStack(
                PolicyDiffTests.policy(
                    "db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [\(peers)]}]}"))
        }
        let flows = [Self.live(2), Self.live(3, .v6)]
        let hour = flows.map {
            SeenFlow(
                source: .name(ObjectKey("prod", "app=web")), destination: .name(ObjectKey("prod", "app=db")),
                family: $0.family, transport: 6, port: 5432, count: $0.count)
        }
        let effect = PolicyDiff(try world(old), try world(new)).effect(on: SeenTraffic(pairs: hour, live: flows))
        #expect(effect.cutLive.map(\.count) == cut)
        #expect(effect.cut.map(\.count) == cut)
    }

    @Test func aRelabelledPodOfBothFamiliesIsJudgedWithItsNewLabels() throws {
        let old = try Self.dualStack(PolicyDiffTests.policy("db", PolicyDiffTests.onlyAPI))
        var new = old
        for document in try ManifestFiles.parse(PolicyDiffTests.pod("web", "api", "10.0.0.4"), file: "t") {
            new.add(document.body)
        }
        let dropped = [IPFamily.v4, .v6].map {
            SeenFlow(
                source: Self.web, destination: .name(ObjectKey("prod", "app=db")), family: $0, transport: 6, port: 5432,
                isAllowed: false)
        }
        #expect(PolicyDiff(old, new).effect(on: SeenTraffic(pairs: dropped)).opened == dropped)
        let live = [Self.live(1), Self.live(1, .v6)]
        #expect(PolicyDiff(new, old).effect(on: SeenTraffic(live: live)).cutLive == live)
    }

    // MARK: Kept already

    private static let nobody = "{podSelector: {matchLabels: {app: db}}, ingress: []}"
    private static let somebody = "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"
    private static let deny = PolicyLintTests.clusterPolicy(
        "guard", "priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]"
    ).replacing("{name: guard}", with: "{name: guard, annotations: {policy.martlet.io/on-change: keep}}")

    /// Which list of the effect has the flow that `nobody` forbids and keeps.
    private static func fate(_ flow: SeenFlow = live(1, .v4, .keep), from old: String, to new: String) throws -> String
    {
        let effect = try PolicyDiffTests.diff(old, new).effect(on: SeenTraffic(live: [flow]))
        let lists = [
            ("cut", effect.cutLive), ("kept", effect.keptLive), ("still kept", effect.stillKeptLive),
            ("allowed again", effect.allowedAgainLive),
        ]
        return lists.filter { !$0.1.isEmpty }.map(\.0).joined(separator: ", ")
    }

    @Test func aKeptFlowIsWhatTheNewSetMakesOfIt() throws {
        let old = Self.policy(Self.nobody)
        #expect(try Self.fate(from: old, to: old) == "still kept")
        #expect(try Self.fate(from: old, to: Self.policy(PolicyDiffTests.onlyAPI)) == "still kept")
        #expect(try Self.fate(from: old, to: Self.policy(Self.nobody, .recheck)) == "cut")
        #expect(try Self.fate(from: old, to: Self.policy(Self.nobody, .reset)) == "cut")
        #expect(try Self.fate(from: old, to: old + Self.deny) == "cut")
        #expect(try Self.fate(from: old, to: Self.policy(Self.somebody)) == "allowed again")
        #expect(try Self.fate(from: old, to: Self.policy(Self.somebody, .reset)) == "allowed again")
        #expect(try Self.fate(from: old, to: "") == "allowed again")
    }

    @Test func anotherPolicyOfEitherEndMayEndAKeptFlow() throws {
        let old = Self.policy(Self.nobody)
        let sender = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{}]}"
        for mode in ChangeMode.allCases {
            let more = PolicyDiffTests.policy("web", "\(ChangeMode.annotation): \(mode.rawValue)", sender)
            #expect(try Self.fate(from: old, to: old + more) == (mode == .keep ? "still kept" : "cut"))
        }
    }

    @Test func whatIsOverAlreadyIsNotCutOnceMore() throws {
        let old = Self.policy(Self.nobody)
        // Judged last where it was to be dropped, or by no policy at all; or denied since.
        #expect(try Self.fate(Self.live(1, .v4, .recheck), from: old, to: Self.policy(Self.nobody, .reset)) == "")
        #expect(try Self.fate(Self.live(1, .v4, nil), from: old, to: old) == "still kept")
        #expect(try Self.fate(from: old + Self.deny, to: old + Self.deny) == "")
        #expect(try Self.fate(from: Self.policy(Self.nobody, .recheck), to: "") == "")
    }

    @Test func whatWasAskedForWhenTheFlowWasJudgedCountsToo() throws {
        let (old, new) = (Self.policy(Self.somebody), Self.policy(Self.nobody))
        #expect(try Self.fate(from: old, to: new) == "kept")
        #expect(try Self.fate(Self.live(1, .v4, .reset), from: old, to: new) == "cut")
    }

    // MARK: The daemon's answer

    @Test func theDaemonsAnswerIsReadAndWhatIsMissingIsSaid() {
        let row: JSONValue = [
            "source": "prod/web", "destination": "fd00::2", "family": "IPv6", "transport": 6, "port": 80, "flows": 4,
            "onChange": "keep",
        ]
        let traffic = SeenTraffic(["pairs": [["source": "prod/web"]], "live": [row], "liveLeftOut": 3])
        #expect(traffic.pairs.isEmpty)
        #expect(traffic.live.map(\.family) == [.v6])
        #expect(traffic.live.map(\.changeMode) == [.keep])
        #expect(traffic.live.first?.json["family"] == "IPv6")
        #expect(traffic.notes.count == 2)
        #expect(SeenTraffic(["pairs": [], "live": [row], "liveLeftOut": 0]).notes.isEmpty)
    }
}
