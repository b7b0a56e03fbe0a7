import CLinux
import Glibc

/// The kernel's clocks, in nanoseconds.
enum SystemClock {
    /// CLOCK_BOOTTIME, which goes on while the machine sleeps.
    static var bootNanoseconds: Int64 { clinux_boottime_ns() }
    /// CLOCK_MONOTONIC, the clock of events.
    static var monotonicNanoseconds: Int64 { clinux_monotonic_ns() }
    /// Since 1970, UTC.
    static var unixNanoseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
