/// When to try again what failed: waits double from `first` to `longest`, and start over after a success. Times are
/// durations since some fixed start; the caller has the clock.
package struct RetrySchedule: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case tryNow
        case tryAt(Duration)
        /// Nothing is due.
        case rest
    }

    private enum State: Sendable, Equatable {
        /// Can transition to: working.
        case idle
        /// Can transition to: idle, backingOff; `again`: more work came meanwhile.
        case working(failures: Int, again: Bool)
        /// Can transition to: working.
        case backingOff(failures: Int, until: Duration)
    }

    package let first: Duration
    package let longest: Duration
    private var state = State.idle

    package init(first: Duration = .milliseconds(10), longest: Duration = .seconds(30)) {
        self.first = first
        self.longest = longest
    }

    /// How often in a row the work has failed.
    package var failures: Int {
        switch state {
        case .idle: 0
        case .working(let failures, _), .backingOff(let failures, _): failures
        }
    }

    /// There is something to do.
    package mutating func wanted(at now: Duration) -> Action {
        switch state {
        case .idle:
            state = .working(failures: 0, again: false)
            return .tryNow
        case .working(let failures, _):
            state = .working(failures: failures, again: true)
            return .rest
        case .backingOff(let failures, let until):
            if now < until { return .tryAt(until) }
            state = .working(failures: failures, again: false)
            return .tryNow
        }
    }

    package mutating func succeeded() -> Action {
        guard case .working(_, let again) = state else { return .rest }
        state = again ? .working(failures: 0, again: false) : .idle
        return again ? .tryNow : .rest
    }

    package mutating func failed(at now: Duration) -> Action {
        guard case .working(let failures, _) = state else { return .rest }
        var wait = first
        for _ in 0..<min(failures, 32) where wait < longest { wait = wait * 2 }
        let until = now + min(wait, longest)
        state = .backingOff(failures: failures + 1, until: until)
        return .tryAt(until)
    }
}
