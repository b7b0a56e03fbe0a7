import Synchronization

/// A flag that one task waits for and any other raises. Raising it twice before it is seen counts once.
final class Wakeup: Sendable {
    private let stream: AsyncStream<Void>
    private let raiser: AsyncStream<Void>.Continuation

    init() { (stream, raiser) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func raise() { raiser.yield() }

    /// Returns when it was raised, when the time is over, or when the task is cancelled.
    func wait(atMost limit: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in self.stream { return }
            }
            if let limit {
                group.addTask { try? await Task.sleep(for: limit) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
