/// How long to wait before the next try: doubles from `initial` to `maximum`, each time shortened by up to a half at
/// random, so that many who failed together do not come back together.
package struct Backoff: Sendable {
    package let initial: Duration
    package let maximum: Duration
    private var current: Duration

    package init(initial: Duration, maximum: Duration) {
        self.initial = initial
        self.maximum = maximum
        current = initial
    }

    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        defer { current = min(current * 2, maximum) }
        return current * Double.random(in: 0.5...1, using: &random)
    }

    /// After a success.
    package mutating func reset() { current = initial }
}
