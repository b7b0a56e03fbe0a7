/// Delays between attempts that follow each other: none, 10 s, 20 s, … 300 s.
package enum BackOff {
    /// A run that lasted so long starts the count anew.
    package static let resetAfter = Duration.seconds(600)
    private static let first: Int64 = 10
    private static let longest: Int64 = 300

    /// The wait before the start that follows step `step`.
    package static func delay(step: Int) -> Duration {
        step <= 0 ? .zero : .seconds(min(first << Int64(min(step - 1, 8)), longest))
    }

    /// The step of the container that follows `container`.
    package static func step(after container: ObservedContainer) -> Int {
        let ended = container.finishedAt ?? container.createdAt
        guard let started = container.startedAt, ended - started >= resetAfter else {
            return container.backOffStep + 1
        }
        return 0
    }

    /// When the container that follows may start.
    package static func nextStart(after container: ObservedContainer) -> Timestamp {
        let ended = container.finishedAt ?? container.createdAt
        return ended + delay(step: step(after: container) - 1)
    }
}
