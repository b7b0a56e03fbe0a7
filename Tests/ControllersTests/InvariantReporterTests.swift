import APIClient
import JSONText
import Logging
import Synchronization
import TestKit
import Testing

@testable import Controllers

/// The status of invariants follows what is decided about them, and nothing is asked where nothing was decided.
@Suite struct InvariantReporterTests {
    private final class Decisions: InvariantSource {
        let signals: AsyncStream<Void>
        private let signaller: AsyncStream<Void>.Continuation
        private let state = Mutex<(invariants: [String: String?], overrides: [InvariantReporter.Override])>(([:], []))

        init() { (signals, signaller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

        var invariants: [String: String?] { state.withLock { $0.invariants } }

        func takeOverrides() -> [InvariantReporter.Override] {
            state.withLock { state in
                defer { state.overrides = [] }
                return state.overrides
            }
        }

        func decide(_ invariants: [String: String?], _ overrides: InvariantReporter.Override...) {
            state.withLock { state in
                state.invariants = invariants
                state.overrides += overrides
            }
            signaller.yield()
        }

        /// How often the reporter paused.
        let pauses = Atomic<Int>(0)

        func end() { signaller.finish() }
    }

    private let fixture = ControllerFixture()
    private let decisions = Decisions()

    private var holds: [String] {
        fixture.cluster.objects(.networkInvariants).map {
            $0.condition("Holds").map { "\($0["status"]?.string ?? "") \($0["message"]?.string ?? "")" } ?? ""
        }
    }

    private func invariant(_ name: String) {
        fixture.cluster.set(
            .networkInvariants,
            ["metadata": ["name": .string(name)], "spec": ["statement": "Never", "from": [:], "to": [:]]])
    }

    private func lists() -> Int { fixture.cluster.requests.count { $0 == "list networkinvariants" } }

    private func running(_ body: () async throws -> Void) async throws {
        let clock = ControllerClock(
            now: { .zero }, unixMicroseconds: { 1_700_000_000_000_000 },
            sleep: { [decisions] _ in
                decisions.pauses.add(1, ordering: .relaxed)
                await Task.yield()
            })
        let reporter = InvariantReporter(
            source: decisions, client: fixture.cluster, logger: fixture.context.logger, clock: clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reporter.run() }
            try await body()
            // What is still to come is seen to its end.
            decisions.end()
            try await group.waitForAll()
        }
    }

    @Test func itLooksOnceForEachSignalAndNotInBetween() async throws {
        invariant("a")
        try await running {
            decisions.decide(["a": nil])
            try await fixture.until("it holds") { holds == ["True no flow breaks it"] }
            #expect(lists() == 1)
            decisions.decide(
                ["a": "x reaches y"], InvariantReporter.Override(invariant: "a", message: "ada wrote it although"))
            try await fixture.until("an Event tells of the override") { fixture.cluster.objects(.events).count == 1 }
            #expect(holds == ["False x reaches y"])
            // Nothing new: one look, and no write.
            let written = fixture.cluster.requests.count { $0.hasPrefix("patch") }
            decisions.decide(["a": "x reaches y"])
            try await fixture.until("a third look") { lists() == 3 }
            #expect(fixture.cluster.requests.count { $0.hasPrefix("patch") } == written)
        }
        #expect(lists() == 3 && decisions.pauses.load(ordering: .relaxed) == 0)
    }

    @Test func whatFailsIsTriedAgainAfterAPause() async throws {
        invariant("a")
        let unavailable = APIError(code: 503, reason: "ServiceUnavailable", message: "not now")
        fixture.cluster.fail(unavailable, unavailable)
        try await running {
            decisions.decide(["a": nil])
            try await fixture.until("it holds") { holds == ["True no flow breaks it"] }
        }
        #expect(lists() == 3 && decisions.pauses.load(ordering: .relaxed) == 2)
    }
}
