import BPFRuntime
import Foundation
import KubeObjects
import Logging
import NetTypes
import Netlink
import PolicyCompiler
import RouteCompiler
import Testing

@testable import Agent

/// What the tables have no room for, as the engine deals with it.
@Suite struct EngineRoomTests {
    /// Selects nobody, and takes so many selectors.
    private func policy(_ name: String, selectors: Range<Int>) -> PolicyChange {
        let peers = selectors.map { number -> PolicyPeer in
            .pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": "\(number)"]))
        }
        return .policy(
            NetworkPolicy(
                metadata: ObjectMeta(namespace: "shop", name: name, resourceVersion: "7"),
                podSelector: LabelSelector(matchLabels: ["app": "nobody"]), ingress: [PolicyRule(peers: peers)]))
    }

    @Test(.timeLimit(.minutes(1))) func whatFoundNoRoomFindsItWithTheGracePeriodThatSetsSomeFree() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let engine = try Engine(
            datapath: MemoryDatapath(), journalPath: folder.appending(path: "ids").path(), nodeName: "here",
            bootID: "boot", thread: SerialThread(), logger: Logger(label: "test"))
        try await engine.start()
        func take(_ changes: [PolicyChange]) async throws {
            try await engine.take(RouteDelta(), pods: [:], removed: [], extra: changes, revision: nil)
        }
        let late = ObjectKey("shop", "z")
        try await take(
            (0..<4).map { policy("p\($0)", selectors: $0 * 1024..<($0 + 1) * 1024) }
                + [policy("z", selectors: 5000..<5001)])
        #expect(
            await engine.standing(of: late, version: "7")
                == .refused(
                    "needs 1 more peer selectors; 0 of 4096 are free; "
                        + "no version of it fitted: what it selects is isolated")
        )
        try await take([.policyRemoved(ObjectKey("shop", "p0"))])
        #expect(await engine.policy.refusals.map(\.error.object) == [late])
        for await ticket in await engine.graceTickets {
            try await engine.graceElapsed(ticket)
            if await !engine.policy.lacksRoom { break }
        }
        #expect(await engine.policy.version(of: late) == "7")
    }
}
