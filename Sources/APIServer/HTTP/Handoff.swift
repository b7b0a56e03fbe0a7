import Synchronization

/// A bounded queue from one producer to one consumer; the producer waits while it is full.
final class Handoff<Element: Sendable>: Sendable {
    private struct State {
        var items: [Element] = []
        var isFinished = false
        var taker: CheckedContinuation<Element?, Never>?
        var putter: CheckedContinuation<Void, Never>?
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Returns when there is room again; false where nobody takes any more.
    func put(_ element: Element) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                state.withLock { state in
                    if state.isFinished { return continuation.resume() }
                    if let taker = state.taker {
                        state.taker = nil
                        taker.resume(returning: element)
                        return continuation.resume()
                    }
                    state.items.append(element)
                    if state.items.count < capacity { return continuation.resume() }
                    state.putter = continuation
                }
            }
        } onCancel: {
            finish()
        }
        return state.withLock { !$0.isFinished }
    }

    /// The next element; nil after the end.
    func take() async -> Element? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    if !state.items.isEmpty {
                        let element = state.items.removeFirst()
                        state.putter?.resume()
                        state.putter = nil
                        return continuation.resume(returning: element)
                    }
                    if state.isFinished { return continuation.resume(returning: nil) }
                    state.taker = continuation
                }
            }
        } onCancel: {
            finish()
        }
    }

    /// The next element where one waits already.
    func takeNow() -> Element? {
        state.withLock { state in
            guard !state.items.isEmpty else { return nil }
            let element = state.items.removeFirst()
            state.putter?.resume()
            state.putter = nil
            return element
        }
    }

    /// What was put can still be taken; nothing more can be put.
    func finish() {
        state.withLock { state in
            state.isFinished = true
            state.putter?.resume()
            state.putter = nil
            state.taker?.resume(returning: nil)
            state.taker = nil
        }
    }
}
