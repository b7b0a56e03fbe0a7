package import APIMachinery
import Glibc

/// The time of day, as a parameter: tests give their own.
package protocol WallClock: Sendable {
    /// UTC.
    var now: Timestamp { get }
}

extension WallClock {
    /// Seconds since 1970.
    var unixSeconds: Int64 { now.secondsSince1970 }
}

package struct SystemWallClock: WallClock {
    package init() {}

    package var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(secondsSince1970: Int64(time.tv_sec), microseconds: Int32(time.tv_nsec / 1000))
    }
}
