import Glibc

/// Time as controllers see it; tests give their own.
package struct ControllerClock: Sendable {
    /// Monotonic, since any moment.
    package let now: @Sendable () -> Duration
    /// Microseconds since 1970.
    package let unixMicroseconds: @Sendable () -> Int64
    package let sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> Duration, unixMicroseconds: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.unixMicroseconds = unixMicroseconds
        self.sleep = sleep
    }

    package static let system: ControllerClock = {
        let start = ContinuousClock.now
        return ControllerClock(
            now: { ContinuousClock.now - start },
            unixMicroseconds: {
                var time = timespec()
                clock_gettime(CLOCK_REALTIME, &time)
                return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
            },
            sleep: { try await Task.sleep(for: $0) })
    }()

    /// `metav1.Time`: RFC 3339 in whole seconds.
    package var timestamp: String { Self.text(unixMicroseconds() / 1_000_000) + "Z" }

    /// `metav1.MicroTime`.
    var microTimestamp: String {
        let now = unixMicroseconds()
        let fraction = String(now % 1_000_000 + 1_000_000).dropFirst()
        return Self.text(now / 1_000_000) + ".\(fraction)Z"
    }

    /// Civil date and time of seconds since 1970 (days to date after Howard Hinnant's `civil_from_days`).
    static func text(_ seconds: Int64) -> String {
        let days = seconds / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let second = seconds % 86_400
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))"
    }

    /// Seconds since 1970 of such a text; nil where it is none. A fraction is cut off.
    static func seconds(of text: String) -> Int64? {
        let digits = text.utf8.map { Int64($0) - 0x30 }
        guard digits.count >= 20, text.hasSuffix("Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard digits[range].allSatisfy({ (0...9).contains($0) }) else { return nil }
            return digits[range].reduce(0) { $0 * 10 + $1 }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second
    }
}
