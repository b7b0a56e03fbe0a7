import APIClient
import BPFRuntime
import CMartletABI
import Foundation
import KubeObjects
import Logging
import MapLayout
import NetTypes
import Netlink
import PolicyCompiler
import Reconcile
import RouteCompiler
import TestKit
import Testing

@testable import Agent
@testable import Informers

/// What a daemon reads, given object by object.
private struct ClusterObjects {
    var namespaces: [String: [String: String]] = [:]
    var pods: [Pod] = []
    var policies: [NetworkPolicy] = []

    var snapshot: ClusterSnapshot {
        func cache<Item: Sendable>(_ items: [Item], _ metadata: KeyPath<Item, ObjectMeta>) -> InformerCache<Item> {
            var cache = InformerCache<Item>()
            cache.resourceVersion = "1"
            for item in items {
                let key = ObjectKey(item[keyPath: metadata].namespace, item[keyPath: metadata].name)
                cache.put(key, item, resourceVersion: "1")
            }
            return cache
        }
        let named = namespaces.map { Namespace(metadata: ObjectMeta(name: $0.key, labels: $0.value)) }
        return ClusterSnapshot(
            pods: cache(pods, \.metadata), namespaces: cache(named, \.metadata),
            networkPolicies: cache(policies, \.metadata), clusterNetworkPolicies: InformerCache(),
            services: InformerCache(), endpointSlices: InformerCache(), nodes: InformerCache())
    }
}

/// The engine of one daemon over maps in memory.
private final class MemoryNode {
    let datapath = MemoryDatapath()
    let writes = MapWrites()
    let engine: Engine
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mt-load-\(UUID().uuidString)")

