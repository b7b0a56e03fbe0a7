import APIClient
import Testing

@testable import Agent

@Suite struct EnforcedProgressTests {
    private func progress() -> EnforcedProgress {
        var progress = EnforcedProgress(kinds: [.pods, .networkPolicies])
        progress.notice([.pods: 10, .networkPolicies: 12])
        progress.compile(lastChange: 9)
        progress.settle()
        return progress
    }

    @Test func theSlowestKindDecides() {
        var progress = progress()
        #expect(progress.proven == 10)
        progress.notice([.networkPolicies: 30])
        progress.compile(lastChange: 31)
        progress.settle()
        #expect(progress.proven == 10, "a newer policy proves nothing of pods")
        #expect(progress.behind(20) == [.pods])
        progress.notice([.pods: 31])
        progress.compile(lastChange: nil)
        progress.settle()
        #expect(progress.proven == 30)
    }

    @Test func whatIsNotCompiledOrWaitsForAGenerationIsNotInForce() {
        var progress = progress()
        progress.notice([.pods: 20, .networkPolicies: 20])
        progress.settle()
        #expect(progress.proven == 10)
        progress.compile(lastChange: 20)
        #expect(progress.proven == 10)
        progress.settle()
        #expect(progress.proven == 20)
    }

    @Test func aKindThatWasNeverListedLeavesAllOpen() {
        var progress = EnforcedProgress(kinds: [.pods, .networkPolicies])
        progress.notice([.pods: 10])
        progress.compile(lastChange: 10)
        progress.settle()
        #expect(progress.proven == nil && progress.reported == nil)
    }

    @Test func bookmarksMoveTheProofAndNotTheReport() {
        var progress = progress()
        #expect(progress.reported == 9)
        for revision in Int64(13)..<40 {
            progress.notice([.pods: revision, .networkPolicies: revision])
            progress.compile(lastChange: nil)
            progress.settle()
        }
        #expect(progress.proven == 39 && progress.reported == 9)
        progress.notice([.pods: 40, .networkPolicies: 40])
        progress.compile(lastChange: 40)
        progress.settle()
        #expect(progress.reported == 40)
    }
}
