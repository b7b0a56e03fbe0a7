import APIClient
import BPFRuntime
import CMartletABI
import Foundation
import Informers
import JSONText
import KubeObjects
import Logging
import MapLayout
import NetTypes
import Netlink
import Synchronization
import TestKit
import Testing

@testable import Agent

/// What a change costs in writes: in proportion to what it touches, in a cluster of any size.
@Suite struct MapWritesTests {
    private let cluster = MemoryCluster()
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mw-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    /// A pod of another node.
    private func setPod(_ name: String, _ number: Int, app: String) {
        let address = "10.1.\(number / 250).\(1 + number % 250)"
        cluster.set(
            .pods,
            [
                "metadata": ["namespace": "shop", "name": .string(name), "labels": ["app": .string(app)]],
                "spec": ["nodeName": "far"],
                "status": ["phase": "Running", "podIP": .string(address), "podIPs": [["ip": .string(address)]]],
            ])
    }

    private func setPolicy(_ name: String, selecting app: String, from peer: String, port: Int64) {
        cluster.set(
            .networkPolicies,
            [
                "metadata": ["namespace": "shop", "name": .string(name)],
                "spec": [
                    "podSelector": ["matchLabels": ["app": .string(app)]], "policyTypes": ["Ingress"],
                    "ingress": [
                        [
                            "from": [["podSelector": ["matchLabels": ["app": .string(peer)]]]],
                            "ports": [["port": .integer(port)]],
                        ]
                    ],
                ],
            ])
    }

    private func snapshot() async -> ClusterSnapshot {
        let informers = ClusterInformers(client: cluster, logger: Logger(label: "test"))
        return await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await informers.run() }
            await informers.waitForSync()
            defer { group.cancelAll() }
            return informers.snapshot()
        }
    }

    private struct Cost {
        var counts: MapWrites.Counts
        /// Writes as the datapath saw them.
        var seen: Int
    }

    /// Three pods of `db` that `web` reaches, and `others` pods that four other policies select; then the policy of
    /// `db` changes. What that change alone cost.
    private func costOfChange(others: Int) async throws -> Cost {
        cluster.set(.namespaces, ["metadata": ["name": "shop"]])
        for number in 0..<3 { setPod("db-\(number)", number, app: "db") }
        setPod("web", 3, app: "web")
        for number in 0..<others { setPod("other-\(number)", 4 + number, app: "app-\(number % 4)") }
        for number in 0..<4 {
            setPolicy("app-\(number)", selecting: "app-\(number)", from: "web", port: Int64(8_000 + number))
        }
        setPolicy("db", selecting: "db", from: "web", port: 5_432)
        let datapath = WatchedDatapath(MemoryDatapath())
        let writes = MapWrites()
        let engine = try Engine(
            datapath: datapath, journalPath: folder.appending(path: "ids").path(), nodeName: "here", bootID: "boot",
            thread: SerialThread(), writes: writes, logger: Logger(label: "test"))
        try await engine.start()
        try await engine.compileAll(await snapshot(), podCIDRs: [#require(CIDR("10.1.0.0/16"))])
        let before = writes.counts
        #expect(before.endpoints >= 4 + others, "every endpoint was born")

        let seen = Mutex(0)
        datapath.watch { _ in seen.withLock { $0 += 1 } }
        setPolicy("db", selecting: "db", from: "web", port: 5_433)
        var notice = ChangeNotice()
        notice.names = [.networkPolicies: [ObjectKey("shop", "db")]]
        try await engine.compile(notice, await snapshot())
        let after = writes.counts
        return Cost(
            counts: MapWrites.Counts(
                writes: after.writes - before.writes, endpoints: after.endpoints - before.endpoints,
                classes: after.classes - before.classes, rules: after.rules - before.rules,
                networks: after.networks - before.networks), seen: seen.withLock { $0 })
    }

    @Test(arguments: [100, 1_000]) func aChangedPolicyCostsWhatItTouches(others: Int) async throws {
        let cost = try await costOfChange(others: others)
        // The one rule, the class's two lists in the next generation's slot, and the generation; and the flags, which
        // the first compile has put into force, and which the next three generations write again.
        #expect(cost.counts == MapWrites.Counts(writes: 5, endpoints: 0, classes: 1, rules: 1, networks: 0))
        #expect(cost.seen == cost.counts.writes, "no write passes the count by")
    }

    @Test func aRunOfRulesCountsEachAndARowOnce() {
        let writes = MapWrites()
        let rules = [martlet_rule](repeating: martlet_rule(), count: 3)
        writes.stored(MapCatalog.rules.identity, bytes: MapBytes.of(all: rules).count)
        #expect(writes.counts.writes == 3)
        writes.stored(MapCatalog.classRows.identity, bytes: 512)
        #expect(writes.counts.writes == 4)
        #expect(writes.metrics.split(separator: "\n").contains("martlet_map_writes_total 4"))
    }
}
