import Synchronization

/// A bounded queue from one producer to one consumer; the producer waits while it is full.
final class Handoff<Element: Sendable>: Sendable {
    private struct State {
        var items: [Element] = []
        var isFinished = false
        var taker: CheckedContinuation<Element?, Never>?
        var putter: CheckedContinuation<Void, Never>?
        var wakeups: [Wakeup] = []

        mutating func wakePutter() {
            if let putter = putter.take() { wakeups.append(.putter(putter)) }
        }
    }

    /// Who goes on, and with what. Nobody is resumed under the lock: a task that is being cancelled holds a lock of its
    /// own that `resume` takes, and asks for this one.
    private enum Wakeup {
        case putter(CheckedContinuation<Void, Never>)
        case taker(CheckedContinuation<Element?, Never>, Element?)

        func resume() {
            switch self {
            case .putter(let continuation): continuation.resume()
            case .taker(let continuation, let element): continuation.resume(returning: element)
            }
        }
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Changes the state, then resumes whoever goes on by it.
    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        let (value, wakeups) = state.withLock { state in
            let value = body(&state)
            defer { state.wakeups = [] }
            return (value, state.wakeups)
        }
        for wakeup in wakeups { wakeup.resume() }
        return value
    }

    /// Returns when there is room again; false where nobody takes any more.
    func put(_ element: Element) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                change { state in
                    state.putter = continuation
                    if state.isFinished { return state.wakePutter() }
                    if let taker = state.taker.take() {
                        state.wakeups.append(.taker(taker, element))
                        return state.wakePutter()
                    }
                    state.items.append(element)
                    if state.items.count < capacity { state.wakePutter() }
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
                change { state in
                    if !state.items.isEmpty {
                        state.wakeups.append(.taker(continuation, state.items.removeFirst()))
                        state.wakePutter()
                    } else if state.isFinished {
                        state.wakeups.append(.taker(continuation, nil))
                    } else {
                        state.taker = continuation
                    }
                }
            }
        } onCancel: {
            finish()
        }
    }

    /// The next element where one waits already.
    func takeNow() -> Element? {
        change { state in
            guard !state.items.isEmpty else { return Element?.none }
            let element = state.items.removeFirst()
            state.wakePutter()
            return element
        }
    }

    /// What was put can still be taken; nothing more can be put.
    func finish() {
        change { state in
            state.isFinished = true
            state.wakePutter()
            if let taker = state.taker.take() { state.wakeups.append(.taker(taker, nil)) }
        }
    }
}
