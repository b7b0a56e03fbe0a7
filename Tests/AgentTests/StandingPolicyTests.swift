import APIClient
import BPFRuntime
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

/// One daemon after the other over the same maps and files, each killed: what was in force stays so where its newest
/// version does not fit or cannot be read.
@Suite(.timeLimit(.minutes(1))) struct StandingPolicyTests {
    private static let hooks = WantedHooks(uplinks: [], connectCgroup: nil)
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let db = ObjectKey("shop", "db")

    /// A daemon up to the end of its first compile, with its caches behind it.
    private final class Daemon: Sendable {
        let engine: Engine
        let informers: ClusterInformers
        let journal: PolicyJournal
        private let following: Task<Void, any Error>

        init(_ cluster: MemoryCluster, _ datapath: any Datapath, folder: URL) async throws {
            let journal = PolicyJournal(path: folder.appending(path: "policies").path(), logger: quiet)
            let informers = ClusterInformers(client: cluster, logger: quiet) { journal.object($0, uid: $1) }
            self.journal = journal
            self.informers = informers
            engine = try Engine(
                datapath: datapath, journalPath: folder.appending(path: "ids").path(), nodeName: "here",
                bootID: "boot", thread: SerialThread(), policyJournal: journal, logger: quiet)
            following = Task { try await informers.run() }
            await informers.waitForSync()
            try await engine.start()
            await engine.adopt(try Shop.attachments())
            try await engine.compileAll(informers.snapshot(), podCIDRs: [#require(CIDR("10.1.0.0/16"))])
            try await engine.settle()
        }

        deinit { following.cancel() }

        /// Compiles what has changed since.
        func follow(_ cluster: MemoryCluster) async throws {
            let kinds: [APIResource] = [.networkPolicies, .clusterNetworkPolicies]
            let newest = kinds.flatMap { cluster.objects($0) }.compactMap {
                $0[path: "metadata", "resourceVersion"]?.string
            }
            func seen() -> Set<String> {
                let snapshot = informers.snapshot()
                func versions<Item>(_ cache: InformerCache<Item>) -> [String] {
                    cache.keys.map { cache.faults[$0]?.resourceVersion ?? cache.resourceVersion(of: $0) ?? "" }
                }
                return Set(versions(snapshot.networkPolicies) + versions(snapshot.clusterNetworkPolicies))
            }
            while seen() != Set(newest) { await Task.yield() }
            var notice = ChangeNotice()
            notice.everything = Set(kinds)
            try await engine.compileOrRetry(notice, informers)
            try await engine.settle()
        }

        /// What the kernel's maps say, whatever the numbers.
        func maps() async throws -> String {
            let differences = try await engine.differences(hooks: hooks, repair: false)
            try #require(differences.filter { $0.map != "hooks" } == [])
            return await PolicyDump(engine.policy, engine.desired).text
        }

        /// On which of these TCP ports `web` reaches `db`.
        func allowed(_ ports: UInt16...) async -> [UInt16] {
            let (routes, maps) = await (engine.routes, engine.desired)
            func end(_ name: String, _ address: UInt32) -> PolicyMaps.End {
                .init(endpoint: routes.record(of: ObjectKey("shop", name))?.number, address: IPAddress(v4: address))
            }
            let (subject, peer) = (end("db", 0x0a01_0006), end("web", 0x0a01_0005))
            return ports.filter {
                maps.judge(.ingress, subject: subject, peer: peer, transport: 6, port: $0).isAllowed
            }
        }

        func report() async -> [NotEnforced] { await engine.report(faults: informers.snapshot().faults).notEnforced }
    }

    private let cluster = MemoryCluster()
    private let datapath = MemoryDatapath()
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        Shop.fill(cluster)
    }

    private func daemon(watching watcher: WatchedDatapath.Watcher? = nil) async throws -> Daemon {
        let watched = WatchedDatapath(datapath)
        if let watcher { watched.watch(watcher) }
        return try await Daemon(cluster, watched, folder: folder)
    }

    // MARK: Policies

    /// Lets `web` in on these ports of `db`. More than 1,024 do not fit.
    @discardableResult
    private func setPolicy(_ name: String = "db", ports: ClosedRange<Int64>, dryRun: Bool = false) -> String {
        set(
            .networkPolicies,
            [
                "metadata": ["namespace": "shop", "name": .string(name), "annotations": annotations(dryRun)],
                "spec": [
                    "podSelector": ["matchLabels": ["app": "db"]], "policyTypes": ["Ingress"],
                    "ingress": [["ports": .array(ports.map { ["port": .integer($0)] })]],
                ],
            ])
    }

    private func annotations(_ dryRun: Bool) -> JSONValue { dryRun ? [ObjectMeta.dryRunAnnotation: "true"] : [:] }

    /// Denies these ports of `db`; a port of 0 cannot be read.
    @discardableResult
    private func setGuard(ports: [Int64]) -> String {
        set(
            .clusterNetworkPolicies,
            [
                "metadata": ["name": "guard"],
                "spec": [
                    "tier": "Admin", "priority": 1,
                    "subject": ["pods": ["namespaceSelector": [:], "podSelector": ["matchLabels": ["app": "db"]]]],
                    "ingress": [
                        [
                            "action": "Deny", "from": [["namespaces": [:]]],
                            "protocols": .array(ports.map { ["tcp": ["destinationPort": ["number": .integer($0)]]] }),
                        ]
                    ],
                ],
            ])
    }

    /// Returns the version.
    private func set(_ resource: APIResource, _ object: JSONValue) -> String {
        cluster.set(resource, object)[path: "metadata", "resourceVersion"]?.string ?? ""
    }

    private static let tooMany: ClosedRange<Int64> = 2_000...3_100

    // MARK: What does not fit

    @Test(arguments: [true, false]) func whatDoesNotFitLeavesWhatWasInForceOverARestart(isSeen: Bool) async throws {
        let good = setPolicy(ports: 80...82)
        var last = try await daemon()
        let before = try await last.maps()
        let bad: String
        var told: [NotEnforced] = []
        if isSeen {
            bad = setPolicy(ports: Self.tooMany)
            try await last.follow(cluster)
            told = await last.report()
            #expect(try await last.maps() == before)
        } else {
            // Nobody was there to see it come.
            bad = setPolicy(ports: Self.tooMany)
        }
        for _ in 0..<3 {
            let generation = try datapath.generation()
            let maps = Mutex<Set<String>>([])
            last = try await daemon { _ in
                // Of both pods: what their lists say at the generation in force.
                let image = try? datapath.image()
                let lists = image?.endpointOfAddress.values.map { number -> String in
                    let index = (image?.endpoints[number]?.classID ?? 0) & 0xffff
                    return "\(image?.classLists[index]?.ingress.extent.count ?? 0)"
                }
                maps.withLock { _ = $0.insert((lists ?? []).sorted().joined(separator: " ")) }
            }
            #expect(maps.withLock { $0 } == ["0 3"], "in no instant another set")
            let now = try datapath.generation()
            #expect(now == generation + 1)
            #expect(try await last.maps() == before)
            let report = await last.report()
            if told.isEmpty { told = report }
            #expect(report == told)
            #expect(report.map(\.key) == [Self.db] && report.first?.reason == "ListTooLong")
            #expect(report.first?.resourceVersion == bad && report.first?.enforcedVersion == good)
            #expect(report.first?.instead == "version \(good) stays in force")
            guard case .refused = await last.engine.standing(of: Self.db, version: bad) else {
                Issue.record("it is not in force")
                return
            }
        }
    }

    @Test(arguments: [true, false]) func whatFitsAgainTakesOverAndIsWhatStaysNext(isSeen: Bool) async throws {
        setPolicy(ports: 80...82)
        var last = try await daemon()
        setPolicy(ports: Self.tooMany)
        last = try await daemon()
        let third = setPolicy(ports: 90...92)
        if isSeen { try await last.follow(cluster) } else { last = try await daemon() }
        #expect(await last.allowed(91, 81) == [91])
        #expect(await last.report().isEmpty)
        last = try await daemon()
        #expect(await last.report().isEmpty)
        #expect(last.journal.formerKeys.isEmpty)
        setPolicy(ports: Self.tooMany)
        last = try await daemon()
        #expect(await last.allowed(91, 2_000) == [91])
        #expect(await last.report().first?.enforcedVersion == third)
    }

    @Test(arguments: [true, false]) func whatIsDeletedDoesNotComeBack(isSeen: Bool) async throws {
        setPolicy(ports: 80...82)
        _ = try await daemon()
        setPolicy(ports: Self.tooMany)
        var last = try await daemon()
        cluster.remove(.networkPolicies, namespace: "shop", name: "db")
        if isSeen { try await last.follow(cluster) } else { last = try await daemon() }
        #expect(await last.allowed(9) == [9])
        #expect(await last.report().isEmpty)
        // Made anew under the name: of this object no version was in force.
        setPolicy(ports: Self.tooMany)
        last = try await daemon()
        #expect(await last.allowed(81, 2_000) == [])
        #expect(await last.report().first?.enforcedVersion == nil)
        #expect(await last.report().first?.instead.contains("no version of it fitted") == true)
    }

    @Test(arguments: [true, false]) func anotherObjectOfTheNameHasNoEarlierVersion(isSeen: Bool) async throws {
        setPolicy(ports: 80...82)
        var last = try await daemon()
        cluster.remove(.networkPolicies, namespace: "shop", name: "db")
        setPolicy(ports: Self.tooMany)
        if isSeen { try await last.follow(cluster) } else { last = try await daemon() }
        for _ in 0..<2 {
            #expect(await last.allowed(81, 2_000) == [])
            #expect(await last.report().first?.enforcedVersion == nil)
            last = try await daemon()
        }
    }

    @Test func whatWasInForceKeepsItsRoomWhateverIsNamedBeforeIt() async throws {
        /// Takes so many selectors of the 4,096 that there are, and lets `web` in.
        func setPeers(_ name: String, _ numbers: Range<Int>) {
            let peers = numbers.map { JSONValue.object(["podSelector": ["matchLabels": ["n": .string("\($0)")]]]) }
            let web: JSONValue = ["podSelector": ["matchLabels": ["app": "web"]]]
            _ = set(
                .networkPolicies,
                [
                    "metadata": ["namespace": "shop", "name": .string(name)],
                    "spec": [
                        "podSelector": ["matchLabels": ["app": name == "m" ? "db" : "nobody"]],
                        "ingress": [["from": .array([web] + peers)]],
                    ],
                ])
        }
        for number in 0..<5 { setPeers("m\(number == 0 ? "" : "\(number)")", number * 800..<(number + 1) * 800) }
        var last = try await daemon()
        #expect(await last.allowed(80) == [80])
        #expect(await last.report().isEmpty)
        // One that is seen, and one that comes while nobody looks.
        setPeers("a", 5_000..<5_500)
        try await last.follow(cluster)
        setPeers("b", 6_000..<6_500)
        for _ in 0..<2 {
            last = try await daemon()
            #expect(await last.allowed(80) == [80])
            let report = await last.report()
            #expect(report.map(\.key.name) == ["a", "b"])
            #expect(report.allSatisfy { $0.reason == "NoSelectorFree" })
        }
    }

    // MARK: What cannot be read

    @Test(arguments: [true, false]) func whatCannotBeReadLeavesWhatWasInForceOverARestart(isSeen: Bool) async throws {
        let good = (setPolicy(ports: 80...82), setGuard(ports: [81]))
        var last = try await daemon()
        #expect(await last.allowed(80, 81, 82, 83) == [80, 82])
        let before = try await last.maps()
        let bad = (setPolicy(ports: 0...0), setGuard(ports: [0]))
        if isSeen { try await last.follow(cluster) } else { last = try await daemon() }
        let told = await last.report()
        for _ in 0..<2 {
            #expect(try await last.maps() == before)
            let report = await last.report()
            #expect(report == told && report.map(\.reason) == ["Unreadable", "Unreadable"])
            #expect(report.map(\.resourceVersion) == [bad.0, bad.1])
            #expect(report.map(\.enforcedVersion) == [good.0, good.1])
            #expect(report.map(\.instead) == [good.0, good.1].map { "version \($0) stays in force" })
            last = try await daemon()
        }
        setPolicy(ports: 84...84)
        setGuard(ports: [85])
        try await last.follow(cluster)
        #expect(await last.allowed(84, 80) == [84])
        #expect(await last.report().isEmpty)
    }

    @Test func ofAVersionThatDoesNotFitAndOneThatCannotBeReadTheOneBeforeBothStays() async throws {
        let good = setPolicy(ports: 80...82)
        var last = try await daemon()
        setPolicy(ports: Self.tooMany)
        try await last.follow(cluster)
        setPolicy(ports: 0...0)
        try await last.follow(cluster)
        #expect(await last.allowed(81) == [81])
        last = try await daemon()
        #expect(await last.allowed(81, 2_000) == [81])
        #expect(await last.report().map(\.enforcedVersion) == [good])
    }

    @Test func aDryRunIsNoVersionInForceWhereTheNextOneCannotBeRead() async throws {
        setPolicy(ports: 80...82, dryRun: true)
        var last = try await daemon()
        #expect(await last.allowed(9) == [9])
        setPolicy(ports: 0...0)
        try await last.follow(cluster)
        for _ in 0..<2 {
            #expect(await last.allowed(9, 81) == [])
            #expect(await last.report().map(\.enforcedVersion) == [nil])
            last = try await daemon()
        }
        // One in force that becomes a dry run is forgotten as such.
        setPolicy(ports: 80...82)
        last = try await daemon()
        #expect(await last.allowed(9) == [])
        setPolicy(ports: 80...82, dryRun: true)
        last = try await daemon()
        #expect(await last.allowed(9) == [9])
        setPolicy(ports: Self.tooMany)
        last = try await daemon()
        #expect(await last.allowed(80, 9) == [])
    }

    // MARK: The file

    @Test func aDamagedFileStopsNoStartAndClosesWhatItDoesNotTell() async throws {
        setPolicy(ports: 80...82)
        _ = try await daemon()
        let path = folder.appending(path: "policies")
        var bytes = try Data(contentsOf: path)
        bytes[bytes.count - 5] ^= 1
        try bytes.write(to: path)
        setPolicy(ports: Self.tooMany)
        var last = try await daemon()
        #expect(last.journal.damage.contains("line 2 is damaged"))
        #expect(await last.allowed(81, 2_000) == [])
        #expect(await last.report().first?.enforcedVersion == nil)
        last = try await daemon()
        #expect(last.journal.damage.isEmpty)
    }

    @Test func aLostFileIsMadeAnewByTheNextStart() async throws {
        setPolicy(ports: 80...82)
        _ = try await daemon()
        try FileManager.default.removeItem(at: folder.appending(path: "policies"))
        _ = try await daemon()
        setPolicy(ports: Self.tooMany)
        #expect(try await daemon().allowed(81) == [81])
    }
}
