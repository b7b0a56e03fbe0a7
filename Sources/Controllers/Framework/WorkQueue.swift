/// Names to work on, each at most once at a time: added while it is worked on it comes again afterwards. Failures come
/// back later and later, a bounded number of times; then only a new change or the next resync brings the name back.
///
/// Pure: time is whatever monotonic time the caller passes.
struct WorkQueue<Key: Hashable & Sendable>: Sendable {
    /// Tries after a failure, before it is left to the next change or resync.
    static var retriesMax: Int { 14 }
    static var retryDelayInitial: Duration { .milliseconds(10) }
    static var retryDelayMax: Duration { .seconds(30) }

    enum Step: Equatable {
        case work(Key)
        /// Nothing is due; nil: until something is added.
        case wait(until: Duration?)
    }

    enum Outcome {
        case done
        case again(after: Duration)
        case failed
    }

    private var ready: [Key] = []
    private var head = 0
    private var queued: Set<Key> = []
    private var running: Set<Key> = []
    private var isAddedWhileRunning: Set<Key> = []
    private var retries: [Key: Int] = [:]
    private var delayed: [Key: Duration] = [:]

    var count: Int { queued.count + delayed.count }

    var hasReady: Bool { head < ready.count }

    mutating func add(_ key: Key) {
        delayed[key] = nil
        if running.contains(key) {
            isAddedWhileRunning.insert(key)
        } else if queued.insert(key).inserted {
            ready.append(key)
        }
    }

    /// Adds the key at that time, or earlier where it already waits for an earlier one.
    mutating func add(_ key: Key, at deadline: Duration) {
        guard !queued.contains(key) else { return }
        delayed[key] = min(delayed[key] ?? deadline, deadline)
    }

    mutating func next(now: Duration) -> Step {
        for (key, deadline) in delayed where deadline <= now { add(key) }
        guard head < ready.count else { return .wait(until: delayed.values.min()) }
        let key = ready[head]
        head += 1
        if head > 64, head > ready.count / 2 {
            ready.removeFirst(head)
            head = 0
        }
        queued.remove(key)
        running.insert(key)
        return .work(key)
    }

    /// Returns false where the key failed for the last time.
    @discardableResult
    mutating func finish(_ key: Key, _ outcome: Outcome, now: Duration) -> Bool {
        running.remove(key)
        if isAddedWhileRunning.remove(key) != nil { add(key) }
        switch outcome {
        case .done:
            retries[key] = nil
        case .again(let delay):
            retries[key] = nil
            add(key, at: now + delay)
        case .failed:
            let count = retries[key, default: 0] + 1
            guard count <= Self.retriesMax else {
                retries[key] = nil
                return false
            }
            retries[key] = count
            add(key, at: now + min(Self.retryDelayInitial * (1 << (count - 1)), Self.retryDelayMax))
        }
        return true
    }
}
