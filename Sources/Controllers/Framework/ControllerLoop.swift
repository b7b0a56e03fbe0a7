package import Informers
package import Logging
import ServiceLifecycle
import Synchronization

/// One controller at work: change notices become names, names are worked on one after the other, failures come again.
///
/// The work gets a name and nothing else; what is to be done it reads from caches and the API. Every name is looked at
/// again at the resync interval, so a lost notice costs time, not correctness.
package final class ControllerLoop<Key: Hashable & Sendable>: ServiceLifecycle.Service, Sendable {
    package struct Plan: Sendable {
        package let name: String
        package var resyncInterval = Duration.seconds(300)
        /// Returns when the caches that the work reads are filled.
        package let waitForSync: @Sendable () async -> Void
        /// Which names a notice concerns.
        package let keys: @Sendable (ChangeNotice) -> [Key]
        /// All names, for the resync.
        package let allKeys: @Sendable () -> [Key]
        /// Brings one name to where it should be. A duration asks for another look after it.
        package let work: @Sendable (Key) async throws -> Duration?

        package init(
            name: String, waitForSync: @escaping @Sendable () async -> Void,
            keys: @escaping @Sendable (ChangeNotice) -> [Key], allKeys: @escaping @Sendable () -> [Key],
            work: @escaping @Sendable (Key) async throws -> Duration?
        ) {
            self.name = name
            self.waitForSync = waitForSync
            self.keys = keys
            self.allKeys = allKeys
            self.work = work
        }
    }

    private struct State {
        var queue = WorkQueue<Key>()
        var waiting: UnsafeContinuation<Void, Never>?
    }

    private let plan: Plan
    private let feed: ChangeFeed
    private let clock: ControllerClock
    private let logger: Logger
    private let state = Mutex(State())

    package init(_ plan: Plan, feed: ChangeFeed, clock: ControllerClock, logger: Logger) {
        self.plan = plan
        self.feed = feed
        self.clock = clock
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await self.plan.waitForSync()
            await withDiscardingTaskGroup { group in
                group.addTask { await self.collect() }
                group.addTask { await self.resync() }
                await self.work()
                group.cancelAll()
            }
        }
    }

    private func collect() async {
        while let notice = await feed.next() { add(plan.keys(notice)) }
    }

    private func resync() async {
        while !Task.isCancelled {
            add(plan.allKeys())
            do { try await clock.sleep(plan.resyncInterval) } catch { return }
        }
    }

    private func add(_ keys: [Key]) {
        guard !keys.isEmpty else { return }
        let waiting = state.withLock { state in
            for key in keys { state.queue.add(key) }
            return state.waiting.take()
        }
        waiting?.resume()
    }

    private func work() async {
        while !Task.isCancelled {
            switch state.withLock({ $0.queue.next(now: clock.now()) }) {
            case .wait(let deadline): await wait(until: deadline)
            case .work(let key):
                let outcome: WorkQueue<Key>.Outcome
                do {
                    let delay = try await plan.work(key)
                    outcome = delay.map { .again(after: $0) } ?? .done
                } catch {
                    outcome = .failed
                    if Task.isCancelled { return }
                    logger.debug(
                        "work on a name failed",
                        metadata: ["controller": "\(plan.name)", "name": "\(key)", "error": "\(error)"])
                }
                let isKept = state.withLock { $0.queue.finish(key, outcome, now: clock.now()) }
                if !isKept {
                    logger.warning(
                        "gave up until the next change or resync",
                        metadata: ["controller": "\(plan.name)", "name": "\(key)"])
                }
            }
        }
    }

    private func wait(until deadline: Duration?) async {
        guard let deadline else { return await waitForKeys() }
        let pause = deadline - clock.now()
        guard pause > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.clock.sleep(pause) }
            group.addTask { await self.waitForKeys() }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForKeys() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isReady = state.withLock { state in
                    if Task.isCancelled || state.queue.hasReady { return true }
                    state.waiting = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume()
        }
    }
}
