import APIClient
import CMartletABI
import Flows
import Informers
import JSONText
import KubeObjects
import Logging
import MapLayout
import NetTypes
import TestKit
import Testing

@testable import Agent

/// What dry runs would make of flows from the pod `shop/web` to the pod `shop/db`.
@Suite struct DryRunJudgeTests {
    private struct Names: FlowNames {
        func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey? {
            [5: ObjectKey("shop", "web"), 6: ObjectKey("shop", "db"), 7: ObjectKey("shop", "gone")][number]
        }
        func rule(_ id: UInt32) -> FlowRule? { nil }
        func revision(generation: UInt32) -> String? { nil }
        func service(_ frontend: MapImage.Frontend) -> ObjectKey? { nil }
    }

    private let cluster = MemoryCluster()

    init() {
        cluster.set(.namespaces, ["metadata": ["name": "shop"]])
        setPod("web", app: "web")
        setPod("db", app: "db")
    }

    private func setPod(_ name: String, app: String) {
        cluster.set(
            .pods,
            [
                "metadata": ["namespace": "shop", "name": .string(name), "labels": ["app": .string(app)]],
                "spec": ["nodeName": "here"], "status": ["phase": "Running"],
            ])
    }

    private func metadata(_ name: String, _ namespace: String?, dryRun: Bool) -> JSONValue {
        var metadata: JSONValue = ["name": .string(name)]
        metadata["namespace"] = namespace.map { .string($0) }
        if dryRun { metadata["annotations"] = [ObjectMeta.dryRunAnnotation: "true"] }
        return metadata
    }

    /// A NetworkPolicy for ingress of `db`: from `app` on TCP 5432, or from nobody.
    private func setPolicy(_ name: String, from app: String? = nil, dryRun: Bool = false) {
        let rules: [JSONValue] =
            app.map { app in
                [
                    [
                        "from": [["podSelector": ["matchLabels": ["app": .string(app)]]]],
                        "ports": [["protocol": "TCP", "port": 5432]],
                    ]
                ]
            } ?? []
        cluster.set(
            .networkPolicies,
            [
                "metadata": metadata(name, "shop", dryRun: dryRun),
                "spec": [
                    "podSelector": ["matchLabels": ["app": "db"]], "policyTypes": ["Ingress"], "ingress": .array(rules),
                ],
            ])
    }

    /// A ClusterNetworkPolicy of tier Admin with one ingress rule about pods of every namespace.
    private func setClusterPolicy(_ name: String, _ action: String, priority: Int64, dryRun: Bool = false) {
        cluster.set(
            .clusterNetworkPolicies,
            [
                "metadata": metadata(name, nil, dryRun: dryRun),
                "spec": [
                    "tier": "Admin", "priority": .integer(priority), "subject": ["namespaces": [:]],
                    "ingress": [["action": .string(action), "from": [["namespaces": [:]]]]],
                ],
            ])
    }

