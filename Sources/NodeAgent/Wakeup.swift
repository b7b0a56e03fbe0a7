import Synchronization

/// A flag that one task waits for and any other raises. Raising it twice before it is seen counts once.
///
/// Not an `AsyncStream`: a stream ends when a waiter is cancelled, and every later wait would return at once.
final class Wakeup: Sendable {
    private struct State {
        var isRaised = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func raise() {
        let waiting = state.withLock { state in
            state.isRaised = true
            return state.waiting.take()
        }
        waiting?.resume()
    }

    /// Returns when it was raised, when the time is over, or when the task is cancelled.
    func wait(atMost limit: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitUntilRaised() }
            if let limit {
                group.addTask { try? await Task.sleep(for: limit) }
            }
            await group.next()
            group.cancelAll()
        }
        state.withLock { $0.isRaised = false }
    }

    private func waitUntilRaised() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRaised || Task.isCancelled { return true }
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume()
        }
    }
}
