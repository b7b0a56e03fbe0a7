import TestKit
import Testing

/// The program as it is built, without a daemon.
@Suite struct FlowsCommandTests {
    private static let verdicts = ["allow", "drop", "close", "reset", "would-deny", "would-allow"]

    private func flows(_ verdict: String) async throws -> Finished {
        try await launch(
            try builtProgram("martlet"), ["flows", "--socket", "/run/martlet/none.sock", "--verdict", verdict],
            joinsErrors: true)
    }

    @Test func anUnknownVerdictIsAnsweredWithTheWordsThereAre() async throws {
        let run = try await flows("dropped")
        #expect(run.status == 64)
        for word in Self.verdicts { #expect(run.output.contains(word), "\(run.output)") }
    }

    /// Status 69: it went on to the daemon, which is not there.
    @Test(arguments: verdicts) func eachOfTheWordsIsTaken(verdict: String) async throws {
        #expect(try await flows(verdict).status == 69)
    }
}
