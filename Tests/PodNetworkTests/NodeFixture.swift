import Agent
import BPFRuntime
import CLinux
import DaemonAPI
import Foundation
import JSONText
import Logging
import NetTypes
import Netlink
import PodNetwork
import Synchronization
import TestKit
import Testing

/// Accepts Pod default/p with UID u (and any other name of namespace `default` that starts with `p-`); everything else
/// is missing. Counts what is published.
final class FakeGate: GenerationGate {
    struct State {
        var published: Set<AttachmentKey> = []
        var adopted: [PodAttachment] = []
        /// Where set, `publish` waits until it is cancelled.
        var holdsPublish = false
        /// How many calls of `publish` wait.
        var holding = 0
        var unavailability: String?
    }

    let state = Mutex(State())

    func unavailability() async -> String? { state.withLock { $0.unavailability } }

    func resolve(_ owner: AttachmentOwner, deadline: ContinuousClock.Instant) async throws(PodNetworkError) {
        switch owner {
        case .unmanaged: return
        case .pod("default", "p", "u"): return
        case .pod("default", let name, _) where name.hasPrefix("p-"): return
        case .pod(let namespace, let name, _):
            try? await Task.sleep(until: deadline)
            throw PodNetworkError(.tryAgainLater, "Pod \(namespace)/\(name) is not known")
        }
    }

    func publish(_ attachment: PodAttachment, deadline: ContinuousClock.Instant) async throws(PodNetworkError) {
        let holds = state.withLock { state in
            if state.holdsPublish { state.holding += 1 }
            return state.holdsPublish
        }
        if holds {
            try? await Task.sleep(until: deadline)
            throw PodNetworkError(.tryAgainLater, "generation of \(attachment.key) is not in the kernel")
        }
        _ = state.withLock { $0.published.insert(attachment.key) }
    }

    func adopt(_ attachments: [PodAttachment]) async {
        state.withLock { state in
            state.adopted = attachments
            state.published.formUnion(attachments.map(\.key))
        }
    }

    func forget(_ attachment: PodAttachment) async { _ = state.withLock { $0.published.remove(attachment.key) } }
}

final class FakeDatapath: AttachmentDatapath {
    let attached = Mutex<[AttachmentKey: PodAttachment]>([:])

    func attach(_ attachment: PodAttachment) async throws(PodNetworkError) {
        attached.withLock { $0[attachment.key] = attachment }
    }

    func verify(_ attachment: PodAttachment) async throws(PodNetworkError) {
        guard attached.withLock({ $0[attachment.key] == attachment }) else {
            throw PodNetworkError(.stateMismatch, "\(attachment.key) has no programs")
        }
    }

    func detach(_ attachment: PodAttachment) async throws(PodNetworkError) {
        attached.withLock { $0[attachment.key] = nil }
    }
}

/// A network namespace of its own, named by a prefix, gone with the value.
final class TestNamespace: Sendable {
    let name: String
    let path: String
    let namespace: NetworkNamespace

    init(_ prefix: String = "mt-") throws {
        try FileManager.default.createDirectory(atPath: "/run/netns", withIntermediateDirectories: true)
        name = prefix + String(UInt64.random(in: 0..<1 << 40), radix: 36)
        path = "/run/netns/" + name
        namespace = try NetworkNamespace.create(path: path)
    }

    deinit { try? NetworkNamespace.remove(path: path) }
}

/// A directory of its own, gone with the value.
final class TestDirectory: Sendable {
    let path = NSTemporaryDirectory() + "mt-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// PodNetworking over real links in a namespace of its own, behind a real socket, with a fake gate and datapath.
final class NodeFixture: Sendable {
    let node: TestNamespace
    private let folder: TestDirectory
    var directory: String { folder.path }
    let gate = FakeGate()
    let datapath = FakeDatapath()
    let networking: PodNetworking

    var socketPath: String { directory + "/martletd.sock" }

    init(podCIDRs: [String] = ["10.77.0.0/24", "fd77::/64"], bootID: String = "boot-1", on earlier: NodeFixture? = nil)
        async throws
    {
        node = try earlier?.node ?? TestNamespace()
        folder = try earlier?.folder ?? TestDirectory()
        if earlier == nil {
            let netlink = try node.namespace.connect()
            let lo = try #require(try netlink.link(named: "lo"))
            try netlink.setLink(index: lo.index, up: true)
            for text in ["10.99.0.1", "fd99::1"] {
                try netlink.add(InterfaceAddress(link: lo.index, address: try #require(IPAddress(text))))
            }
        }
        networking = PodNetworking(
            settings: PodNetworkSettings(
                stateDirectory: folder.path, nodeAddresses: ["10.99.0.1", "fd99::1"].compactMap(IPAddress.init),
                bootID: bootID),
            links: try KernelPodLinks(home: node.namespace), datapath: datapath, gate: gate,
            thread: try SerialThread(), logger: Logger(label: "test"), now: { clinux_boottime_ns() })
        try await networking.start()
        await networking.setPodCIDRs(podCIDRs.compactMap(CIDR.init))
    }

    /// Runs `body` while the socket is served.
    func serving<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        let router = RequestRouter(network: networking, others: NoOthers())
        let server = SocketServer(path: socketPath, handler: router, logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            try await until("the socket is there") { FileManager.default.fileExists(atPath: socketPath) }
            return try await body()
        }
    }

    /// Node's ends of pods' links that are there.
    func hostLinks() throws -> [String] {
        try node.namespace.connect().links().map(\.name).filter { $0.hasPrefix(AttachmentNames.prefix) }
    }
}

private struct NoOthers: RequestHandler {
    func answer(_ request: Request, items: ReplyItems) async throws(DaemonError) -> JSONValue? {
        throw DaemonError(.unknownMethod, "not here")
    }
}

/// Polls until `condition` holds; fails after ten seconds.
func until(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        if ContinuousClock.now > deadline { throw DaemonError(.internalFailure, "not in time: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// The plugin as built beside the tests.
var pluginPath: String { get throws { try builtProgram("martlet-cni") } }
