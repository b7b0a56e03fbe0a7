import APIClient
import Informers

/// Notices in which nothing that one commit wrote is missing, so that it goes out with one generation.
///
/// Each kind has a watch of its own. Where a kind has heard that a commit wrote several objects, the notice waits until
/// every kind has got past its revision; what comes meanwhile goes into it. Where a kind does not get there in time
/// (its watch was cut off), the notice goes out as it is, and is not held for that revision again.
struct WholeNotices {
    static let holdMax = Duration.seconds(1)
    private static let lookInterval = Duration.milliseconds(1)

    private let feed: ChangeFeed
    private let kinds: [APIResource]
    private let together: @Sendable () -> Int64?
    private let holdMax: Duration
    private var reached: [APIResource: Int64] = [:]
    /// Up to this revision nothing is waited for.
    private var passed: Int64 = 0

    /// - Parameter together: the newest revision that is known to have written several objects.
    init(
        feed: ChangeFeed, kinds: [APIResource], holdMax: Duration = WholeNotices.holdMax,
        together: @escaping @Sendable () -> Int64?
    ) {
        self.feed = feed
        self.kinds = kinds
        self.holdMax = holdMax
        self.together = together
    }

    /// Nil when the feed is finished or the task cancelled.
    mutating func next() async -> ChangeNotice? {
        guard var notice = await feed.next() else { return nil }
        reached.merge(notice.progress) { max($0, $1) }
        let deadline = ContinuousClock.now + holdMax
        while let revision = together(), revision > passed, !Task.isCancelled {
            if kinds.allSatisfy({ reached[$0] ?? 0 >= revision }) || ContinuousClock.now >= deadline {
                passed = revision
                continue
            }
            guard let more = feed.takeNow() else {
                try? await Task.sleep(for: Self.lookInterval)
                continue
            }
            notice.merge(more)
            reached.merge(more.progress) { max($0, $1) }
        }
        return notice
    }
}
