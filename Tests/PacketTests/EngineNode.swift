import APIClient
import BPFRuntime
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

@testable import Agent
@testable import Informers

/// The objects that a daemon reads, given directly.
struct GivenObjects: Sendable {
    var pods: [Pod] = []
    var policies: [NetworkPolicy] = []
    var clusterPolicies: [ClusterNetworkPolicy] = []

    static let namespace = "shop"
    static let podCIDRs = ["10.244.0.0/16", "fd44::/48"].compactMap { CIDR($0) }
    private static let labels = ["kubernetes.io/metadata.name": namespace]

    /// A pod as the API has it; those of this node get their addresses from their attachment.
    static func pod(_ name: String, _ labels: [String: String], _ place: PacketNode.Pod, isHere: Bool = true) -> Pod {
        Pod(
            metadata: ObjectMeta(namespace: namespace, name: name, labels: labels),
            nodeName: isHere ? "here" : "elsewhere", addresses: place.addresses.map { PacketBytes.address($0) })
    }

    static func policy(_ name: String, of labels: [String: String]) -> NetworkPolicy {
        NetworkPolicy(
            metadata: ObjectMeta(namespace: namespace, name: name), podSelector: LabelSelector(matchLabels: labels))
    }

    var snapshot: ClusterSnapshot {
        func cache<Item: Sendable>(_ items: [Item], _ key: KeyPath<Item, ObjectMeta>) -> InformerCache<Item> {
            var cache = InformerCache<Item>()
            cache.resourceVersion = "1"
            for item in items {
                let metadata = item[keyPath: key]
                cache.put(ObjectKey(metadata.namespace, metadata.name), item, resourceVersion: "1")
            }
            return cache
        }
        let shop = Namespace(metadata: ObjectMeta(name: Self.namespace, labels: Self.labels))
        return ClusterSnapshot(
            pods: cache(pods, \.metadata), namespaces: cache([shop], \.metadata),
            networkPolicies: cache(policies, \.metadata), clusterNetworkPolicies: cache(clusterPolicies, \.metadata),
            services: InformerCache(), endpointSlices: InformerCache(), nodes: InformerCache())
    }

    var evaluator: PolicyEvaluator {
        PolicyEvaluator(
            namespaces: [Self.namespace: Self.labels], policies: policies, clusterPolicies: clusterPolicies,
            podCIDRs: Self.podCIDRs)
    }
}

/// The engine of one daemon after the other over one kernel's maps and one journal. Grace periods are waited for where
/// `settle` says so.
final class EngineNode {
    let node: PacketNode
    private let folder = FileManager.default.temporaryDirectory.appending(path: "mt-engine-\(UUID().uuidString)")

    init(elf: [UInt8]? = nil) throws {
        node = try PacketNode(elf: elf, hasPods: false)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A pod's link: test runs take place on the loopback device.
    static func attachment(_ name: String, _ place: PacketNode.Pod) throws -> LocalAttachment {
        guard let mac = MACAddress(bytes: place.mac) else { preconditionFailure("\(place.mac) is no MAC") }
        return LocalAttachment(
            id: name, owner: .pod(ObjectKey(GivenObjects.namespace, name), uid: ""),
            addresses: place.addresses.map { PacketBytes.address($0) },
            link: LocalLink(interface: PacketNode.interface, podMAC: mac))
    }

    /// A daemon up to the end of its first compile.
    func start(
        _ objects: GivenObjects, _ attachments: [LocalAttachment], over datapath: (any Datapath)? = nil
    ) async throws -> Engine {
        let engine = try Engine(
            datapath: datapath ?? node.datapath, journalPath: folder.appending(path: "ids").path(), nodeName: "here",
            bootID: "boot", thread: SerialThread(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await engine.start()
        await engine.adopt(attachments.enumerated().map { ($1, UInt64(100 + $0)) })
        try await engine.compileAll(objects.snapshot, podCIDRs: GivenObjects.podCIDRs)
        return engine
    }

    /// What a daemon does after a notice.
    func compile(_ objects: GivenObjects, _ engine: Engine) async throws {
        var notice = ChangeNotice()
        notice.everything = [.pods, .networkPolicies, .clusterNetworkPolicies]
        try await engine.compile(notice, objects.snapshot)
    }

    /// Waits for grace periods, and carries out what they set free, until no flip is in flight.
    func settle(_ engine: Engine) async throws {
        while await engine.planner.flipsInFlight > 0 { try await wait(engine) }
    }

    /// Waits for the grace period that the engine asks for, or is about to, and carries out what that sets free.
    func wait(_ engine: Engine) async throws {
        for await ticket in await engine.graceTickets {
            try node.datapath.gracePeriod()
            try await engine.graceElapsed(ticket)
            return
        }
    }

    /// What of the kernel's state is not as the engine wants it. Nothing is attached to a device here.
    func differences(_ engine: Engine) async throws -> [Difference] {
        try await engine.differences(hooks: WantedHooks(uplinks: [], connectCgroup: nil), repair: false)
            .filter { $0.map != "hooks" }
    }
}
