import CLinux
import DaemonAPI
import Foundation
import Logging
import NetTypes
import Netlink
import PodNetwork
import Synchronization
import Testing

/// PodNetworking over links in memory that fail on demand.
struct UndoTests {
    final class Rig: Sendable {
        let links = FakeLinks()
        let gate = FakeGate()
        let datapath = FakeDatapath()
        let directory = NSTemporaryDirectory() + "mt-undo-" + UUID().uuidString
        let networking: PodNetworking

        init(addLimit: Duration = .milliseconds(300)) async throws {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            networking = PodNetworking(
                settings: PodNetworkSettings(
                    stateDirectory: directory, nodeAddresses: [], bootID: "b", addLimit: addLimit),
                links: links, datapath: datapath, gate: gate, thread: try SerialThread(),
                logger: Logger(label: "test"), now: { clinux_boottime_ns() })
            try await networking.start()
            await networking.setPodCIDRs(["10.7.0.0/24"].compactMap(CIDR.init))
        }

        deinit { try? FileManager.default.removeItem(atPath: directory) }

        func isEmpty() throws -> Bool {
            // Read beside its owner: opening it would write it anew.
            let bytes = try Data(contentsOf: URL(fileURLWithPath: directory + "/attachments.journal"))
            let records = try JournalState(parsing: Array(bytes)).records
            return links.state.withLock { $0.links.isEmpty } && datapath.attached.withLock { $0.isEmpty }
                && gate.state.withLock { $0.published.isEmpty } && records.isEmpty
        }
    }

    static func request(_ container: String = "c") -> CNIRequest {
        CNIRequest(
            key: AttachmentKey(containerID: container, interface: "eth0"), namespacePath: "/x",
            owner: .pod(namespace: "default", name: "p", uid: "u"), network: "martlet",
            startedNanoseconds: clinux_boottime_ns())
    }

    @Test(arguments: [FakeLinks.Call.create, .createHalf, .podSide, .hostSide])
    func whateverStepFailsNothingStaysAndALaterAddSucceeds(_ call: FakeLinks.Call) async throws {
        let rig = try await Rig()
        rig.links.fail([call])
        await #expect(throws: PodNetworkError.self) { try await rig.networking.add(Self.request()) }
        #expect(try rig.isEmpty())
        rig.links.fail([])
        _ = try await rig.networking.add(Self.request())
        #expect(try !rig.isEmpty())
    }

    @Test func anEndpointThatIsNotReadyInTimeIsCode11AndLeavesNothing() async throws {
        let rig = try await Rig()
        rig.gate.state.withLock { $0.holdsPublish = true }
        await #expect { try await rig.networking.add(Self.request()) } throws: { error in
            (error as? PodNetworkError)?.code == .tryAgainLater
        }
        #expect(try rig.isEmpty())
    }

    @Test func anUndoThatFailsIsFinishedByTheNextDelete() async throws {
        let rig = try await Rig()
        rig.links.fail([.hostSide, .remove])
        await #expect(throws: PodNetworkError.self) { try await rig.networking.add(Self.request()) }
        #expect(try !rig.isEmpty(), "the record of what could not be undone stays")
        let request = Self.request()
        await #expect(throws: PodNetworkError.self) {
            try await rig.networking.delete(request.key, startedNanoseconds: request.startedNanoseconds)
        }
        rig.links.fail([])
        try await rig.networking.delete(request.key, startedNanoseconds: clinux_boottime_ns())
        #expect(try rig.isEmpty())
    }

    @Test(.timeLimit(.minutes(1))) func deletingInTheMiddleOfAnAddLeavesNothingAndALaterAddSucceeds() async throws {
        // The limit is longer than the test may take: only the DEL can end the ADD.
        let rig = try await Rig(addLimit: .seconds(600))
        rig.gate.state.withLock { $0.holdsPublish = true }
        let request = Self.request()
        let succeeded = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await rig.networking.add(request)) != nil }
            try await until("the ADD waits for its generation") { rig.gate.state.withLock { $0.holding == 1 } }
            try await rig.networking.delete(request.key, startedNanoseconds: clinux_boottime_ns())
            return try await group.next() ?? true
        }
        #expect(!succeeded)
        #expect(try rig.isEmpty())
        rig.gate.state.withLock { $0.holdsPublish = false }
        _ = try await rig.networking.add(Self.request())
    }

    @Test func anAddThatIsReadAfterItsDeleteIsRefused() async throws {
        let rig = try await Rig()
        let early = Self.request()
        try await rig.networking.delete(early.key, startedNanoseconds: clinux_boottime_ns())
        await #expect(throws: PodNetworkError.self) { try await rig.networking.add(early) }
        #expect(try rig.isEmpty())
        _ = try await rig.networking.add(Self.request())
    }

    @Test(.timeLimit(.minutes(1))) func aCallerThatGoesTakesItsAddWithIt() async throws {
        let rig = try await Rig(addLimit: .seconds(600))
        rig.gate.state.withLock { $0.holdsPublish = true }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await rig.networking.add(Self.request()) }
            try? await until("the ADD waits") { rig.gate.state.withLock { $0.holding == 1 } }
            group.cancelAll()
        }
        #expect(try rig.isEmpty())
    }

    @Test func collectSparesWhatIsListedAndWhatIsNewer() async throws {
        let rig = try await Rig()
        _ = try await rig.networking.add(Self.request("keep"))
        _ = try await rig.networking.add(Self.request("stale"))
        let started = clinux_boottime_ns()
        _ = try await rig.networking.add(Self.request("newer"))
        let keep = AttachmentKey(containerID: "keep", interface: "eth0")
        let request = CNICollectRequest(network: "martlet", valid: [keep], startedNanoseconds: started)
        let elsewhere = CNICollectRequest(network: "other", valid: [], startedNanoseconds: started)
        try await rig.networking.collect(elsewhere)
        #expect(await rig.networking.attachments.count == 3)
        try await rig.networking.collect(request)
        #expect(await rig.networking.attachments.map(\.key.containerID) == ["keep", "newer"])
    }

    @Test func statusSaysWhatKeepsAddFromWorking() async throws {
        let rig = try await Rig()
        try await rig.networking.status()
        rig.gate.state.withLock { $0.unavailability = "policies are not received yet" }
        await #expect { try await rig.networking.status() } throws: { error in
            (error as? PodNetworkError)?.code == .unavailable
        }
        rig.gate.state.withLock { $0.unavailability = nil }
        await rig.networking.setPodCIDRs([])
        await #expect(throws: PodNetworkError.self) { try await rig.networking.status() }
    }

    @Test func unmanagedContainersNeedTheNetworksLeave() async throws {
        let rig = try await Rig()
        func request(_ allowed: Bool) -> CNIRequest {
            CNIRequest(
                key: AttachmentKey(containerID: "c", interface: "eth0"), namespacePath: "/x", owner: .unmanaged,
                network: "martlet", allowUnmanaged: allowed, startedNanoseconds: clinux_boottime_ns())
        }
        await #expect { try await rig.networking.add(request(false)) } throws: { error in
            (error as? PodNetworkError)?.message.contains("allowUnmanaged") == true
        }
        _ = try await rig.networking.add(request(true))
        #expect(await rig.networking.attachments.first?.owner == .unmanaged)
    }
}
