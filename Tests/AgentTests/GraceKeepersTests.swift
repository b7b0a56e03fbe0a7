import BPFRuntime
import Foundation
import Logging
import Netlink
import Reconcile
import Testing

@testable import Agent

@Suite struct GraceKeepersTests {
    private func withEngine(_ body: (Engine, MemoryDatapath) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let datapath = MemoryDatapath()
        let engine = try Engine(
            datapath: datapath, journalPath: folder.appending(path: "ids").path(), nodeName: "here", bootID: "boot",
            thread: SerialThread(), logger: Logger(label: "test"))
        try await engine.start()
        try await body(engine, datapath)
    }

    /// An agent that went on would tell of generations that are not in the maps.
    @Test(.timeLimit(.minutes(1))) func anErrorAfterAGracePeriodEndsThemWhileTicketsMayStillCome() async throws {
        try await withEngine { engine, datapath in
            try await engine.retireSomething()
            datapath.fail(DatapathError(.system, "the kernel refuses"))
            await #expect(throws: DatapathError.self) {
                try await GraceKeepers(engine: engine, datapath: datapath).run {}
            }
        }
    }
}

extension Engine {
    /// Asks for a grace period.
    fileprivate func retireSomething() throws { try perform(planner.submit(.init(retired: [.endpoint(1)]))) }
}