    init(_ objects: ClusterObjects = ClusterObjects()) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        engine = try Engine(
            datapath: datapath, journalPath: folder.appending(path: "ids").path(), nodeName: "here", bootID: "boot",
            thread: SerialThread(), writes: writes, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await engine.start()
        try await engine.compileAll(objects.snapshot, podCIDRs: [CIDR("10.1.0.0/16")].compactMap { $0 })
        try await engine.settle()
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// One notice of these objects; what it sets free is carried out.
    func compile(_ objects: ClusterObjects, _ names: [APIResource: Set<ObjectKey>]) async throws {
        var notice = ChangeNotice()
        notice.names = names
        try await engine.compile(notice, objects.snapshot)
        try await engine.settle()
    }

    func attach(_ pod: Pod) async throws {
        guard let mac = MACAddress(bytes: [2, 0, 0, 0, 0, 1]) else { preconditionFailure("six bytes are a MAC") }
        let attachment = LocalAttachment(
            id: pod.metadata.name, owner: .pod(pod.key, uid: ""), addresses: pod.addresses,
            link: LocalLink(interface: 10, podMAC: mac))
        _ = try await engine.attach(attachment, pod: pod)
        try await engine.settle()
    }

    /// What the kernel's maps say, whatever the numbers. Throws where they are not as the engine wants them.
    func state() async throws -> String {
        let hooks = WantedHooks(uplinks: [], connectCgroup: nil)
        let differences = try await engine.differences(hooks: hooks, repair: false).filter { $0.map != "hooks" }
        try #require(differences == [])
        let image = try datapath.image()
        let closed = image.endpointOfAddress.filter { _, number in
            (image.endpoints[number]?.flags ?? 0) & MARTLET_ENDPOINT_CLOSED.rawValue != 0
        }
        let addresses = image.endpointOfAddress.keys.sorted().map { "\($0)\(closed[$0] == nil ? "" : " closed")" }
        return await addresses.joined(separator: " ") + "\n" + PolicyDump(engine.policy, engine.desired).text
    }

    /// Whether the receiver's list lets a packet through.
    func allows(from source: Pod, to destination: Pod) async -> Bool {
        let (routes, maps) = await (engine.routes, engine.desired)
        func end(_ pod: Pod) -> PolicyMaps.End {
            .init(endpoint: routes.record(of: pod.key)?.number, address: pod.addresses[0])
        }
        return maps.judge(
            .ingress, subject: end(destination), peer: end(source), transport: 6, port: 80
        ).isAllowed
    }
}

/// Objects in numbers and orders that clusters really have, through the engine: the maps end in one state.
@Suite(.timeLimit(.minutes(2))) struct EngineLoadTests {
    private static func pod(
        _ number: Int, in namespace: String = "shop", _ labels: [String: String], node: String = "elsewhere"
    ) -> Pod {
        Pod(
            metadata: ObjectMeta(namespace: namespace, name: "p\(number)", labels: labels), nodeName: node,
            addresses: [IPAddress(v4: 0x0a01_0000 + UInt32(number))])
    }

    private static func policy(
        _ name: String, in namespace: String = "shop", of labels: [String: String], from peers: [PolicyPeer]
    ) -> NetworkPolicy {
        NetworkPolicy(
            metadata: ObjectMeta(namespace: namespace, name: name), podSelector: LabelSelector(matchLabels: labels),
            ingress: [PolicyRule(peers: peers)])
    }

    private static func peer(_ labels: [String: String]) -> PolicyPeer {
        .pods(namespaces: nil, pods: LabelSelector(matchLabels: labels))
    }

    // MARK: Orders

    /// What happens to a cluster while its daemon runs.
    private enum Event: CaseIterable {
        case namespace, client, server, policy, add
    }

    private struct Story {
        static let client = pod(1, ["app": "web"])
        static let server = pod(2, ["app": "db"], node: "here")
        static let policy = EngineLoadTests.policy(
            "db", of: ["app": "db"],
            from: [
                .pods(
                    namespaces: LabelSelector(matchLabels: ["env": "prod"]),
                    pods: LabelSelector(matchLabels: ["app": "web"]))
            ])
        let node: MemoryNode
        var objects = ClusterObjects()

        mutating func take(_ event: Event) async throws {
            switch event {
            case .namespace:
                objects.namespaces["shop"] = ["env": "prod"]
                try await node.compile(objects, [.namespaces: [ObjectKey("", "shop")]])
            case .client:
                objects.pods.append(Self.client)
                try await node.compile(objects, [.pods: [Self.client.key]])
            case .server:
                objects.pods.append(Self.server)
                try await node.compile(objects, [.pods: [Self.server.key]])
            case .policy:
                objects.policies.append(Self.policy)
                try await node.compile(objects, [.networkPolicies: [Self.policy.key]])
            // The plugin asks the API for a Pod that has not come yet.
            case .add: try await node.attach(Self.server)
            }
        }
    }

    private func permute(_ items: [Event], _ chosen: [Event] = []) -> [[Event]] {
        if items.isEmpty { return [chosen] }
        return items.indices.flatMap { index in
            var rest = items
            let item = rest.remove(at: index)
            return permute(rest, chosen + [item])
        }
    }

    @Test func namespacePodsPolicyAndADDInEachPossibleOrderEndInTheSameMaps() async throws {
        let orders = permute(Event.allCases)
        #expect(orders.count == 120)
        var reference: String?
        for order in orders {
            var story = Story(node: try await MemoryNode())
            for event in order { try await story.take(event) }
            let state = try await story.node.state()
            #expect(await story.node.allows(from: Story.client, to: Story.server), "\(order)")
            #expect(await !story.node.allows(from: Story.server, to: Story.server), "\(order)")
            #expect(reference == nil || state == reference, "\(order)")
            reference = reference ?? state
        }
        #expect(reference?.hasPrefix("10.1.0.1 10.1.0.2\n") == true, "\(reference ?? "")")
    }

    // MARK: Numbers

    /// A label value at its length limit that differs from the others in its last letters.
    private func longValue(_ number: Int) -> String {
        let tail = String(number)
        return String(repeating: "v", count: 63 - tail.count) + tail
    }

    @Test func policiesByTheThousandThatDifferByOneLabelEndInTheSameMapsBeforeTheirPodsAndAfter() async throws {
        let count = 1_000
        var whole = ClusterObjects(namespaces: ["shop": [:]])
        for number in 0..<count {
            whole.pods.append(Self.pod(number + 1, ["tier": longValue(number)]))
            whole.policies.append(
                Self.policy(
                    "p\(number)", of: ["tier": longValue(number)],
                    from: [Self.peer(["tier": longValue((number + 1) % count)])]))
        }
        let names = (pods: Set(whole.pods.map(\.key)), policies: Set(whole.policies.map(\.key)))
        let atOnce = try await MemoryNode(whole)
        let state = try await atOnce.state()

        let podsFirst = try await MemoryNode(ClusterObjects(namespaces: whole.namespaces, pods: whole.pods))
        try await podsFirst.compile(whole, [.networkPolicies: names.policies])
        #expect(try await podsFirst.state() == state)
        let policiesFirst = try await MemoryNode(
            ClusterObjects(namespaces: whole.namespaces, policies: whole.policies))
        try await policiesFirst.compile(whole, [.pods: names.pods])
        #expect(try await policiesFirst.state() == state)

        for number in stride(from: 0, to: count, by: 97) {
            let (own, next) = (whole.pods[number], whole.pods[(number + 1) % count])
            #expect(await atOnce.allows(from: next, to: own))
            #expect(await !atOnce.allows(from: own, to: next))
        }
        // One of them goes, and comes back: what is written does not grow with the others.
        let before = atOnce.writes.counts.writes
        var less = whole
        let gone = less.policies.remove(at: 5)
        try await atOnce.compile(less, [.networkPolicies: [gone.key]])
        #expect(await atOnce.allows(from: whole.pods[0], to: whole.pods[5]))
        try await atOnce.compile(whole, [.networkPolicies: [gone.key]])
        #expect(try await atOnce.state() == state)
        #expect(atOnce.writes.counts.writes - before < 100)
    }

    @Test func aSelectorOfAllPodsIsOneGenerationAndMovesEachPodOnce() async throws {
        let count = 2_000
        var objects = ClusterObjects(namespaces: ["shop": [:]])
        objects.pods = (1...count).map { Self.pod($0, ["app": $0 == 1 ? "x" : "y"]) }
        let node = try await MemoryNode(objects)
        let (generation, writes) = (try node.datapath.generation(), node.writes.counts.writes)
        objects.policies = [Self.policy("all", of: [:], from: [Self.peer(["app": "x"])])]
        try await node.compile(objects, [.networkPolicies: [ObjectKey("shop", "all")]])
        #expect(try node.datapath.generation() == generation + 1)
        #expect(node.writes.counts.writes - writes < 2 * count)
        #expect(await node.allows(from: objects.pods[0], to: objects.pods[count - 1]))
        #expect(await !node.allows(from: objects.pods[1], to: objects.pods[count - 1]))
        #expect(try await node.state() == MemoryNode(objects).state())
        // One more for all tells no two of them apart.
        let between = node.writes.counts.writes
        objects.policies.append(Self.policy("also", of: [:], from: [Self.peer(["app": "x"])]))
        try await node.compile(objects, [.networkPolicies: [ObjectKey("shop", "also")]])
        // What the last three generations changed is written again with the next.
        #expect(node.writes.counts.endpoints < 2 * count + 16)
        #expect(node.writes.counts.writes - between < count + 100)
        #expect(try await node.state() == MemoryNode(objects).state())
    }

    @Test func aThousandNamespacesRelabelledAtOnceAreOneGeneration() async throws {
        let count = 1_000
        func objects(_ environment: String) -> ClusterObjects {
            var objects = ClusterObjects()
            for number in 0..<count {
                objects.namespaces["n\(number)"] = ["env": environment]
                objects.pods.append(Self.pod(number + 1, in: "n\(number)", [:]))
            }
            objects.policies = [
                Self.policy(
                    "watched", in: "n0", of: [:],
                    from: [.pods(namespaces: LabelSelector(matchLabels: ["env": "prod"]), pods: .everything)])
            ]
            return objects
        }
        let (old, new) = (objects("dev"), objects("prod"))
        let node = try await MemoryNode(old)
        let generation = try node.datapath.generation()
        #expect(await !node.allows(from: old.pods[500], to: old.pods[0]))
        try await node.compile(new, [.namespaces: Set(new.namespaces.keys.map { ObjectKey("", $0) })])
        #expect(try node.datapath.generation() == generation + 1)
        for number in stride(from: 1, to: count, by: 53) {
            #expect(await node.allows(from: new.pods[number], to: new.pods[0]))
        }
        #expect(try await node.state() == MemoryNode(new).state())
    }
}
