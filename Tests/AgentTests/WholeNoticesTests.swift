import APIClient
import Informers
import KubeObjects
import Synchronization
import Testing

@testable import Agent

@Suite struct WholeNoticesTests {
    private let feed = ChangeFeed(followsProgress: true)
    private let key = ObjectKey("shop", "a")

    private func notices(together: Int64?, holdMax: Duration) -> WholeNotices {
        WholeNotices(feed: feed, kinds: [.pods, .networkPolicies], holdMax: holdMax) { together }
    }

    @Test(.timeLimit(.minutes(1))) func whatOneCommitWroteIsInOneNotice() async throws {
        feed.post(.networkPolicies, [key], upTo: 7)
        feed.post(.pods, EmptyCollection(), upTo: 6)
        let feed = feed
        let key = key
        let asked = Atomic(0)
        async let later: Void = {
            while asked.load(ordering: .relaxed) < 3 { await Task.yield() }
            feed.post(.pods, [key], upTo: 7)
        }()
        var notices = WholeNotices(feed: feed, kinds: [.pods, .networkPolicies], holdMax: .seconds(30)) {
            asked.add(1, ordering: .relaxed)
            return 7
        }
        let notice = await notices.next()
        #expect(notice?.names == [.networkPolicies: [key], .pods: [key]])
        #expect(notice?.progress == [.networkPolicies: 7, .pods: 7])
        await later
    }

    @Test(.timeLimit(.minutes(1))) func aKindThatDoesNotGetThereHoldsOnce() async {
        var notices = notices(together: 7, holdMax: .milliseconds(20))
        feed.post(.networkPolicies, [key], upTo: 7)
        let first = ContinuousClock.now
        #expect(await notices.next()?.names == [.networkPolicies: [key]])
        #expect(ContinuousClock.now - first >= .milliseconds(20))
        feed.post(.networkPolicies, [key], upTo: 8)
        #expect(await notices.next()?.progress == [.networkPolicies: 8])
    }

    @Test(.timeLimit(.minutes(1))) func withoutSuchACommitNothingIsHeld() async {
        var notices = notices(together: nil, holdMax: .seconds(30))
        feed.post(.networkPolicies, [key], upTo: 7)
        #expect(await notices.next()?.names == [.networkPolicies: [key]])
    }
}
