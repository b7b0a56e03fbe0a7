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
import PolicyCompiler
import Reconcile
import RouteCompiler
import Synchronization
import TestKit
import Testing

@testable import Agent

/// One daemon after the other over the same maps and the same journal.
@Suite struct EngineRestartTests {
    private static let hooks = WantedHooks(uplinks: [], connectCgroup: nil)
    private let cluster = MemoryCluster()
    private let datapath = MemoryDatapath()
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        Shop.fill(cluster)
    }

    private func setPolicy(port: Int64, block: String) {
        cluster.set(
            .networkPolicies,
            [
                "metadata": ["namespace": "shop", "name": "db"],
                "spec": [
                    "podSelector": ["matchLabels": ["app": "db"]], "policyTypes": ["Ingress"],
                    "ingress": [
                        [
                            "from": [
                                ["podSelector": ["matchLabels": ["app": "web"]]],
                                ["ipBlock": ["cidr": .string(block)]],
                            ],
                            "ports": [["port": .integer(port)]],
                        ]
                    ],
                ],
            ])
    }

    /// A daemon that has made its first compile; its grace periods are the test's to end.
    private func daemon(watching watcher: WatchedDatapath.Watcher? = nil, uids: [String] = ["", ""]) async throws
        -> Engine
    {
        let watched = WatchedDatapath(datapath)
        if let watcher { watched.watch(watcher) }
        let engine = try Engine(
            datapath: watched, journalPath: folder.appending(path: "ids").path(), nodeName: "here", bootID: "boot",
            thread: SerialThread(), logger: Logger(label: "test"))
        let informers = ClusterInformers(client: cluster, logger: Logger(label: "test"))
        try await engine.start()
        await engine.adopt(try Shop.attachments(uids: uids))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await informers.run() }
            await informers.waitForSync()
            try await engine.compileAll(informers.snapshot(), podCIDRs: [#require(CIDR("10.1.0.0/16"))])
            group.cancelAll()
        }
        return engine
    }

    /// Ends grace periods until nothing is held back.
    private func settle(_ engine: Engine) async throws {
        for await ticket in await engine.graceTickets {
            try await engine.graceElapsed(ticket)
            if await !engine.planner.isHeldBack { return }
        }
    }

    /// What the generation in force says: every class that an endpoint is in, with its lists and their rules.
    private func inForce() throws -> [String] {
        let image = try datapath.image()
        var lines: [String] = []
        for (address, number) in image.endpointOfAddress.sorted(by: { $0.key < $1.key }) {
            let index = (image.endpoints[number]?.classID ?? 0) & 0xffff
            let lists = image.classLists[index] ?? .open
            lines.append("\(address): \(index) \(lists)")
            for list in [lists.ingress, lists.egress] { lines += image.rules(of: list).map { "  \($0)" } }
        }
        for (block, number) in image.numberOfNetwork.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let index = (image.networkClasses[number] ?? 0) & 0xffff
            lines.append("\(block): \(index) \(image.blockRows[index] ?? [])")
        }
        return lines
    }

    @Test(.timeLimit(.minutes(1))) func aPolicyThatChangedMeanwhileIsSwitchedByOneFlip() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        let old = try await daemon()
        let before = try inForce()
        let generation = try datapath.generation()
        #expect(generation == 1)

        setPolicy(port: 81, block: "198.51.100.0/24")
        let waits = datapath.gracePeriods
        let steps = Mutex<[(waits: Int, isOld: Bool)]>([])
        let new = try await daemon { _ in
            let stands = try? inForce().filter { !$0.hasPrefix("198.51.100.0/24") }
            guard (try? datapath.generation()) == generation else { return }
            steps.withLock { $0.append((datapath.gracePeriods - waits, stands == before)) }
        }
        let taken = steps.withLock { $0 }
        #expect(taken.count > 10)
        #expect(taken.allSatisfy { $0.waits == 1 }, "packets of before the flip that came last are gone")
        #expect(taken.allSatisfy { $0.isOld }, "the old set stands until the flip")

        #expect(try datapath.generation() == generation + 1)
        #expect(try inForce() != before)
        #expect(await new.enforcedRevision != nil)
        #expect(await new.provenRevision == 5)
        #expect(await new.standing(of: ObjectKey("shop", "db"), version: "5") == .inForce)
        #expect(await new.report(faults: []).revision == 5)
        _ = old
    }

    @Test(.timeLimit(.minutes(1))) func whatDidNotChangeNeedsNoOtherNumbers() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        _ = try await daemon()
        let before = try inForce()
        let new = try await daemon()
        try await settle(new)
        #expect(try inForce() == before)
        let differences = try await new.differences(hooks: Self.hooks, repair: false)
        #expect(differences.filter { $0.map != "hooks" } == [])
    }

    @Test(.timeLimit(.minutes(1))) func aDumpOfEachMapHasTheNamesOfPodsPoliciesAndSelectors() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        let engine = try await daemon()
        try await settle(engine)
        let dump = MapDump(datapath, names: await engine.mapNames)
        let endpoints = try dump.content("endpoint_ids").rows
        #expect(endpoints.contains { $0.key == "10.1.0.6" && $0.value.contains("(shop/db)") })
        let rules = try dump.content("rules").rows.map(\.value)
        #expect(rules.count == 2 && rules.allSatisfy { $0.contains("(shop/db ingress[0])") }, "\(rules)")
        #expect(rules.contains { $0.contains("app=web") } && rules.contains { $0.contains("192.0.2.0/24") }, "\(rules)")
        #expect(try dump.content("class_rows").rows.contains { $0.value.contains("app=web") })
        #expect(try dump.content("block_rows").rows.contains { $0.value.contains("192.0.2.0/24") })
        for map in MapDump.maps { _ = try dump.content(map) }
    }

    @Test(.timeLimit(.minutes(1))) func anEndpointThatOutlivesItsPodIsClosed() async throws {
        _ = try await daemon()
        cluster.remove(.pods, namespace: "shop", name: "db")
        let engine = try await daemon()
        let image = try datapath.image()
        var found: [UInt32?] = []
        for name in Shop.pods {
            let record = try #require(await engine.routes.record(of: ObjectKey("shop", name)))
            found.append(image.endpoints[record.number]?.classID)
        }
        #expect(found == [0, PolicyCompiler.closedClass])
        let differences = try await engine.differences(hooks: Self.hooks, repair: false)
        #expect(differences.filter { $0.map != "hooks" } == [])
    }

    /// Classes of the endpoints of both pods, as the kernel has them.
    private func classes(_ engine: Engine) async throws -> [UInt32?] {
        let image = try datapath.image()
        var found: [UInt32?] = []
        for name in Shop.pods {
            let record = try #require(await engine.routes.record(of: ObjectKey("shop", name)))
            found.append(image.endpoints[record.number]?.classID)
        }
        return found
    }

    @Test(.timeLimit(.minutes(1))) func aPodThatWasMadeAnewDoesNotGetItsNamesakesEndpoint() async throws {
        let web = cluster.object(.pods, namespace: "shop", name: "web")?[path: "metadata", "uid"]?.string ?? ""
        let engine = try await daemon(uids: [web, "uid-of-a-former-pod"])
        #expect(try await classes(engine) == [0, PolicyCompiler.closedClass])
        #expect(await engine.addresses(of: ObjectKey("shop", "db")).isEmpty)
        let differences = try await engine.differences(hooks: Self.hooks, repair: false)
        #expect(differences.filter { $0.map != "hooks" } == [])
    }

    @Test(.timeLimit(.minutes(1))) func aPodThatIsMadeAnewClosesTheEndpointUntilItsOwnIsThere() async throws {
        let key = ObjectKey("shop", "db")
        let old = cluster.object(.pods, namespace: "shop", name: "db")?[path: "metadata", "uid"]?.string ?? ""
        let engine = try await daemon(uids: ["", old])
        #expect(try await classes(engine) == [0, 0])
        let new = Pod(
            metadata: ObjectMeta(namespace: "shop", name: "db", uid: "another"), nodeName: "here", addresses: [])
        // Twice: a second look at the same Pod changes nothing.
        for _ in 0..<2 {
            try await engine.take(RouteDelta(), pods: [key: new], removed: [], extra: [], revision: nil)
            #expect(try await classes(engine) == [0, PolicyCompiler.closedClass])
        }
        let mac = try #require(MACAddress(bytes: [2, 0, 0, 0, 0, 9]))
        _ = try await engine.attach(
            LocalAttachment(
                id: "db-2", owner: .pod(key, uid: "another"), addresses: [IPAddress(v4: 0x0a01_0009)],
                link: LocalLink(interface: 12, podMAC: mac)), pod: new)
        #expect(try await classes(engine) == [0, 0])
        await engine.forget(id: "db")
        #expect(try await classes(engine) == [0, 0], "the former one's DEL takes nothing of the new one")
    }

    @Test(.timeLimit(.minutes(1))) func aVersionThatCannotBeReadLeavesTheOneBeforeInForceAndIsTold() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        cluster.set(
            .clusterNetworkPolicies,
            [
                "metadata": ["name": "guard"],
                "spec": [
                    "tier": "Admin", "priority": 1, "subject": ["namespaces": [:]],
                    "ingress": [["action": "Deny", "from": [["namespaces": ["matchLabels": ["env": "dev"]]]]]],
                ],
            ])
        let engine = try await daemon()
        let before = try inForce()
        let references = [
            ObjectReference(.clusterNetworkPolicies, name: "guard"),
            ObjectReference(.networkPolicies, namespace: "shop", name: "db"),
        ]
        func object(_ reference: ObjectReference) throws -> JSONValue {
            try #require(
                cluster.object(reference.resource, namespace: reference.namespace, name: reference.name))
        }
        func versions() throws -> [String] {
            try references.map { try object($0)[path: "metadata", "resourceVersion"]?.string ?? "" }
        }
        let good = try versions()
        let informers = ClusterInformers(client: cluster, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await informers.run() }
            await informers.waitForSync()
            for reference in references {
                var broken = try object(reference)
                broken["spec"]?["ingress"] = [["action": "Perhaps", "from": [["ipBlock": ["cidr": "everywhere"]]]]]
                cluster.set(reference.resource, broken)
            }
            let deadline = ContinuousClock.now + .seconds(10)
            while informers.snapshot().faults.count < 2, ContinuousClock.now < deadline { await Task.yield() }
            var notice = ChangeNotice()
            notice.everything = [.networkPolicies, .clusterNetworkPolicies]
            try await engine.compileOrRetry(notice, informers)
            group.cancelAll()
        }
        #expect(try inForce() == before)
        let told = await engine.report(faults: informers.snapshot().faults).notEnforced
        #expect(Set(told.map(\.key)) == Set(references.map { ObjectKey($0.namespace, $0.name) }))
        for (index, reference) in references.enumerated() {
            let entry = told.first { $0.resource == reference.resource }
            #expect(entry?.reason == "Unreadable" && entry?.message.hasPrefix("spec.ingress[0].") == true)
            #expect(try entry?.resourceVersion == versions()[index] && entry?.enforcedVersion == good[index])
        }
    }

    @Test(.timeLimit(.minutes(1))) func aStaticPodIsKnownByItsHashWhicheverUIDItsMirrorHas() async throws {
        var mirror = try #require(cluster.object(.pods, namespace: "shop", name: "db"))
        mirror["metadata"]?["annotations"] = ["kubernetes.io/config.hash": "hash"]
        mirror["metadata"]?["uid"] = "of-a-second-mirror"
        cluster.set(.pods, mirror)
        #expect(try await classes(await daemon(uids: ["", "hash"])) == [0, 0])
    }

    @Test(.timeLimit(.minutes(1))) func aPodIsBornClosedAndOpensWithItsOwnGeneration() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        let engine = try await daemon()
        // As many flips are in flight as there may be: the next generation waits, and so does what is born meanwhile.
        for _ in 0..<KernelPlanner.flipsInFlightMax {
            var delta = PolicyDelta()
            delta.blocksCoverPods = false
            try await engine.submit(delta, revision: nil)
        }
        let address = IPAddress(v4: 0x0a01_0009)
        let mac = try #require(MACAddress(bytes: [2, 0, 0, 0, 0, 9]))
        let attachment = LocalAttachment(
            id: "late", owner: .unmanaged, addresses: [address], link: LocalLink(interface: 12, podMAC: mac))
        func closed() throws -> [IPAddress: Bool] {
            let image = try datapath.image()
            return image.endpointOfAddress.mapValues { number in
                (image.endpoints[number]?.flags ?? 0) & MARTLET_ENDPOINT_CLOSED.rawValue != 0
            }
        }
        async let number = engine.attach(attachment, pod: nil)
        let deadline = ContinuousClock.now + .seconds(10)
        while try closed()[address] == nil, ContinuousClock.now < deadline { await Task.yield() }
        let adopted = try Shop.attachments().map(\.attachment.addresses[0])
        #expect(try closed() == [adopted[0]: false, adopted[1]: false, address: true])
        #expect(try await engine.differences(hooks: Self.hooks, repair: false).allSatisfy { $0.map != "endpoints" })
        try await settle(engine)
        #expect(try await number == datapath.image().endpointOfAddress[address])
        #expect(try closed()[address] == false)
    }

    @Test(.timeLimit(.minutes(1))) func fsckFindsAndRepairsWhatWasTakenAway() async throws {
        setPolicy(port: 80, block: "192.0.2.0/24")
        let engine = try await daemon()
        for interface in [UInt32(10), 11] {
            try datapath.closePod(interface: interface)
            try datapath.attachPod(interface: interface)
        }
        func maps(repair: Bool = false) async throws -> Set<String> {
            Set(try await engine.differences(hooks: Self.hooks, repair: repair).map(\.map))
        }
        #expect(try await maps() == [])

        let rows = try datapath.image().blockRows
        let row = try #require(rows.first { $0.value.contains { $0 != 0 } }?.key)
        try datapath.write(
            MapCatalog.blockRows.identity, at: Int(row) * 512, [UInt8](repeating: 0, count: 512))
        try datapath.remove(MapCatalog.podNamespaces, UInt64(100))
        try datapath.detachPod(interface: 10)
        #expect(try await maps() == ["block_rows", "pod_netns", "hooks"])
        _ = try await maps(repair: true)
        #expect(try await maps() == [])
        #expect(try datapath.attachments().count == 4)
    }
}
