import BenchReport
import Glibc

/// Makes changes at a steady pace, and times each until the kernel has it.
///
/// The thread that looks at the kernel sleeps in between: a task's sleep wakes three threads each time, and took a good
/// part of the core on which the daemon worked for the change.
struct ChangeTimer {
    static let secondsMax = 2.0
    let changes: Int
    let perSecond: Double

    /// As below, with a value for each change.
    func times(of value: () -> UInt64, change: @escaping @Sendable (Int) async throws -> Void) async throws -> [Double]
    { try await times(of: { _ in value() }, change: change) }

    /// Milliseconds from the sending of each change until its `value` is another one. Throws where it stays the same
    /// for `secondsMax`.
    func times(
        of value: (Int) -> UInt64, change: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> [Double] {
        var times: [Double] = []
        for index in 0..<changes {
            let before = value(index)
            let start = Shell.now
            async let answer: Void = change(index)
            while value(index) == before {
                guard Shell.now - start < Self.secondsMax * 1e6 else {
                    try await answer
                    throw BenchError(
                        "change \(index) was answered, and is not in the kernel after \(Self.secondsMax) s")
                }
                usleep(50)
            }
            times.append((Shell.now - start) / 1e3)
            try await answer
            let rest = 1e6 / perSecond - (Shell.now - start)
            if rest > 0 { try await Task.sleep(for: .microseconds(Int(rest))) }
        }
        return times
    }
}
