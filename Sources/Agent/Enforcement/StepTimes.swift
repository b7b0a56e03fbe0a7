import APIClient
import Informers
import KubeObjects
import Synchronization

/// The node's `StepLog` by the system's clock, for the engine that fills it and for whoever shows it.
package final class StepTimes: Sendable {
    /// When a revision was committed, in nanoseconds since 1970; nil where that is not known.
    package typealias CommitTime = @Sendable (Int64) -> Int64?

    private let log = Mutex(StepLog())
    private let commitTime: CommitTime

    /// An API server elsewhere does not tell when it commits: by default that is not known.
    package init(commitTime: @escaping CommitTime = { _ in nil }) { self.commitTime = commitTime }

    /// In Prometheus' text format.
    package var metrics: String { log.withLock { $0.histogram.text } }

    package func versions(of name: StepLog.Name) -> [StepLog.Version] { log.withLock { $0.versions(of: name) } }

    /// Objects of one kind that a compile is about to take, as they are cached; what came before `start` is not timed.
    func begin<Item>(
        _ resource: APIResource, _ keys: Set<ObjectKey>, _ cache: InformerCache<Item>, _ lane: StepLog.Lane,
        start: ContinuousClock.Instant
    ) {
        let now = ContinuousClock.now
        let unixNow = SystemClock.unixNanoseconds
        for key in keys {
            guard let since = cache.since(key), since > start, let version = cache.resourceVersion(of: key),
                !version.isEmpty
            else { continue }
            let (seconds, attoseconds) = (now - since).components
            let informed = unixNow - seconds * 1_000_000_000 - attoseconds / 1_000_000_000
            let stored = Int64(version).flatMap(commitTime)
            log.withLock { $0.begin(StepLog.Name(resource, key), version, lane, stored: stored, informed: informed) }
        }
    }

    func compiled(_ lane: StepLog.Lane) { log.withLock { $0.compiled(lane, at: SystemClock.unixNanoseconds) } }
    func written(_ lane: StepLog.Lane) { log.withLock { $0.written(lane, at: SystemClock.unixNanoseconds) } }
    func visible(_ lane: StepLog.Lane, generation: UInt32) {
        log.withLock { $0.visible(lane, generation: generation, at: SystemClock.unixNanoseconds) }
    }
}