    private func snapshot() async -> ClusterSnapshot {
        let informers = ClusterInformers(client: cluster, logger: Logger(label: "test"))
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await informers.run() }
            await informers.waitForSync()
            group.cancelAll()
            return informers.snapshot()
        }
    }

    private func judge() async -> DryRunJudge {
        DryRunJudge(await snapshot(), podCIDRs: [], nodeAddresses: [])
    }

    private func record(
        _ kind: EventKind, port: UInt16 = 5432, source: UInt32 = 5, reason: DropReason = .policy
    ) throws -> FlowRecord {
        var event = martlet_event()
        event.kind = kind.rawValue
        event.reason = kind == .drop ? reason.rawValue : 0
        event.protocol = 6
        event.hook = Hook.fromPod.rawValue
        event.source = IPAddress(v4: 0x0a01_0005).mapped
        event.destination = IPAddress(v4: 0x0a01_0006).mapped
        event.destination_port = port.bigEndian
        event.source_endpoint = source
        event.destination_endpoint = 6
        return FlowRecord(
            try #require(FlowEvent(event)), sequence: 1,
            anchor: ClockAnchor(monotonicNanoseconds: 0, unixNanoseconds: 0), names: Names())
    }

    private func text(_ trial: FlowTrial?) -> String? {
        trial.map { "\($0.verdict.rawValue) by \($0.rule?.text ?? "nobody")" }
    }

    @Test func whatADryRunWouldDenyIsMarkedWithThePolicyThatIsolates() async throws {
        setPolicy("shut", dryRun: true)
        #expect(text(try await judge().trial(of: record(.flow))) == "would-deny by shop/shut ingress isolation")
    }

    @Test func whatADryRunWouldAllowBesideThoseInForceIsMarkedWithItsRule() async throws {
        setPolicy("shut")
        setPolicy("open", from: "web", dryRun: true)
        let judge = await judge()
        #expect(text(judge.trial(of: try record(.drop))) == "would-allow by shop/open ingress[0]")
        #expect(judge.trial(of: try record(.drop, port: 22)) == nil, "the dry run does not open this port")
    }

    @Test func aFlowThatADryRunDoesNotChangeHasNoMark() async throws {
        setPolicy("open", from: "web")
        // Policies add up: it takes nothing from what another allows.
        setPolicy("shut", dryRun: true)
        let judge = await judge()
        #expect(judge.trial(of: try record(.flow)) == nil)
        #expect(judge.trial(of: try record(.drop, port: 22)) == nil)
    }

    @Test func aClusterPolicyAsADryRunOverrulesTheNamespacesOwn() async throws {
        setPolicy("open", from: "web")
        setClusterPolicy("guard", "Deny", priority: 5, dryRun: true)
        #expect(
            text(try await judge().trial(of: record(.flow)))
                == "would-deny by ClusterNetworkPolicy guard ingress[0]")
        setClusterPolicy("guard", "Accept", priority: 5, dryRun: true)
        #expect(
            text(try await judge().trial(of: record(.drop, port: 22)))
                == "would-allow by ClusterNetworkPolicy guard ingress[0]")
    }

    @Test func whatPassesADenialAndIsDecidedByNobodyHasNoRule() async throws {
        setClusterPolicy("deny", "Deny", priority: 5)
        setClusterPolicy("pass", "Pass", priority: 1, dryRun: true)
        #expect(text(try await judge().trial(of: record(.drop))) == "would-allow by nobody")
    }

    @Test func nothingIsClaimedWhereTheObjectsDoNotSayWhatTheKernelSaid() async throws {
        setPolicy("shut")
        setPolicy("open", from: "web", dryRun: true)
        setClusterPolicy("guard", "Deny", priority: 5, dryRun: true)
        let judge = await judge()
        #expect(judge.trial(of: try record(.flow)) == nil, "the kernel allowed what is closed now: an older flow")
        #expect(judge.trial(of: try record(.drop, source: 7)) == nil, "the pod is gone")
    }

    @Test func onlyNewFlowsAndDropsByPolicyAreJudged() async throws {
        setPolicy("shut")
        setPolicy("open", from: "web", dryRun: true)
        let judge = await judge()
        #expect(judge.trial(of: try record(.close)) == nil)
        #expect(judge.trial(of: try record(.drop, reason: .spoofedSource)) == nil)
    }

    @Test func withoutADryRunNothingIsJudged() async throws {
        setPolicy("shut")
        #expect(try await judge().trial(of: record(.drop)) == nil)
    }

    @Test func podsAreThoseOfTheMomentAndPoliciesOfTheirVersions() async throws {
        setPolicy("shut")
        setPolicy("open", from: "front", dryRun: true)
        let judge = await judge()
        #expect(judge.trial(of: try record(.drop)) == nil)
        setPod("web", app: "front")
        let later = await snapshot()
        #expect(text(judge.with(later).trial(of: try record(.drop))) == "would-allow by shop/open ingress[0]")
        setPolicy("open", from: "web", dryRun: true)
        #expect(DryRunJudge.Versions(await snapshot()) != judge.versions)
    }
}
